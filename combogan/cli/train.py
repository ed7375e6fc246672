"""`combogan train`: words in, a run out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from combogan.errors import RunError
from combogan.settings import Settings, parse_change, presets, sentence

if TYPE_CHECKING:
    from combogan.training.runs import Prepared

Function = TypeVar("Function", bound=Callable[..., Any])

# The settings that have a flag of their own; all others are reached with --set.
FLAGS = {
    "epochs": "schedule.epochs",
    "iterations": "schedule.iterations",
    "batch": "schedule.batch",
    "size": "images.size",
    "seed": "run.seed",
    "device": "run.device",
}


def _flag(name: str, metavar: str, kind: type = int) -> Callable[[Function], Function]:
    return click.option(f"--{name}", type=kind, metavar=metavar, help=sentence(FLAGS[name]))


@click.command()
@click.option("--domains", metavar="NAME,NAME,...", help="Domains, or NAME=FOLDER; two or more, separated by commas.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Look for domains in DIR/NAME first.")
@click.option("--preset", metavar="NAME", help=f"Settings that come with combogan: {', '.join(presets())}.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings from a TOML file.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run; runs/<domains> if left out."
)
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run, finished or stopped.")
@_flag("epochs", "N")
@_flag("iterations", "N")
@_flag("size", "PX")
@_flag("batch", "N")
@_flag("seed", "N")
@_flag("device", "auto|cpu|cuda[:N]", str)
@click.option("--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Any other setting; repeatable.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
def command(
    domains: str | None,
    data: Path | None,
    preset: str | None,
    config: Path | None,
    out: Path | None,
    resume: Path | None,
    changes: tuple[str, ...],
    dry_run: bool,
    **flags: Any,
) -> None:
    """Train a translator between two or more domains.

    \b
    combogan train --domains summer,winter,spring,fall        the embedded drawn seasons
    combogan train --domains photo=pictures/photo,monet=pictures/monet --preset small-data
    combogan train --resume runs/summer-winter --epochs 150    go on, or go on for longer

    Without --preset or --config the settings are `paper` (256 px, 100 epochs per domain) where there is a CUDA
    device, and `quick` (64 px, minutes on a CPU) where there is none. --set reaches every setting in settings.toml.
    """
    if resume is not None:
        _refuse_with_resume(
            {"--domains": domains, "--data": data, "--preset": preset, "--config": config, "--out": out}
        )
        _go_on(resume, _changes(changes, flags), dry_run)
        return
    if not domains:
        raise click.UsageError(
            "no domains were named; try --domains summer,winter,spring,fall. `combogan domains list` shows all."
        )
    if preset and config:
        raise click.UsageError("--preset and --config were both given; leave one out.")
    settings = _settings(preset, config, _changes(changes, flags))
    _begin(settings, domains.split(","), data, out, dry_run)


def _settings(preset: str | None, config: Path | None, changes: dict[str, Any]) -> Settings:
    if config is not None:
        return Settings.load(config if config.suffix else config.with_suffix(".toml"), changes)
    if preset is None:
        import torch

        cuda = torch.cuda.is_available() and changes.get("run.device", "auto") != "cpu"
        preset = "paper" if cuda else "quick"
        why = "a CUDA device was found" if cuda else "training runs on the CPU"
        click.echo(f"Settings: {preset}, because {why}; choose others with --preset or --config.")
    return Settings.load(preset, changes)


def _changes(changes: tuple[str, ...], flags: dict[str, Any]) -> dict[str, Any]:
    given = {FLAGS[name]: value for name, value in flags.items() if value is not None}
    if "schedule.epochs" in given and "schedule.iterations" not in given:
        given["schedule.iterations"] = None
    if "images.size" in given and "images.load" not in given:
        # Crops keep their share of the picture, as 256 of 286 do.
        given["images.load"] = round(given["images.size"] * 286 / 256)
    if (epochs := given.get("schedule.epochs")) is not None:
        given["schedule.decay_from"] = epochs // 2
    return given | dict(parse_change(change) for change in changes)


def _begin(settings: Settings, domains: list[str], data: Path | None, out: Path | None, dry_run: bool) -> None:
    from combogan.cli.progress import carry_out, reporter, show_plan
    from combogan.training.runs import prepare, start

    report = reporter()
    prepared: Prepared = prepare(settings, domains, data=data, tell=report.tell)
    show_plan(prepared)
    if not dry_run:
        sys.exit(carry_out(start(prepared, out, report), report))


def _go_on(run: Path, changes: dict[str, Any], dry_run: bool) -> None:
    from combogan.cli.progress import carry_out, reporter, show_plan
    from combogan.training import growth, runs

    report = reporter()
    take_up = growth.resume if growth.is_growth(run) else runs.resume
    trainer = take_up(run, changes, report)
    show_plan(runs.Prepared(trainer.settings, trainer.sources), trainer)
    if not dry_run:
        sys.exit(carry_out(trainer, report))


def _refuse_with_resume(given: dict[str, object]) -> None:
    for name, value in given.items():
        if value:
            raise RunError(f"{name} cannot be given with --resume; a run goes on with what it began with.")

"""`combogan train`: words in, a run out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from combogan.cli.options import PATH, any_setting, changed, chosen, epochs, setting
from combogan.errors import RunError
from combogan.settings import Settings, presets


@click.command()
@click.option(
    "--domains",
    metavar="NAME,NAME,...",
    help="Domains, or NAME=FOLDER; two or more, separated by commas. With --resume: NAME=FOLDER for what has moved.",
)
@click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="Look for domains in DIR/NAME first. With --resume: their folders have moved there.",
)
@click.option("--preset", metavar="NAME", help=f"Settings that come with combogan: {', '.join(presets())}.")
@click.option("--config", type=PATH, metavar="FILE", help="Settings from a TOML file.")
@click.option("--out", type=PATH, metavar="RUN", help="Folder of the run; runs/<domains> if left out.")
@click.option("--resume", type=PATH, metavar="RUN", help="Go on with a run, finished or stopped.")
@epochs
@setting("iterations", "N")
@setting("size", "PX")
@setting("batch", "N")
@setting("seed", "N")
@setting("device", "auto|cpu|cuda[:N]", str)
@any_setting
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
    combogan train --resume runs/photo-monet --data pictures   go on after the pictures have moved to pictures/NAME

    Without --preset or --config the settings are `paper` (256 px, 100 epochs per domain) where there is a CUDA
    device, and `quick` (64 px, minutes on a CPU) where there is none. --set reaches every setting in settings.toml.
    """
    if resume is not None:
        _refuse_with_resume({"--preset": preset, "--config": config, "--out": out})
        _go_on(resume, changed(changes, flags), (domains or "").split(","), data, dry_run)
        return
    if not domains:
        raise click.UsageError(
            "no domains were named; try --domains summer,winter,spring,fall. `combogan domains list` shows all."
        )
    settings = chosen(preset, config, changed(changes, flags))
    _begin(settings, domains.split(","), data, out, dry_run)


def _begin(settings: Settings, domains: list[str], data: Path | None, out: Path | None, dry_run: bool) -> None:
    from combogan.cli.progress import carry_out, reporter, show_plan
    from combogan.training.runs import prepare, start

    report = reporter()
    prepared = prepare(settings, domains, data=data, tell=report.tell)
    show_plan(prepared.settings, prepared.sources, prepared.course)
    if not dry_run:
        sys.exit(carry_out(start(prepared, out, report), report))


def _go_on(run: Path, changes: dict[str, Any], domains: list[str], data: Path | None, dry_run: bool) -> None:
    from combogan.cli.progress import carry_out, reporter, show_plan
    from combogan.training import growing, runs
    from combogan.training.growthcard import is_growth

    report = reporter()
    take_up = growing.resume if is_growth(run) else runs.resume
    trainer = take_up(run, changes, report, domains=domains, data=data)
    show_plan(trainer.settings, trainer.sources, trainer.course, new=trainer.new)
    if not dry_run:
        sys.exit(carry_out(trainer, report))


def _refuse_with_resume(given: dict[str, object]) -> None:
    for name, value in given.items():
        if value:
            raise RunError(f"{name} cannot be given with --resume; a run goes on with what it began with.")

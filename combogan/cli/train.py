"""`combogan train`: words in, a run out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from combogan.cli.options import PATH, any_setting, changed, chosen, epochs, number_or_auto, setting
from combogan.errors import RunError
from combogan.settings import presets


@click.command()
@click.argument("more", nargs=-1, metavar="")
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
@setting("workers", "N|auto", number_or_auto)
@any_setting
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
def command(
    more: tuple[str, ...],
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

    Without --preset or --config the settings are `default` (256 px, 100 epochs per domain) where there is a CUDA
    device, and `quick` (64 px, minutes on a CPU) where there is none. --set changes any setting in settings.toml.
    """
    if more and resume is not None:
        raise click.UsageError(f"'{more[0]}' belongs to no option; leave it out, as a run keeps its domains.")
    if more:
        names = ",".join(word for one in (domains or "", *more) for word in one.split(",") if word)
        raise click.UsageError(f"'{more[0]}' belongs to no option; separate domains by commas: --domains {names}")
    if resume is None and not domains:
        raise click.UsageError(
            "no domains were named; try --domains summer,winter,spring,fall. `combogan domains list` shows all."
        )
    words, given = (domains or "").split(","), changed(changes, flags)
    if resume is None:
        settings = chosen(preset, config, given)
    else:
        _refuse_with_resume({"--preset": preset, "--config": config, "--out": out})
    from combogan.cli.progress import show_plan
    from combogan.cli.running import carry_out
    from combogan.runs import prepare, run
    from combogan.runs.progress import reporter

    report = reporter()
    if resume is None:
        prepared = prepare.prepare(settings, words, data=data, out=out, tell=report.tell)
    else:
        prepared = prepare.prepare_resume(resume, given, domains=words, data=data, tell=report.tell)
    show_plan(prepared)
    if not dry_run:
        begin = run.start if resume is None else run.resume
        sys.exit(carry_out(begin(prepared, report), report))


def _refuse_with_resume(given: dict[str, object]) -> None:
    for name, value in given.items():
        if value:
            raise RunError(f"{name} cannot be given with --resume; a run goes on with what it began with.")

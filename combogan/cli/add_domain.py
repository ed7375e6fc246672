"""`combogan add-domain`: add a domain to a trained run, or to packs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from combogan.cli.options import PATH, any_setting, changed, chosen, epochs, number_or_auto, setting
from combogan.settings import presets


@click.command()
@click.argument("domain", metavar="NAME")
@click.option("--run", type=PATH, metavar="RUN", help="The run to add the domain to.")
@click.option("--registry", type=PATH, metavar="PACKS", help="Packs to add to, without their run.")
@click.option("--data", type=PATH, metavar="DIR", help="Look for domains in DIR/NAME first.")
@click.option("--preset", metavar="NAME", help=f"With --registry: {', '.join(presets())}.")
@click.option("--config", type=PATH, metavar="FILE", help="With --registry: a TOML file.")
@click.option("--out", type=PATH, metavar="RUN", help="With --registry: folder to write.")
@epochs
@setting("iterations", "N")
@setting("batch", "N")
@setting("seed", "N")
@setting("device", "auto|cpu|cuda[:N]", str)
@setting("workers", "N|auto", number_or_auto)
@any_setting
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
def command(
    domain: str,
    run: Path | None,
    registry: Path | None,
    data: Path | None,
    preset: str | None,
    config: Path | None,
    out: Path | None,
    changes: tuple[str, ...],
    dry_run: bool,
    **flags: Any,
) -> None:
    """Add one more domain, NAME or NAME=FOLDER, to a trained run or to packs alone.

    \b
    combogan add-domain winter --run runs/spring-summer-fall
    combogan add-domain monet=pictures/monet --registry packs --data pictures

    Only the new domain's networks are trained; the old packs stay the same to the byte, and translate to and from the
    new one at once. If it is stopped, `combogan train --resume RUN/added/NAME` goes on with it.
    """
    if (run is None) == (registry is None):
        raise click.UsageError("say what to add the domain to: either --run RUN or --registry PACKS.")
    if run is not None and (preset or config or out):
        raise click.UsageError(
            "--preset, --config and --out go with --registry; a run has its own settings and folder."
        )
    from combogan.cli.progress import show_plan
    from combogan.cli.running import carry_out
    from combogan.runs.add_domain import onto_packs, onto_run
    from combogan.runs.progress import reporter
    from combogan.runs.run import start

    report = reporter()
    given = changed(changes, flags)
    if run is not None:
        prepared = onto_run(domain, run, data=data, changes=given, tell=report.tell)
    else:
        assert registry is not None
        settings = chosen(preset, config, given)
        prepared = onto_packs(domain, registry, settings, given=given, data=data, out=out, tell=report.tell)
    show_plan(prepared)
    if not dry_run:
        sys.exit(carry_out(start(prepared, report), report))

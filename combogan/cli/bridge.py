"""`combogan bridge`: connect the latent spaces of two runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from combogan.cli.options import PATH, any_setting, changed, epochs, setting


@click.command()
@click.argument("run_a", type=PATH)
@click.argument("run_b", type=PATH)
@click.option("--data", type=PATH, metavar="DIR", help="Look for pictures that have moved in DIR/NAME.")
@click.option("--out", type=PATH, metavar="RUN", help="Folder to write; runs/RUN_A-and-RUN_B if left out.")
@epochs
@setting("iterations", "N", more="A quarter of those of the shorter run if left out.")
@setting("batch", "N")
@setting("seed", "N")
@setting("device", "auto|cpu|cuda[:N]", str)
@any_setting
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
def command(
    run_a: Path,
    run_b: Path,
    data: Path | None,
    out: Path | None,
    changes: tuple[str, ...],
    dry_run: bool,
    **flags: Any,
) -> None:
    """Connect two runs that were trained apart: every encoder of one then feeds every decoder of the other.

    \b
    combogan bridge runs/photo-summer runs/monet-cezanne
    combogan translate --from photo --to all --registry runs/photo-summer-and-monet-cezanne

    Only a pair of small adapters between the two latent spaces is trained, with the settings of RUN_A; the packs of
    both runs stay the same to the byte. If it is stopped, `combogan train --resume RUN` goes on with it.
    """
    from combogan.cli.progress import show_plan
    from combogan.cli.running import carry_out
    from combogan.runs.bridge import between
    from combogan.runs.progress import reporter
    from combogan.runs.run import start

    report = reporter()
    prepared = between(run_a, run_b, data=data, out=out, changes=changed(changes, flags), tell=report.tell)
    show_plan(prepared)
    if not dry_run:
        sys.exit(carry_out(start(prepared, report), report))

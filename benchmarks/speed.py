"""How fast training and translating are, and how much memory they take, compared with the published code.

    python benchmarks/speed.py --reference ComboGAN [--only original-256,train] [--quick]

ComboGAN is a checkout of the published code (github.com/AAnoosheh/ComboGAN), which needs SciPy; the option can be given
twice, with its last state for the `original` networks and the release of the paper for the `paper` networks. Without
it only our code is measured. Each measurement runs in a process of its own, published and ours in turn, twice; times
are medians after a few iterations that are not timed, memory is the peak of the process beyond that of a process that
only imports torch. The table is also appended to benchmarks/README.md. Everything takes about a quarter of an hour on
two cores, and nothing else should run at the same time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from speed_processes import MeasurementError, measure
from speed_published import holds
from speed_rows import ROWS, Bench
from speed_table import Row, markdown, terminal, where

PAGE = Path(__file__).parent / "README.md"


def main() -> None:
    given = _arguments()
    if given.threads:
        os.environ["OMP_NUM_THREADS"] = str(given.threads)
    references = _references(given.reference)
    console = Console(width=None if sys.stdout.isatty() else 160)
    machine = measure("machine")
    about = where(machine, commit=_commit(), date=date.today().isoformat())
    console.print(about, markup=False)
    with tempfile.TemporaryDirectory(prefix="speed-") as scratch:
        bench = Bench(
            references=references,
            device=machine["device"],
            precision=machine["precision"],
            threads=machine["threads"],
            base=measure("nothing")["peak"],
            scratch=Path(scratch),
            quick=given.quick,
        )
        names = [n for n in ROWS if n in given.only or not (given.only or (given.quick and n.endswith("-256")))]
        rows, failures = _measured(bench, names, console)
    console.print(terminal(rows, title=about))
    if not (given.quick or given.no_append) and rows:
        text = markdown(rows, heading=f"Speed ({date.today().isoformat()})", about=about)
        with PAGE.open("a", encoding="utf-8") as page:
            page.write(f"\n{text}")
    sys.exit(bool(failures))


def _measured(bench: Bench, names: Sequence[str], console: Console) -> tuple[list[Row], int]:
    """All rows, each printed when it is measured; and how many measurements failed."""
    rows, failures = [], 0
    for name in names:
        try:
            for row in ROWS[name](bench):
                rows.append(row)
                console.print(row.text(), markup=False, highlight=False, soft_wrap=True)
        except MeasurementError as error:
            failures += 1
            console.print(f"{name} failed: {error}", markup=False, highlight=False, soft_wrap=True)
    return rows, failures


def _references(folders: Sequence[Path]) -> dict[str, str]:
    """Preset -> the checkout of the published code with the same networks."""
    found = {}
    for folder in folders:
        preset = holds(folder)
        if preset is None:
            sys.exit(f"Error: {folder} is no checkout of the published code: it has no models/networks.py.")
        found[preset] = str(folder.resolve())
    return found


def _commit() -> str:
    """The current commit, followed by + where files were changed since; empty outside a checkout."""
    try:
        described = ["git", "-C", str(PAGE.parent), "describe", "--always", "--exclude=*", "--dirty=+"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=f"rows: {', '.join(ROWS)}"
    )
    parser.add_argument("--reference", type=Path, action="append", default=[], metavar="FOLDER", help="repeatable")
    parser.add_argument("--only", type=_names, default=[], metavar="NAME,...", help="measure these rows only")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of both [default: what torch chooses]")
    parser.add_argument("--quick", action="store_true", help="two timed iterations, small sizes: does every row run?")
    parser.add_argument("--no-append", action="store_true", help="leave benchmarks/README.md as it is")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in ROWS:
            raise argparse.ArgumentTypeError(f"there is no row '{name}'; there are {', '.join(ROWS)}")
    return names


if __name__ == "__main__":
    main()

"""How well variants of the training do: changes of a preset, all trained for the same number of iterations.

    python benchmarks/quality.py screen --data DIR                   every variant alone: landscapes, 1,600, one seed
    python benchmarks/quality.py best --data DIR --rows a,b,a+b      the best, alone and joined: 4,000, all regimes
    python benchmarks/quality.py final --regime small,300 --rows original,a+b      three seeds, drawn seasons
    python benchmarks/quality.py table                               all results, also written into benchmarks/README.md

Three regimes: `landscapes` changes the preset `small-data` and trains on real pictures, in DIR/NAME/train and
DIR/NAME/test for each domain; `300` (pictures of each drawn season) and `small` (40 of each) change `quick`, and are
scored against the truth too. A row is a variant (or several, joined by +) in a regime with a seed. Rows recorded in
benchmarks/quality.jsonl are not trained again; Ctrl-C stops after the iteration, and the same command goes on from
there. Several processes can train different rows at the same time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack, nullcontext
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import quality_flat
from quality_patches import PATCHES
from quality_record import baselines, known, known_baselines, scored, write
from quality_table import show
from quality_variants import REGIMES, STAGES, VARIANTS, Row, variant

from combogan import machine, storage
from combogan.cli.running import carry_out
from combogan.errors import ComboganError
from combogan.evaluation.run import evaluate, open_run
from combogan.runs.prepare import prepare, prepare_resume
from combogan.runs.progress import PlainReport
from combogan.runs.run import resume, start
from combogan.training.trainer import Trainer

RECORD = Path(__file__).with_name("quality.jsonl")


def main() -> None:
    given = _arguments()
    if given.stage == "table":
        if not given.record.is_file():
            sys.exit(f"Error: there is no record '{given.record}'; give the file that rows were recorded in.")
        show(given.record)
        return
    stage = STAGES[given.stage]
    names = given.rows or [name for name, one in VARIANTS.items() if one.preset is None]
    regimes = given.regime or stage.regimes
    iterations = given.iterations or stage.iterations
    order = product(given.seeds or stage.seeds, regimes, names)
    rows = [
        Row(regime, name, iterations, seed, None if REGIMES[regime].collection else given.data)
        for seed, regime, name in order
    ]
    try:
        rows = without_repeats(rows)
        folders = [row.folder for row in rows]  # rows that cannot be trained raise an error first
        storage.refuse_unwritable(given.record.parent)
    except ComboganError as error:
        sys.exit(f"Error: {error}")
    failed = 0
    for row, folder in zip(rows, folders, strict=True):
        print(folder, flush=True)
        if known(given.record, row):
            print("is recorded already.")
            continue
        try:
            with machine.threads(given.threads) if given.threads else nullcontext():
                carried_out(row, given.out / folder, given.record, given.threads)
        except ComboganError as error:  # such as a training that diverges; train the others
            print(f"Error: {error}", file=sys.stderr, flush=True)
            failed += 1
        except KeyboardInterrupt:
            sys.exit(130)
    sys.exit(1 if failed else 0)


def without_repeats(rows: Iterable[Row]) -> list[Row]:
    """The rows without those that equal an earlier one: some variants change nothing in some presets."""
    first: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        first.setdefault((row.regime, row.iterations, row.seed, row.digest), row)
    return list(first.values())


def carried_out(row: Row, out: Path, record: Path, threads: int | None) -> None:
    """Train a row, or the rest of it; score and record it. Exits the program where Ctrl-C stops the training."""
    with ExitStack() as patched:
        for name in variant(row.variant).patches:
            patched.enter_context(PATCHES[name]())
        trainer = prepared(row, out, threads)
        if code := carry_out(trainer, PlainReport()):
            sys.exit(code)
        opened = open_run(out, data=row.data)
        scores, flat = evaluate(opened), quality_flat.of_run(opened)
    chosen = trainer.journal.folder.settings().run
    where = machine.environment(trainer.engine.device, trainer.engine.precision, chosen.threads)
    about = {**where, "pairs_at_once": chosen.pairs_at_once, "commit": _commit()}
    about["date"] = date.today().isoformat()
    if not known_baselines(record, row):
        for line in baselines(row, scores, quality_flat.of_matching(opened), about):
            write(record, line)
    write(record, scored(row, scores, flat, out, about))


def prepared(row: Row, out: Path, threads: int | None) -> Trainer:
    """The trainer of a row: at what was saved last, or at the start."""
    changes: dict[str, Any] = {"run.threads": threads, "run.pairs_at_once": 1} if threads else {}
    if any(out.glob("*/[0-9]*/manifest.json")):  # checkpoints, or the autoencoder of the start
        return resume(prepare_resume(out, changes, data=row.data), PlainReport())
    out.parent.mkdir(parents=True, exist_ok=True)
    return start(prepare(row.settings.changed(changes), row.domains, out=out), PlainReport())


def _names(text: str) -> list[str]:
    return text.split(",")


def _regimes(text: str) -> list[str]:
    if unknown := [name for name in _names(text) if name not in REGIMES]:
        raise argparse.ArgumentTypeError(f"no regime is called '{unknown[0]}'; there are: {', '.join(REGIMES)}")
    return _names(text)


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not numbers with commas between them") from None


def _commit() -> str:
    """The current commit, followed by + where files were changed since; empty outside a checkout."""
    described = ["git", "-C", str(RECORD.parent), "describe", "--always", "--exclude=*", "--dirty=+"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.run(described, capture_output=True, text=True, check=True, env=quiet).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"variants: {', '.join(VARIANTS)}",
    )
    parser.add_argument("stage", choices=[*STAGES, "table"])
    parser.add_argument("--rows", type=_names, metavar="NAME,...", help="these variants only")
    parser.add_argument("--regime", type=_regimes, metavar="NAME,...", help=f"only these of {', '.join(REGIMES)}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="pictures of `landscapes`: DIR/NAME/train and /test")
    parser.add_argument("--iterations", type=int, metavar="N")
    parser.add_argument("--seeds", type=_numbers, metavar="N,...")
    parser.add_argument("--out", type=Path, default=Path("quality"), metavar="FOLDER", help="where runs are kept")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads, for one pair at a time")
    parser.add_argument("--record", type=Path, default=RECORD, metavar="FILE", help="where results are kept")
    given = parser.parse_args()
    if given.stage in ("best", "final") and not given.rows:
        parser.error(f"{given.stage} needs --rows, such as --rows reference,style-4,style-4+cycle-5")
    return given


if __name__ == "__main__":
    main()

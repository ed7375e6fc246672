"""How well a bridge connects two runs that were trained apart, beside one run of all their domains.

    python benchmarks/bridge.py [--iterations 1500] [--share 0.25] [--preset quick] [--out FOLDER]

Trains summer+fall and winter+spring apart, builds a bridge between them, and trains all four together with as many
updates of each domain. Prints a line of a table for each: the means over the eight crossing directions, against the
truth. Runs that are in FOLDER already are gone on with, so that a stopped benchmark can be started again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from combogan.errors import ComboganError
from combogan.evaluation.run import evaluate
from combogan.evaluation.scores import Comparison
from combogan.registry.registry import RUN_CARD
from combogan.runs.bridge import between
from combogan.runs.prepare import Prepared, prepare, prepare_resume
from combogan.runs.run import resume, start
from combogan.settings import Settings
from combogan.training.report import Quiet

ENDS = ("summer", "fall"), ("winter", "spring")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--iterations", type=int, default=1500, help="of each of the two runs")
    parser.add_argument("--share", type=float, default=0.25, help="of them, for the bridge")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--out", type=Path, default=Path("runs/bridge-benchmark"))
    given = parser.parse_args()
    try:
        compare(given.preset, given.iterations, round(given.share * given.iterations), given.out)
    except ComboganError as error:
        sys.exit(f"Error: {error}")


def compare(preset: str, iterations: int, of_bridge: int, out: Path) -> None:
    """Print the lines of the table, each as soon as it is measured."""
    print(
        "| run | iterations | PSNR | over colours | SSIM | minutes |", "| --- | --- | --- | --- | --- | --- |", sep="\n"
    )
    apart = [out / "-".join(names) for names in ENDS]
    for names, path in zip(ENDS, apart, strict=True):
        minutes = train(path, preset, names, iterations)
        print(f"| {' and '.join(names)} | {iterations:,} | | | | {minutes:.1f} |", flush=True)
    bridge = out / "bridge"
    changes = {"schedule.iterations": of_bridge}
    minutes = carry_out(bridge, lambda: between(*apart, data=None, out=bridge, changes=changes, tell=print))
    print(f"| bridge | {of_bridge:,} | {crossing(bridge)} | {minutes:.1f} |", flush=True)
    minutes = train(out / "together", preset, [*ENDS[0], *ENDS[1]], 2 * iterations)
    print(f"| all together | {2 * iterations:,} | {crossing(out / 'together')} | {minutes:.1f} |", flush=True)


def train(path: Path, preset: str, names: Sequence[str], iterations: int) -> float:
    """Train a run to its end; gives the minutes that it took."""
    settings = Settings.load(preset, {"schedule.iterations": iterations})
    return carry_out(path, lambda: prepare(settings, names, out=path, tell=print))


def carry_out(path: Path, begin: Callable[[], Prepared]) -> float:
    """Begin a run, or go on with it where it is there; gives the minutes that it took now."""
    began = time.perf_counter()
    if (path / RUN_CARD).is_file():
        trainer = resume(prepare_resume(path, {}, tell=print), Quiet())
    else:
        trainer = start(begin(), Quiet())
    trainer.run()
    return (time.perf_counter() - began) / 60


def crossing(run: Path) -> str:
    """Cells of the table: means over the directions between the two pairs of domains."""
    pairs = [pair for pair in evaluate(run).pairs if (pair.source in ENDS[0]) != (pair.target in ENDS[0])]
    mean = Comparison.mean([pair.truth for pair in pairs if pair.truth is not None])
    return f"{mean.translation.psnr:.2f} | {mean.over_colour_matching:.2f} | {mean.translation.ssim:.3f}"


if __name__ == "__main__":
    main()

"""How good a domain becomes that is added to a trained run, and which changes improve it.

    python benchmarks/growth.py RUN winter [--iterations 1200] [--only as-it-is,latent-1] [--together RUN]

Adds the domain to a copy of a run for each of VARIANTS, and prints a line of a table for each: the mean over the new
directions, against the truth where it is known, else by the scores that need none. `--together` names a run in which
all domains were trained together; its line is printed for comparison.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from combogan.errors import ComboganError
from combogan.evaluation.run import evaluate
from combogan.evaluation.scores import Comparison, PairScores, UnpairedScores
from combogan.runs.add_domain import onto_run
from combogan.runs.run import start
from combogan.training.group import NetworkGroup
from combogan.training.report import Quiet

VARIANTS: dict[str, dict[str, Any]] = {
    "as-it-is": {},
    "frozen-discriminators": {},
    "new-discriminators": {},
    "start-from-chance": {"schedule.autoencode": 0},
    "no-identity": {"losses.identity": 0.0},
    "identity-3": {"losses.identity": 3.0},
    "latent-1": {"losses.latent": 1.0},
    "rate-6e-4": {"optimizer.rate": 6e-4},
    "identity-3-rate-6e-4": {"losses.identity": 3.0, "optimizer.rate": 6e-4},
    "r1-0": {"losses.r1": 0.0},
    "cycle-10": {"losses.cycle": 10.0},
}
"""The changed settings of the added domain; frozen- and new-discriminators change the old domains (in `add`)."""

HEADS = "| variant | iterations | {} | to it | from it | minutes |"
WITH_TRUTH, WITHOUT_TRUTH = "PSNR | over colours | SSIM", "arrival | KID | content"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("domain")
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(VARIANTS), metavar="NAME,...")
    parser.add_argument("--together", type=Path, metavar="RUN")
    given = parser.parse_args()
    if unknown := [name for name in given.only if name not in VARIANTS]:
        parser.error(f"no variant is called {unknown[0]}; there are: {', '.join(VARIANTS)}")
    try:
        prepared = onto_run(given.domain, given.run, data=None, changes=_changes(given.iterations), tell=print)
        known = prepared.sources[given.domain.partition("=")[0]].truth is not None
        print(
            HEADS.format(WITH_TRUTH if known else WITHOUT_TRUTH),
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            sep="\n",
        )
        compare(given)
    except ComboganError as error:
        sys.exit(f"Error: {error}")


def compare(given: argparse.Namespace) -> None:
    """Print the lines of the table, each as soon as it is measured."""
    if given.together is not None:
        print(f"| all together | | {scores(given.together, given.domain)} | |", flush=True)
    for variant in given.only:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            shutil.copytree(given.run, run)
            began = time.perf_counter()
            iterations = add(run, given.domain, variant, _changes(given.iterations))
            minutes = (time.perf_counter() - began) / 60
            print(f"| {variant} | {iterations} | {scores(run, given.domain)} | {minutes:.1f} |", flush=True)


def _changes(iterations: int | None) -> dict[str, Any]:
    return {} if iterations is None else {"schedule.iterations": iterations}


def add(run: Path, domain: str, variant: str, changes: Mapping[str, Any]) -> int:
    """Add the domain to a run by a variant; gives the number of iterations."""
    if variant == "new-discriminators":
        shutil.rmtree(run / "checkpoints")
    prepared = onto_run(domain, run, data=None, changes={**changes, **VARIANTS[variant]}, tell=print)
    trainer = start(prepared, Quiet())
    if variant == "frozen-discriminators":
        for name, old in trainer.engine.domains.items():
            if name != domain.partition("=")[0]:
                old.discriminator_group.update = partial(_skip, old.discriminator_group)  # type: ignore[method-assign]
    trainer.run()
    return trainer.iteration


def _skip(group: NetworkGroup, rate: float) -> None:
    """What a frozen discriminator does in place of an update."""
    group.networks.zero_grad()
    group.updates += 1


def scores(run: Path, domain: str) -> str:
    """Cells of the table: the means over the directions from and to the domain, then the first of them for each way."""
    name = domain.partition("=")[0]
    pairs = [pair for pair in evaluate(run).pairs if name in (pair.source, pair.target)]
    ways = [pairs, [pair for pair in pairs if pair.target == name], [pair for pair in pairs if pair.source == name]]
    means, to, back = map(_means, ways)
    return " | ".join([*means, to[0], back[0]])


def _means(pairs: list[PairScores]) -> list[str]:
    known = [pair.truth for pair in pairs if pair.truth is not None]
    if known:
        mean = Comparison.mean(known)
        psnr, ssim = mean.translation.psnr, mean.translation.ssim
        return [f"{psnr:.2f}", f"{mean.over_colour_matching:.2f}", f"{ssim:.3f}"]
    unpaired = UnpairedScores.mean([pair.translation for pair in pairs])
    kid = "" if unpaired.kid is None else f"{unpaired.kid:.3f}"  # one test picture has none
    return [f"{unpaired.arrival:.2f}", kid, f"{unpaired.content:.2f}"]


if __name__ == "__main__":
    main()

"""Does it help that the old judges go on learning while a domain is added?

    python benchmarks/growth.py RUN winter [--iterations 1000]

Adds the domain to copies of a trained run three times: with the run's judges learning on (what `add-domain` does), with
the same judges frozen, and with fresh judges that learn. Prints PSNR and SSIM over the new pairs, which need truth.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from combogan.evaluation.report import evaluate
from combogan.evaluation.scores import Comparison
from combogan.training import growth
from combogan.training.growing import start
from combogan.training.report import Quiet

VARIANTS = ("learning", "frozen", "fresh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("domain")
    parser.add_argument("--iterations", type=int)
    given = parser.parse_args()
    changes = {} if given.iterations is None else {"schedule.iterations": given.iterations}
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            shutil.copytree(given.run, run)
            print(variant, *add(run, given.domain, variant, changes), flush=True)


def add(run: Path, domain: str, variant: str, changes: dict[str, object]) -> tuple[str, str]:
    """Add the domain in one way; mean PSNR and SSIM of the pairs with it, beside colour matching."""
    if variant == "fresh":
        shutil.rmtree(run / "checkpoints")
    prepared = growth.onto_run(domain, run, data=None, changes=changes, report=Quiet())
    trainer = start(prepared, Quiet())
    if variant == "frozen":
        for name, old in trainer.domains.items():
            if name != domain:
                old.judge.update = lambda rate, judge=old.judge: judge.networks.zero_grad()  # type: ignore[misc]
    trainer.run()
    scored = [pair for pair in evaluate(run).pairs if domain in (pair.source, pair.target)]
    pairs = [pair.truth for pair in scored if pair.truth is not None]
    mean = Comparison.mean(pairs)
    psnr = f"PSNR {mean.translation.psnr:.2f} dB, {mean.over_colour_matching:+.2f} over colour matching,"
    return psnr, f"SSIM {mean.translation.ssim:.3f}, over {len(pairs)} pairs"


if __name__ == "__main__":
    main()

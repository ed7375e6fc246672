"""How a run's discriminators score pictures that they were trained on, test pictures, and translations of those.

    python benchmarks/overfitting.py runs/landscapes [--data DIR] [--pictures 40]

Scores are means over places and pictures, of the patch discriminator's first map and of each head, by its stride. Heads
are trained to score real images above 1 and translations below -1. A head overfits where it scores test pictures far
below pictures of the training. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

from combogan.data.pictures import PictureSet
from combogan.errors import ComboganError
from combogan.evaluation.images import batches, choice
from combogan.networks.feature_heads import HEAD_STRIDES
from combogan.runs.prepare import prepare_resume
from combogan.runs.run import resume
from combogan.training.engine import Engine
from combogan.training.report import Quiet


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the pictures are now")
    parser.add_argument("--pictures", type=int, default=40, metavar="N", help="of each kind, at most  [default: 40]")
    given = parser.parse_args()
    if given.pictures < 1:
        parser.error("--pictures is 1 or more")
    try:
        prepared = prepare_resume(given.run, {}, data=given.data)
        trainer = resume(prepared, Quiet())
    except ComboganError as error:
        sys.exit(f"Error: {error}")
    engine, halves, names = trainer.engine, trainer.halves(), list(prepared.sources)
    engine.gather()
    size, most = prepared.settings.images.size, given.pictures
    test = {name: images(one.test, size, most) for name, one in prepared.sources.items()}
    heads = HEAD_STRIDES if prepared.settings.losses.heads else ()
    print("| domain | images | patches |", " | ".join(f"stride {stride}" for stride in heads), "|")
    print("| --- | --- | --- |", " | ".join("---" for _ in heads), "|")
    for place, name in enumerate(names):
        shown = {"pictures of the training": images(engine.batches.pictures[name], size, most)}
        shown["test pictures"] = test[name]
        for source in names:
            if source != name:
                shown[f"translations from {source}"] = halves.translate(source, [name], test[source])[name]
        engine.residents.bring([name, names[place - 1]])  # a domain has networks while it is in use
        for what, found in shown.items():
            print(f"| {name} | {what} |", " | ".join(f"{score:.2f}" for score in scores(engine, name, found)), "|")


def images(pictures: PictureSet, size: int, most: int) -> Tensor:
    """At most `most` pictures as images (n, 3, size, size)."""
    return torch.cat(list(batches(pictures, choice(pictures.names, most), size)))


@torch.no_grad()
def scores(engine: Engine, name: str, found: Tensor) -> list[float]:
    """Mean scores of images (n, 3, h, h): by the patch discriminator, and by each head."""
    domain, features = engine.domains[name], engine.objective.features
    maps = [domain.discriminator(found)[0]]
    if domain.heads is not None and features is not None:
        maps += domain.heads(features.mixed(features(found)))
    return [one.mean().item() for one in maps]


if __name__ == "__main__":
    main()

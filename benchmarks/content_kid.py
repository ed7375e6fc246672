"""The least KID to expect of translations that keep their content: that of real pictures which show about the same.

    python benchmarks/content_kid.py shared/data/landscapes [--size 128]

DIR has NAME/train and NAME/test for each domain. For the test pictures of a source, as many training pictures of a pool
are chosen: those with the nearest features after each domain's mean is taken away, each at most once. Printed is their
KID from the test pictures of every domain. A pool that is the target itself says how far its own pictures are that look
most like the source's; any other pool, how far real pictures are that show what the source shows. Needs SciPy.
"""

from __future__ import annotations

import argparse
from itertools import permutations
from pathlib import Path

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from combogan.data import catalog
from combogan.data.pictures import PictureSet
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.images import batches
from combogan.evaluation.kid import kid


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--size", type=int, default=128)
    given = parser.parse_args()
    words = [f"{path.name}={path}" for path in sorted(given.folder.iterdir()) if path.is_dir()]
    sources = catalog.resolve(words)
    arrival = Arrival.train({one.name: one.train for one in sources}, given.size)
    train = {one.name: standardised(arrival, one.train, given.size) for one in sources}
    test = {one.name: standardised(arrival, one.test, given.size) for one in sources}
    print("| source | real pictures of |", " | ".join(f"KID from {name}" for name in test), "|")
    print("| --- | --- |", " | ".join("---" for _ in test), "|")
    for source, pool in permutations(test, 2):
        chosen = train[pool][nearest(test[source], train[pool])]
        print(f"| {source} | {pool} |", " | ".join(f"{kid(chosen, real):.2f}" for real in test.values()), "|")


def standardised(arrival: Arrival, pictures: PictureSet, size: int) -> Tensor:
    """What the KID of `evaluate` compares of all pictures (n, values)."""
    every = batches(pictures, range(len(pictures)), size)
    return torch.cat([arrival.standardised(arrival.features(images).pooled) for images in every])


def nearest(wanted: Tensor, pool: Tensor) -> list[int]:
    """Indices of pictures in the pool (m, values), one for each of those wanted (n, values), n at most m.

    The sum of the distances is the least possible, after the mean of each is taken away.
    """
    distances = torch.cdist(wanted - wanted.mean(0), pool - pool.mean(0))
    return list(map(int, linear_sum_assignment(distances.numpy())[1]))


if __name__ == "__main__":
    main()

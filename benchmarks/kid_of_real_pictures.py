"""KID of real pictures that are chosen to resemble those of another domain: what a KID owes to what pictures show.

    python benchmarks/kid_of_real_pictures.py DIR [--size 128]

DIR has NAME/train and NAME/test for each domain. For the test pictures of a source, as many training pictures of
another domain, the pool, are chosen: one for each and none twice, so that the sum of the distances of their features is
least after the mean of each domain is taken away. Printed is the KID of those chosen from the test pictures of every
domain. Needs SciPy.
"""

from __future__ import annotations

import argparse
import sys
from itertools import permutations
from pathlib import Path

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from combogan.data import catalog
from combogan.data.pictures import PictureSet
from combogan.errors import ComboganError
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.images import batches
from combogan.evaluation.kid import kid


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--size", type=int, default=128, metavar="N", help="pixels of a side  [default: 128]")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"there is no folder '{given.folder}'")
    folders = [path for path in sorted(given.folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    try:
        sources = catalog.resolve([f"{path.name}={path}" for path in folders])
    except ComboganError as error:
        sys.exit(f"Error: {error}")
    fewest, most = min(len(one.train) for one in sources), max(len(one.test) for one in sources)
    if not 2 <= min(len(one.test) for one in sources) <= most <= fewest:
        parser.error("every domain needs two test pictures, and no more of them than any has training pictures")
    arrival = Arrival.train({one.name: one.train for one in sources}, given.size)
    train = {one.name: features(arrival, one.train, given.size) for one in sources}
    test = {one.name: features(arrival, one.test, given.size) for one in sources}
    print("| source | real pictures of |", " | ".join(f"KID from {name}" for name in test), "|")
    print("| --- | --- |", " | ".join("---" for _ in test), "|")
    for source, pool in permutations(test, 2):
        chosen = train[pool][chosen_for(test[source], train[pool])]
        print(f"| {source} | {pool} |", " | ".join(f"{kid(chosen, real):.2f}" for real in test.values()), "|")


def features(arrival: Arrival, pictures: PictureSet, size: int) -> Tensor:
    """Features (n, values) of all pictures, standardised as for the KID of `evaluate`."""
    every = batches(pictures, range(len(pictures)), size)
    return torch.cat([arrival.standardised(arrival.features(images).pooled) for images in every])


def chosen_for(wanted: Tensor, pool: Tensor) -> list[int]:
    """Indices of pictures of the pool (m, values), one for each of those wanted (n, values), n at most m."""
    distances = torch.cdist(wanted - wanted.mean(0), pool - pool.mean(0))
    places: list[int] = linear_sum_assignment(distances.numpy())[1].tolist()
    return places


if __name__ == "__main__":
    main()

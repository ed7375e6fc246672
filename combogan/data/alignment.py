"""Aligned domains: which pictures of two domains show the same thing, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import PurePosixPath

from combogan.data.pictures import PictureSet

# The published pairs are called 1_A.jpg in testA and 1_B.jpg in testB.
_SIDE = re.compile(r"_[AB]$")


def common_name(name: str) -> str:
    """A file's name without its ending and a last `_A` or `_B`: what two pictures of a pair have in common."""
    return _SIDE.sub("", PurePosixPath(name).with_suffix("").as_posix())


@dataclass(frozen=True)
class Alignment:
    """The pictures of two domains that pair up."""

    indices: tuple[tuple[int, int], ...]
    """The places of both pictures of every pair in the two sets, in the order of the first."""
    alone: tuple[str, ...]
    """Names, of either set, that the other does not have."""


def alignments(pictures: Mapping[str, PictureSet]) -> dict[tuple[str, str], Alignment]:
    """Every ordered pair of domains (a, b) of which at least one picture pairs up -> how they do."""
    places = {
        name: {common_name(one): index for index, one in enumerate(some.names)} for name, some in pictures.items()
    }
    found = {}
    for a, b in permutations(pictures, 2):
        both = [(index, places[b][name]) for name, index in places[a].items() if name in places[b]]
        if both:
            alone = sorted(places[a].keys() ^ places[b].keys())
            found[a, b] = Alignment(tuple(both), tuple(alone))
    return found


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more

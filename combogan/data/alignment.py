"""Aligned domains: which pictures of two domains show the same thing, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import PurePosixPath

from combogan.data.pictures import PictureSet

# The published pairs are called 1_A.jpg in testA and 1_B.jpg in testB.
_SIDE = re.compile(r"_[AB]$")
NAMED = 5
"""Names without a partner that are listed."""


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


def sentences(found: Mapping[tuple[str, str], Alignment]) -> Iterator[str]:
    """For people: how many pictures of which domains pair up, and the first that do not."""
    for (a, b), pairs in found.items():
        if a < b:
            more = f" and {len(pairs.alone) - NAMED} more" if len(pairs.alone) > NAMED else ""
            alone = f"; without a partner: {', '.join(pairs.alone[:NAMED])}{more}" if pairs.alone else ""
            yield f"'{a}' and '{b}': {len(pairs.indices):,} training pictures pair up by name{alone}."

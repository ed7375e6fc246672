"""Aligned domains: which pictures of two domains show the same thing, by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import PurePosixPath

from combogan.data.pictures import PictureSet, picture_size
from combogan.errors import PictureError

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
    """Common names that only one of the two sets has."""


def alignments(pictures: Mapping[str, PictureSet]) -> dict[tuple[str, str], Alignment]:
    """Every ordered pair of aligned domains (a, b) -> how their pictures pair up.

    Domains are aligned where at least half of the pictures of the smaller set have a partner: fewer may have equal
    names by chance, as in numbered sets. A name that is twice in a set pairs up with nothing.
    """
    named = {name: places(some) for name, some in pictures.items()}
    found = {}
    for a, b in permutations(pictures, 2):
        both = [(index, named[b][name]) for name, index in named[a].items() if name in named[b]]
        if both and 2 * len(both) >= min(len(pictures[a]), len(pictures[b])):
            alone = sorted(named[a].keys() ^ named[b].keys())
            found[a, b] = Alignment(tuple(both), tuple(alone))
    return found


def places(pictures: PictureSet) -> dict[str, int]:
    """Common name of each picture -> its place in the set; without names that are there twice."""
    names = [common_name(name) for name in pictures.names]
    counts = Counter(names)
    return {name: index for index, name in enumerate(names) if counts[name] == 1}


def refuse_other_sizes(pictures: Mapping[str, PictureSet], found: Mapping[tuple[str, str], Alignment]) -> None:
    """PictureError where the two pictures of a pair have different sizes."""
    for (a, b), pairs in found.items():
        first, second = pictures[a], pictures[b]
        if a > b or first.folder is None or second.folder is None:
            continue
        for one, other in pairs.indices:
            paths = first.folder / first.names[one], second.folder / second.names[other]
            sizes = ["{} x {}".format(*picture_size(path)) for path in paths]
            if sizes[0] != sizes[1]:
                raise PictureError(
                    f"'{paths[0]}' ({sizes[0]} pixels) and '{paths[1]}' ({sizes[1]}) are a pair, but of different "
                    "sizes; scale one of them, or take both away."
                )


def sentences(found: Mapping[tuple[str, str], Alignment], pictures: Mapping[str, PictureSet]) -> Iterator[str]:
    """For people: how many pictures of which domains pair up, and the first that do not; and near misses."""
    named = {name: common_names(some) for name, some in pictures.items()}
    for a, b in combinations(sorted(pictures), 2):
        near, why = near_misses(named[a], named[b])
        if pairs := found.get((a, b)):
            more = f" and {len(pairs.alone) - NAMED} more" if len(pairs.alone) > NAMED else ""
            alone = f"; without a partner: {', '.join(pairs.alone[:NAMED])}{more}" if pairs.alone else ""
            why = f" ({why})" if why else ""
            yield f"'{a}' and '{b}': {len(pairs.indices):,} training pictures pair up by name{alone}{why}."
        elif 2 * near >= min(len(pictures[a]), len(pictures[b])) > 0:
            yield f"'{a}' and '{b}' do not pair up by name: {why}."


def why_not(a: PictureSet, b: PictureSet) -> str:
    """Why two sets do not pair up by name, for people."""
    ours, theirs = common_names(a), common_names(b)
    if why := near_misses(ours, theirs)[1]:
        return why
    if both := len(ours.keys() & theirs.keys()):
        return f"only {both} names are in both, and half of the {min(len(a), len(b))} of the smaller set are needed"
    return f"'{a.names[0]}' and '{b.names[0]}', for example"


def common_names(pictures: PictureSet) -> Counter[str]:
    """Common name -> how many pictures of the set have it."""
    return Counter(common_name(name) for name in pictures.names)


def near_misses(ours: Counter[str], theirs: Counter[str]) -> tuple[int, str]:
    """How many pictures of two sets nearly pair up by their common names, and why the first of them do not."""
    several = sorted(name for name in ours.keys() & theirs.keys() if max(ours[name], theirs[name]) > 1)
    lower = {name.casefold(): name for name in theirs.keys() - ours.keys()}
    capitals = [
        (name, lower[name.casefold()]) for name in sorted(ours.keys() - theirs.keys()) if name.casefold() in lower
    ]
    count = sum(min(ours[name], theirs[name]) for name in several) + len(capitals)
    if several:
        return count, f"without what follows the last dot, several pictures are called '{several[0]}'"
    if capitals:
        return count, "'{}' and '{}' differ in capital letters".format(*capitals[0])
    return 0, ""

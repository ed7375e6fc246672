"""Truth: which test pictures of two domains show the same thing, as declared or found by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from combogan.data.alignment import common_name, places
from combogan.data.catalog import DomainPictures


def paired(sources: Iterable[DomainPictures]) -> list[DomainPictures]:
    """The sources; those whose test pictures pair up by name are given a truth.

    Test pictures pair up where all file names of the domains' `test` folders are equal, apart from the ending and a
    last `_A` or `_B`; where only some are equal, that may be chance, as in numbered sets. Pictures held out of a
    training folder never pair up. Sources that have a truth already stay as they are.
    """
    sources = list(sources)
    groups = [_names(source) for source in sources]
    found = []
    for source, group in zip(sources, groups, strict=True):
        if group and groups.count(group) > 1:
            source = replace(source, truth=f"the test names in {sources[groups.index(group)].name}")
        found.append(source)
    return found


def named_alike(sources: Iterable[DomainPictures]) -> tuple[str, ...]:
    """The domains in folders that have the same truth as another one: their pictures pair up by name."""
    known = {source.name: source.truth for source in sources if source.truth is not None and source.test.folder}
    counts = Counter(known.values())
    return tuple(name for name, truth in known.items() if counts[truth] > 1)


def shared(source: DomainPictures, target: DomainPictures) -> dict[str, int]:
    """Name of each test picture of the source that has a truth -> its index in the target's test set.

    Empty where the two have no common truth.
    """
    if source.truth is None or source.truth != target.truth:
        return {}
    known = places(target.test)
    return {source.test.names[index]: known[name] for name, index in places(source.test).items() if name in known}


def _names(source: DomainPictures) -> frozenset[str] | None:
    """The common names of the test pictures; None where they cannot pair up."""
    if source.truth is not None or source.test.folder is None or source.holds_out_tests:
        return None
    names = frozenset(map(common_name, source.test.names))
    return names if len(names) == len(source.test) else None

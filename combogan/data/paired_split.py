"""Aligned domains in folders: each picture of a pair is the other's truth, and both are on the same side of a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from combogan.data.alignment import alignments, common_name
from combogan.data.catalog import DomainPictures
from combogan.data.pictures import PictureSet
from combogan.data.test_split import held_out


def with_truth(sources: Iterable[DomainPictures], *, trained: bool) -> list[DomainPictures]:
    """The sources; those that are aligned are given a truth, and no counterpart of a test picture is trained on.

    Where a run is `trained` on pairs, equal names are pairs, as in `alignments`; of domains without a test folder, the
    same tenth of the names is held out in all. Elsewhere equal names may be chance: then all must be equal, both in
    `train` and in `test`. Sources that have a truth already stay as they are.
    """
    found = {source.name: source for source in sources}
    candidates = [source for source in found.values() if source.truth is None and source.train.folder is not None]
    groups = _aligned(candidates) if trained else _of_equal_names(candidates)
    for group in groups:
        if len(group) > 1:
            truth = f"the names in {min(source.name for source in group)}"
            divided = _divided(group) if group[0].holds_out_tests else _without_tested(group)
            found |= {source.name: replace(source, truth=truth) for source in divided}
    return list(found.values())


def _aligned(sources: Sequence[DomainPictures]) -> list[list[DomainPictures]]:
    """Groups of domains that are aligned, one with the next; either all of a group have test folders, or none."""
    groups: list[list[DomainPictures]] = []
    for source in sources:
        joined, apart = [source], []
        for group in groups:
            if any(_are_aligned(source, other) for other in group):
                joined += group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups


def _are_aligned(one: DomainPictures, other: DomainPictures) -> bool:
    alike = one.holds_out_tests == other.holds_out_tests
    return alike and bool(alignments({"one": _whole(one), "other": _whole(other)}))


def _of_equal_names(sources: Sequence[DomainPictures]) -> list[list[DomainPictures]]:
    """Domains with test folders in which all names are equal."""
    groups: dict[tuple[tuple[str, ...], ...], list[DomainPictures]] = {}
    for source in sources:
        if not source.holds_out_tests:
            names = tuple(tuple(sorted(map(common_name, part.names))) for part in (source.train, source.test))
            groups.setdefault(names, []).append(source)
    return list(groups.values())


def _whole(source: DomainPictures) -> PictureSet:
    """The pictures by whose names a domain is aligned: those to train on, before any are held out."""
    if not source.holds_out_tests:
        return source.train
    return source.train.named(sorted({*source.train.names, *source.test.names}))


def _divided(group: Sequence[DomainPictures]) -> list[DomainPictures]:
    """Domains without test folders: the same tenth of their names is held out of all.

    It is chosen by a hash of the first of a pair's names, so that equal names are divided as those of one domain are.
    """
    whole = [_whole(source) for source in group]
    first: dict[str, str] = {}
    for pictures in whole:
        for name in pictures.names:
            first[common_name(name)] = min(first.get(common_name(name), name), name)
    tested = set(map(common_name, held_out(list(first.values()))))
    for pictures in whole:
        own = {common_name(name) for name in pictures.names}
        if not own & tested:  # nothing is held out of this domain yet
            tested |= set(map(common_name, held_out([first[name] for name in own])))
    divided = []
    for source, pictures in zip(group, whole, strict=True):
        test = [name for name in pictures.names if common_name(name) in tested]
        train = [name for name in pictures.names if common_name(name) not in tested]
        divided.append(replace(source, train=pictures.named(train or test), test=pictures.named(test)))
    return divided


def _without_tested(group: Sequence[DomainPictures]) -> list[DomainPictures]:
    """Domains with test folders: no picture is trained on whose counterpart is tested with.

    Where names in `train` and `test` of a domain are equal, as where both are numbered from 1, they are other pictures.
    """
    tested = [set(map(common_name, source.test.names)) for source in group]
    if any(names & set(map(common_name, source.train.names)) for source, names in zip(group, tested, strict=True)):
        return list(group)
    return [
        replace(
            source,
            train=source.train.named(
                [name for name in source.train.names if not any(common_name(name) in names for names in tested)]
            ),
        )
        for source in group
    ]

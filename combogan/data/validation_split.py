"""Pictures held out of training for validation, chosen by a hash of the seed and their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from combogan.data.alignment import common_name
from combogan.data.catalog import DomainPictures
from combogan.seeding import derive
from combogan.settings import Settings

FEWEST = 10
"""Fewest training pictures of a domain of which some can be held out."""
MOST = 16
"""Most pictures held out of a folder."""
SCENES = 8
"""Most scenes chosen from a drawn season; each is held out of every season of the run, and drawn in all."""


def with_validation(
    settings: Settings, sources: Mapping[str, DomainPictures], tell: Callable[[str], object]
) -> tuple[Settings, dict[str, DomainPictures]]:
    """Settings and sources, with pictures held out where the settings ask for validation.

    If a domain has too few, validation is switched off in the settings, and `tell` reports why.
    """
    if not settings.run.validate_every:
        return settings, dict(sources)
    if few := too_few(sources):
        counts = ", ".join(f"'{name}' has {len(sources[name].train)}" for name in few)
        tell(f"Training without validation, and publishing the last weights: too few training pictures ({counts}).")
        return settings.changed({"run.validate_every": 0}), dict(sources)
    return settings, hold_out(sources, settings.run.seed)


def too_few(sources: Mapping[str, DomainPictures]) -> list[str]:
    """The domains with too few pictures to hold any out."""
    return [name for name, source in sources.items() if len(source.train) < FEWEST]


def hold_out(sources: Mapping[str, DomainPictures], seed: int) -> dict[str, DomainPictures]:
    """The sources with a tenth of each training set as `validation` instead, chosen by the seed.

    What is held out of one domain is held out of all that have the same truth, and scenes and figures are drawn in all
    of them, so that translations have a truth. ValueError for a domain with too few pictures.
    """
    if few := too_few(sources):
        raise ValueError(f"too few pictures to hold any out: {', '.join(few)}")
    groups: dict[tuple[str, bool], list[str]] = {}
    for name, source in sources.items():
        groups.setdefault((source.truth or name, source.truth is None), []).append(name)
    held: dict[str, DomainPictures] = {}
    for names in groups.values():
        held |= _held_out({name: sources[name] for name in names}, seed)
    return {name: held[name] for name in sources}


def _held_out(group: Mapping[str, DomainPictures], seed: int) -> dict[str, DomainPictures]:
    """`hold_out` for domains that have the same truth, or for one domain."""
    known = common_name if len(group) > 1 else str
    first: dict[str, str] = {}
    for source in group.values():
        for name in source.train.names:
            first[known(name)] = min(first.get(known(name), name), name)
    away: set[str] = set()
    for source in group.values():
        # The lowest hashes, each of the first of a pair's names.
        order = sorted(map(known, source.train.names), key=lambda name: derive(seed, "validation", first[name]))
        away |= set(order[: min(len(order) // 10, SCENES if source.train.folder is None else MOST)])
    held = {}
    for name, source in group.items():
        pictures = source.train
        train = [picture for picture in pictures.names if known(picture) not in away]
        own = [picture for picture in pictures.names if known(picture) in away]
        validation = sorted(own if pictures.folder is not None else (first[scene] for scene in away))
        held[name] = replace(source, train=pictures.named(train), validation=pictures.named(validation))
    return held

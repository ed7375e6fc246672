"""Pictures held out of training for validation, chosen by a hash of the seed and their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from combogan.data.alignment import common_name
from combogan.data.catalog import DomainPictures
from combogan.data.pictures import PictureSet
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
        tell(f"Training without validation, and publishing the last weights: {counts} training pictures, too few.")
        return settings.changed({"run.validate_every": 0}), dict(sources)
    return settings, hold_out(sources, settings.run.seed, pairs=settings.losses.paired > 0)


def too_few(sources: Mapping[str, DomainPictures]) -> list[str]:
    """The domains with too few pictures to hold any out."""
    return [name for name, source in sources.items() if len(source.train) < FEWEST]


def hold_out(sources: Mapping[str, DomainPictures], seed: int, *, pairs: bool = False) -> dict[str, DomainPictures]:
    """The sources with a tenth of each training set as `validation` instead, chosen by the seed.

    With `pairs`, both pictures of a pair are held out. Scenes held out of one drawn season are held out of all, and
    drawn in all, so that every translation has a truth; figures of drawn things likewise.
    ValueError for a domain with too few pictures.
    """
    if few := too_few(sources):
        raise ValueError(f"too few pictures to hold any out: {', '.join(few)}")
    chosen = {name: _chosen(source.train, seed, pairs) for name, source in sources.items()}
    drawn: dict[str | None, set[str]] = {}
    for name, source in sources.items():
        if source.train.folder is None:
            drawn.setdefault(source.truth, set()).update(chosen[name])
    held = {}
    for name, source in sources.items():
        away = chosen[name] if source.train.folder is not None else drawn[source.truth]
        train = source.train.named([picture for picture in source.train.names if picture not in away])
        held[name] = replace(source, train=train, validation=source.train.named(sorted(away)))
    return held


def _chosen(pictures: PictureSet, seed: int, pairs: bool) -> set[str]:
    """The names of the tenth whose hashes are lowest."""
    known = common_name if pairs else str
    count = min(len(pictures) // 10, SCENES if pictures.folder is None else MOST)
    return set(sorted(pictures.names, key=lambda name: derive(seed, "validation", known(name)))[:count])

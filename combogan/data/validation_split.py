"""Pictures held out of training, so that a run can be validated on what it has not seen.

They are chosen by a hash of the seed and their names: which other pictures there are hardly matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import PictureSet
from combogan.seeding import derive
from combogan.settings import Settings

FEWEST = 10
"""Training pictures of a domain that a tenth can be held out of."""
MOST = 16
"""Pictures that are held out of a folder, at most."""
SCENES = 8
"""Scenes that are held out of a drawn season, at most; each is drawn in every season of the run."""


def spared(
    settings: Settings, sources: Mapping[str, DomainPictures], tell: Callable[[str], object]
) -> tuple[Settings, dict[str, DomainPictures]]:
    """Settings and pictures, with some held out where settings ask for validation.

    Where a domain has too few, the settings no longer ask for it, and `tell` hears why.
    """
    if not settings.run.validate_every:
        return settings, dict(sources)
    if few := too_few(sources):
        counts = ", ".join(f"'{name}' has {len(sources[name].train)}" for name in few)
        tell(f"Training without validation, and publishing the last weights: {counts} training pictures, too few.")
        return settings.changed({"run.validate_every": 0}), dict(sources)
    return settings, hold_out(sources, settings.run.seed)


def too_few(sources: Mapping[str, DomainPictures]) -> list[str]:
    """The domains with too few pictures to hold any out."""
    return [name for name, source in sources.items() if len(source.train) < FEWEST]


def hold_out(sources: Mapping[str, DomainPictures], seed: int) -> dict[str, DomainPictures]:
    """The pictures of each domain, a seeded tenth of the training set being its `validation` instead.

    Scenes that are held out of one drawn season are held out of all and drawn in all, so that every translation has a
    truth. ValueError for a domain with too few pictures.
    """
    if few := too_few(sources):
        raise ValueError(f"too few pictures to hold any out: {', '.join(few)}")
    chosen = {name: _chosen(source.train, seed) for name, source in sources.items()}
    scenes = {scene for name, source in sources.items() if source.train.folder is None for scene in chosen[name]}
    held = {}
    for name, source in sources.items():
        away = chosen[name] if source.train.folder is not None else scenes
        train = source.train.named([picture for picture in source.train.names if picture not in away])
        held[name] = replace(source, train=train, validation=source.train.named(sorted(away)))
    return held


def _chosen(pictures: PictureSet, seed: int) -> set[str]:
    """The names of the tenth whose hashes are lowest."""
    count = min(len(pictures) // 10, SCENES if pictures.folder is None else MOST)
    return set(sorted(pictures.names, key=lambda name: derive(seed, "validation", name))[:count])

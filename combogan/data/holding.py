"""Pictures held out of training, so that a run can be validated on what it has not seen.

Which they are is a function of the seed and of a domain's own pictures: each picture has a lot, whatever else is there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from combogan.data.catalog import Domain
from combogan.data.pictures import FolderPictures, PictureSet
from combogan.data.scenes import ScenePictures
from combogan.seeding import derive

FEWEST = 10
"""Training pictures of a domain that a tenth can be held out of."""
MOST = 16
"""Pictures that are held out of a folder, at most."""
SCENES = 8
"""Scenes that are held out of a drawn season, at most; each is drawn in every season of the run."""


def too_few(domains: Mapping[str, Domain]) -> list[str]:
    """The domains that none of whose pictures can be spared."""
    return [name for name, domain in domains.items() if len(domain.train) < FEWEST]


def hold_out(domains: Mapping[str, Domain], seed: int) -> dict[str, Domain]:
    """The domains, a seeded tenth of the training pictures of each being its `validation` instead.

    Of drawn seasons they are the scenes held out of any, drawn in each, so that every translation has a truth.
    ValueError for a domain with too few pictures.
    """
    if few := too_few(domains):
        raise ValueError(f"too few pictures to hold any out: {', '.join(few)}")
    places = {name: _chosen(domain.train, seed) for name, domain in domains.items()}
    scenes = {
        domain.train.indices[place]
        for name, domain in domains.items()
        if isinstance(domain.train, ScenePictures)
        for place in places[name]
    }
    held = {}
    for name, domain in domains.items():
        away = places[name]
        if isinstance(domain.train, ScenePictures):  # also those that another domain of the same season holds out
            away = {place for place, index in enumerate(domain.train.indices) if index in scenes}
        kept = [place for place in range(len(domain.train)) if place not in away]
        train, validation = only(domain.train, kept), only(domain.train, sorted(places[name]))
        if isinstance(validation, ScenePictures):
            validation = replace(validation, scenes=tuple(sorted(scenes)))
        held[name] = replace(domain, train=train, validation=validation)
    return held


def only(pictures: PictureSet, places: Sequence[int]) -> PictureSet:
    """Some of the pictures of a folder or of drawn scenes, as a set. TypeError for other sets."""
    if isinstance(pictures, FolderPictures):
        return replace(pictures, names=tuple(pictures.names[place] for place in places))
    if isinstance(pictures, ScenePictures):
        return replace(pictures, scenes=tuple(pictures.indices[place] for place in places))
    raise TypeError(f"{type(pictures).__name__} cannot be divided")


def _chosen(pictures: PictureSet, seed: int) -> Collection[int]:
    """The places of the tenth with the lowest lots."""
    count = min(len(pictures) // 10, SCENES if isinstance(pictures, ScenePictures) else MOST)
    return set(
        sorted(range(len(pictures)), key=lambda place: derive(seed, "validation", pictures.names[place]))[:count]
    )

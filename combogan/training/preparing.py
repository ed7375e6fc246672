"""Before the first iteration: the pictures that can be used, and the choices that depend on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch

from combogan import machine
from combogan.data import catalog
from combogan.data.checking import check
from combogan.data.pictures import FolderPictures, PictureSet
from combogan.errors import DomainError
from combogan.settings import Settings

Tell = Callable[[str], None]


def usable(domains: Iterable[catalog.Domain], *, crop: int, tell: Tell) -> dict[str, catalog.Domain]:
    """The domains without unreadable pictures, each of which is told of. DomainError where none is left."""
    found = {}
    for domain in domains:
        train = _readable(domain.name, domain.train, crop, tell)
        test = _readable(domain.name, domain.test, crop, tell)
        if not len(train):
            raise DomainError(f"'{domain.name}' has no usable picture in {domain.origin}; check that folder.")
        found[domain.name] = replace(domain, train=train, test=test)
    return found


def _readable(name: str, pictures: PictureSet, crop: int, tell: Tell) -> PictureSet:
    if not isinstance(pictures, FolderPictures):
        return pictures
    report = check(pictures.folder, pictures.names, crop=crop)
    for finding in report.named("unreadable"):
        tell(f"'{name}': skipping a picture: {finding}")
    if small := len(report.named("small")):
        tell(f"'{name}': {small} of {len(pictures)} pictures are smaller than the crop of {crop} px; scaling them up.")
    return FolderPictures(pictures.folder, report.usable)


def resolve(settings: Settings, domains: Mapping[str, catalog.Domain], device: torch.device) -> Settings:
    """The settings with what depends on machine and command line written out, as they are kept in the run.

    Domains that they name, as a run's settings.toml does, make way for these.
    """
    if settings.run.threads:
        torch.set_num_threads(settings.run.threads)
    precision = machine.precision(settings.run.precision, device)
    return settings.model_copy(update={"domains": {}}).changed(
        {
            "run.device": str(device),
            "run.precision": "bfloat16" if precision == torch.bfloat16 else "float32",
            "run.threads": torch.get_num_threads(),
            **{f"domains.{name}": domain.origin for name, domain in domains.items()},
        }
    )

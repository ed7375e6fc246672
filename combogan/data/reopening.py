"""The pictures of a run, found again: those that have moved since, and without those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from combogan.data import catalog
from combogan.data.checking import check
from combogan.data.pictures import FolderPictures, PictureSet
from combogan.errors import DomainError, suggestion

Tell = Callable[[str], object]

MANY = 500
"""Pictures of a domain above which opening them all takes long enough to be told of."""
FEW = 10
"""Unreadable pictures of a set that are told of one by one."""


def moved(origins: Mapping[str, str], words: Sequence[str] = (), data: Path | None = None) -> dict[str, str]:
    """Where pictures are now that a run kept as being at `origins`, of the domains that are said to have moved.

    Those that `words` (`NAME=FOLDER`) name, and, of the others that are folders, those in `data`/NAME. DomainError for
    a name that the run has not, a folder that is not there, and the same pictures under two names.
    """
    found: dict[str, str] = {}
    for word in filter(str.strip, words):
        name, equals, _ = word.partition("=")
        name = catalog.check_name(name.strip())
        if name not in origins:
            raise DomainError(
                f"the run has no domain '{name}'.{suggestion(name, origins)} It has {', '.join(origins)}."
            )
        if not equals:
            raise DomainError(
                f"'{name}' has its pictures already; write {name}=FOLDER if they have moved, or leave it out."
            )
        if name in found:
            raise DomainError(f"the domain '{name}' is given twice; name each domain once.")
        found[name] = catalog.look_up(word, data=data).origin
    if data is not None:
        if not data.is_dir():
            raise DomainError(f"the folder '{data}' given with --data does not exist; give the one that they are in.")
        folders = {name: data / name for name, origin in origins.items() if _is_folder(origin) and name not in found}
        there = {
            name: catalog.look_up(f"{name}={folder}").origin for name, folder in folders.items() if folder.is_dir()
        }
        if not there and not found:
            raise DomainError(
                f"'{data}' has no folder of a domain of the run ({', '.join(folders) or 'none of them is a folder'}); "
                "give the folder that they are in."
            )
        found |= there
    _refuse_same({**origins, **found}, [name for name in found if found[name] != origins[name]])
    return found


def reopen_all(origins: Mapping[str, str]) -> list[catalog.Domain]:
    """The domains of a run, whose pictures it kept as being at `origins`. DomainError where they are gone."""
    for name, origin in origins.items():
        if _is_folder(origin) and not Path(origin).is_dir():
            raise DomainError(
                f"the pictures of '{name}' are no longer in {origin}; put them back, or say where they are now with "
                f"--domains {name}=FOLDER, or with --data DIR if they are in DIR/{name}."
            )
    return [catalog.reopen(name, origin) for name, origin in origins.items()]


def _is_folder(origin: str) -> bool:
    """Whether a domain's pictures are in a folder, and not those of a card."""
    return Path(origin).is_absolute()


def _refuse_same(origins: Mapping[str, str], changed: Collection[str]) -> None:
    """Refuse a change by which two domains come to have the same pictures."""
    first: dict[str, str] = {}
    for name, origin in origins.items():
        other = first.setdefault(origin, name)
        if other != name and (name in changed or other in changed):
            raise DomainError(f"'{other}' and '{name}' would be the same pictures ({origin}); give two sets.")


def usable(domains: Iterable[catalog.Domain], *, crop: int, tell: Tell) -> dict[str, catalog.Domain]:
    """The domains without unreadable pictures, each of which is told of. DomainError where none is left."""
    found = {}
    for domain in domains:
        count = sum(len(part) for part in (domain.train, domain.test) if isinstance(part, FolderPictures))
        if count > MANY:
            tell(f"Reading {count:,} pictures of '{domain.name}' ...")
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
    unreadable = report.named("unreadable")
    for finding in unreadable[:FEW]:
        tell(f"'{name}': skipping a picture: {finding}")
    if more := len(unreadable[FEW:]):
        tell(f"'{name}': skipping {more} more pictures that cannot be read; `combogan domains check` names them.")
    if small := len(report.named("small")):
        tell(f"'{name}': {small} of {len(pictures)} pictures are smaller than the crop of {crop} px; scaling them up.")
    return FolderPictures(pictures.folder, report.usable)

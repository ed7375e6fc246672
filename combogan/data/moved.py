"""The pictures of a run, found again after they have moved."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from combogan.data import catalog
from combogan.data.catalog import DomainPictures
from combogan.errors import DomainError, suggestion


def moved(origins: Mapping[str, str], words: Sequence[str] = (), data: Path | None = None) -> dict[str, str]:
    """New origins of a run's domains whose pictures have moved; `origins` are those that the run stored.

    The new places are `words` (`NAME=FOLDER`) and, for other domains in folders, `data`/NAME where it exists.
    DomainError for a name that the run does not have, a missing folder, and the same pictures under two names.
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
        if not os.path.isdir(data):
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


def reopen_all(origins: Mapping[str, str]) -> list[DomainPictures]:
    """The pictures of a run's domains, at the origins that it stored. DomainError where they are gone."""
    for name, origin in origins.items():
        if _is_folder(origin) and not Path(origin).is_dir():
            raise DomainError(
                f"the pictures of '{name}' are no longer in {origin}; put them back, or say where they are now with "
                f"--domains {name}=FOLDER, or with --data DIR if they are in DIR/{name}."
            )
    return [catalog.reopen(name, origin) for name, origin in origins.items()]


def _is_folder(origin: str) -> bool:
    """Whether an origin is a folder and not a card."""
    return Path(origin).is_absolute()


def _refuse_same(origins: Mapping[str, str], changed: Collection[str]) -> None:
    """DomainError if a changed origin gives two domains the same pictures."""
    first: dict[str, str] = {}
    for name, origin in origins.items():
        other = first.setdefault(origin, name)
        if other != name and (name in changed or other in changed):
            raise DomainError(f"'{other}' and '{name}' would be the same pictures ({origin}); give two sets.")

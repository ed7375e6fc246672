"""A folder -> the pictures to train on and the pictures to test with, listed but not decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from combogan.data.pictures import FolderPictures, list_pictures
from combogan.errors import DomainError
from combogan.seeding import derive


def split(name: str, folder: Path) -> tuple[FolderPictures, FolderPictures]:
    """(train, test) pictures of the domain `name`: those in `folder/train` and `folder/test`, else a tenth is held out.

    DomainError: no such folder, no pictures in it, or a folder that holds several domains.
    """
    if not folder.is_dir():
        raise DomainError(
            f"the folder '{folder}' of the domain '{name}' does not exist; write {name}=FOLDER with one that does."
        )
    inside = folder / "train"
    if not inside.is_dir():
        _refuse_several(name, folder)
        inside = folder
    names = list_pictures(inside)
    if not names:
        raise DomainError(f"the folder '{inside}' of the domain '{name}' holds no pictures; put some there.")
    tested = list_pictures(folder / "test") if inside != folder and (folder / "test").is_dir() else []
    if tested:
        return FolderPictures(inside, tuple(names)), FolderPictures(folder / "test", tuple(tested))
    chosen = held_out(names)
    train = [picture for picture in names if picture not in chosen] or names
    return FolderPictures(inside, tuple(train)), FolderPictures(inside, tuple(sorted(chosen)))


def held_out(names: Sequence[str]) -> set[str]:
    """A tenth of the names, at least one, chosen by a hash of each name, so that new pictures hardly change it."""
    return set(sorted(names, key=lambda name: derive(0, "held out", name))[: max(1, len(names) // 10)])


def _refuse_several(name: str, folder: Path) -> None:
    """DomainError for a folder of several domains, which would be mixed."""
    several = sorted(sub.name for sub in folder.iterdir() if (sub / "train").is_dir())
    if several:
        raise DomainError(
            f"the folder '{folder}' of the domain '{name}' holds several domains ({', '.join(several)}); "
            f"name each, such as {several[0]}={folder / several[0]}."
        )

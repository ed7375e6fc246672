"""Replace a whole folder by another, so that a reader sees the old or the new one, and a kill loses neither.

A folder `packs` is written as `.packs.new`; then `packs` becomes `.packs.old`, `.packs.new` becomes `packs`, and the
old one is deleted. Where `packs` is missing but `.packs.old` is there, the new one was complete: it is put in place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from combogan import storage


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which replaces `folder` at the end, or is deleted if something fails.

    Raises StorageError; `folder` is then as it was.
    """
    new, old = _sibling(folder, "new"), _sibling(folder, "old")
    with storage.explained(folder):
        recover(folder)
        storage.remove_folder(new)
        storage.remove_folder(old)
        try:
            new.mkdir(parents=True)
            yield new
            _sync(new)
            if folder.exists():
                folder.rename(old)
            with suppress(FileNotFoundError):  # a reader found it missing, and has put the new one in place
                new.rename(folder)
        except BaseException:
            if folder.exists() or not old.exists():
                storage.remove_folder(new)
            raise
        storage.sync_folder(folder.parent)
        storage.remove_folder(old)


def recover(folder: Path) -> None:
    """Finish a replacement of `folder` that a kill interrupted. Raises StorageError."""
    new, old = _sibling(folder, "new"), _sibling(folder, "old")
    if os.path.exists(folder) or not os.path.exists(old):  # unlike Path's, no error for a name that is too long
        return
    with storage.explained(folder), suppress(FileNotFoundError):  # its writer was alive after all, and has done it
        (new if new.exists() else old).rename(folder)


def folders_with(file: str, folder: Path) -> list[Path]:
    """The folders from `folder` down that hold a file of this name, sorted; hidden ones are skipped.

    Replacements that a kill interrupted are finished. Raises StorageError.
    """
    found, seen = [], set()
    with storage.explained(folder):
        for path, folders, files in os.walk(folder, followlinks=True):
            if os.path.realpath(path) in seen:  # a link that leads in a circle
                folders.clear()
                continue
            seen.add(os.path.realpath(path))
            for name in [name[1:-4] for name in folders if name.startswith(".") and name.endswith(".old")]:
                if name not in folders:
                    recover(Path(path, name))
                    folders.append(name)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if file in files:
                found.append(Path(path))
    return found


def _sibling(folder: Path, ending: str) -> Path:
    folder = folder.absolute()  # so that `.` has a name
    return folder.with_name(f".{folder.name}.{ending}")


def _sync(folder: Path) -> None:
    """Sync the names of the files, whose contents were synced when they were written."""
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        storage.sync_folder(path)

"""Files that are written completely or not at all: under a temporary name, synced, then renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from combogan.errors import StorageError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, or of a user's full share of it."""
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
"""Error numbers of paths that may not, or cannot, be used."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError while writing `path` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(f"the disk is full: {path} could not be written; free some space and go on.") from None
        raise StorageError(f"{path} cannot be written ({error.strerror or error}); check the folder.") from None


def write(path: Path, content: bytes) -> None:
    """Replace a file by `content`, or leave it as it was. Raises StorageError."""
    partial = path.with_name(f".{path.name}.partial")
    with explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(partial, content)
            partial.replace(path)
            sync_folder(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def refuse_unwritable(folder: Path) -> None:
    """Make a folder, and raise StorageError where no file can be written in it: before the work, not after it."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the file names in a folder are on the disk, where the system supports it."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_folder(folder: Path) -> None:
    """Delete a folder if it is there; what cannot be deleted is left."""
    shutil.rmtree(folder, ignore_errors=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_unchanged(path: Path, digest: str) -> bool:
    """Whether a file is there and has this SHA-256."""
    return path.is_file() and file_hash(path) == digest

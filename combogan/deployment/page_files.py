"""The page's files: uploads and translations, in a folder of this process that ends with it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock

BOUND = 2**30
"""Bytes of all files together; the oldest are deleted when more are needed."""
LEAST = 2**16
"""Bytes that a file counts at least, so that the number of small files is bounded too."""
LONGEST = 120
"""Bytes of a file name."""

# Also after a kill: the pipe ends with the process that holds its other end.
_DELETE_AT_THE_END = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


class PageFiles:
    """A folder of files, each in a sub-folder whose name cannot be guessed; a second process deletes it at the end."""

    def __init__(self, bound: int = BOUND) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="combogan-page-")).resolve()
        self._bound, self._lock = bound, Lock()
        self._sizes: dict[Path, int] = {}
        self._watcher = subprocess.Popen(
            [sys.executable, "-c", _DELETE_AT_THE_END, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def new(self, name: str, size: int = 0) -> Path:
        """A path for a file called `name` of `size` bytes; the oldest files are deleted where there is no room."""
        with self._lock:
            size = max(size, LEAST)
            while self._sizes and sum(self._sizes.values()) + size > self._bound:
                oldest = next(iter(self._sizes))
                del self._sizes[oldest]
                shutil.rmtree(oldest, ignore_errors=True)
            folder = self._folder()
            self._sizes[folder] = size
        return folder / safe_name(name)

    def keep(self, name: str) -> Path:
        """A path for a file that stays until the end."""
        return self._folder() / safe_name(name)

    def holds(self, path: str) -> bool:
        """Whether there is such a file here, however the path is written."""
        try:
            real = Path(os.path.realpath(path))
            return real.is_relative_to(self.folder) and real.is_file()
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Delete everything."""
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait()

    def _folder(self) -> Path:
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir()
        return folder


def safe_name(name: str) -> str:
    """The last part of a file name that a stranger gave, without what is special to a shell, a browser or a disk."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*%#&;`$').strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if not dot or len(ending.encode()) > 8:
        stem, dot, ending = plain, "", ""
    kept = stem.encode()[: LONGEST - len((dot + ending).encode())].decode(errors="ignore").strip(" .")
    return f"{kept or 'picture'}{dot}{ending}"

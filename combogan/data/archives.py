"""What is in a downloaded zip or tar.gz, none of which is trusted.

Nothing is unpacked here by zipfile or tarfile: members are listed, and the bytes of chosen ones are read.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RecursionError,
    ValueError,
)
"""What reading damaged files raises; the last four stand for short data, unknown flags, headers of headers, and names
that cannot be decoded."""

_PIECE = 1 << 20
"""Most bytes that are read at once from a tar, above any header that a person's tar has."""


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive."""

    name: str
    size: int
    """Unpacked, in bytes."""
    end: int
    """Unpacked bytes of the archive up to the end of this member."""
    is_folder: bool
    danger: str
    """What is dangerous about it, such as `a link or device`; empty where nothing is."""


class Archive(Protocol):
    """A file with files in it; reading it raises one of DAMAGE where it is damaged."""

    @property
    def kind(self) -> str:
        """What it is called in messages."""

    def members(self) -> Iterator[Member]:
        """All members in order, each before its content is read."""

    def contents(self, chosen: Container[int]) -> Iterator[tuple[int, IO[bytes]]]:
        """(place among `members`, content) of the chosen ones in order; each is read before the next is asked for."""


def open_archive(path: Path) -> Archive | None:
    """The zip or tar.gz in a file, recognised by its first bytes; None for anything else."""
    with path.open("rb") as file:
        start = file.read(2)
    if start == b"PK":
        return ZipArchive(path)
    return TarArchive(path) if start == b"\x1f\x8b" else None


@dataclass(frozen=True)
class ZipArchive:
    """A zip, as an Archive."""

    path: Path
    kind: str = "zip"

    def members(self) -> Iterator[Member]:
        end = 0
        with zipfile.ZipFile(self.path) as opened:
            for info in opened.infolist():
                end += info.file_size
                danger = "" if info.is_dir() else _danger_in_zip(info)
                yield Member(info.filename, info.file_size, end, info.is_dir(), danger)

    def contents(self, chosen: Container[int]) -> Iterator[tuple[int, IO[bytes]]]:
        with zipfile.ZipFile(self.path) as opened:
            for place, info in enumerate(opened.infolist()):
                if place in chosen:
                    with opened.open(info) as content:
                        yield place, content


@dataclass(frozen=True)
class TarArchive:
    """A tar.gz, as an Archive. It is read from its start to its end, once for each of the methods."""

    path: Path
    kind: str = "tar"

    def members(self) -> Iterator[Member]:
        with _Forward(self.path) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
            for info in opened:
                info.name.encode()  # a UnicodeEncodeError, which is a ValueError, for what was no UTF-8
                if info.size < 0:
                    raise tarfile.ReadError("a header of an impossible size")
                yield Member(info.name, info.size, info.offset_data + info.size, info.isdir(), _danger_in_tar(info))
            stream.finish()

    def contents(self, chosen: Container[int]) -> Iterator[tuple[int, IO[bytes]]]:
        with _Forward(self.path) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
            for place, info in enumerate(opened):
                if place in chosen and (content := opened.extractfile(info)) is not None:
                    yield place, content


class _Forward(gzip.GzipFile):
    """What a gzip file holds, read forward and in small pieces.

    So neither a header that points back nor one that claims to be huge, which tarfile reads at once, does harm.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _PIECE:
            raise tarfile.ReadError("a header of an impossible size")
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < self.tell():  # which is seek(0, io.SEEK_CUR)
            raise tarfile.ReadError("a header that points back")
        return super().seek(offset, whence)

    def finish(self) -> None:
        """Read to the end, where gzip compares its checksum. ReadError where more than padding is left."""
        rest = self.read(_PIECE)
        if rest.strip(b"\0") or self.read(1):
            raise tarfile.ReadError("a broken header")


def _danger_in_zip(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if _leaves(info.filename):
        return "a path that leaves the folder"
    if kind not in (0, stat.S_IFREG):
        return "a link or device"
    if info.flag_bits & 1:
        return "an encrypted file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "a file that is packed in an unusual way"
    return ""


def _danger_in_tar(info: tarfile.TarInfo) -> str:
    if _leaves(info.name):
        return "a path that leaves the folder"
    if not info.isreg() and not info.isdir():
        return "a link or device"
    if info.issparse():
        return "a file that is packed in an unusual way"
    return ""


def _leaves(name: str) -> bool:
    """Whether a path is absolute, on any system, or leads up."""
    parts = re.split(r"[/\\]", name)
    return not parts[0] or ".." in parts or re.match(r"[A-Za-z]:", name) is not None

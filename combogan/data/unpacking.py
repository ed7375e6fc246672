"""A published zip -> a folder per domain with `train` and `test` in it. Nothing in the zip is trusted."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from combogan.data.cards import Collection
from combogan.errors import FetchError, StorageError

LARGEST_RATIO = 100
"""Largest unpacked size / zip size: photographs hardly shrink in a zip, flat drawings to a tenth or twentieth."""
DAMAGE = (zlib.error, EOFError, NotImplementedError, ValueError)
"""What zipfile raises for damage besides BadZipFile: broken or short data, unknown flags, undecodable names, negative
offsets."""


def unpack(
    archive: Path, card: Collection, folder: Path, *, progress: Callable[[str, int, int | None], None] = lambda *_: None
) -> None:
    """Unpack the pictures of `archive` into `folder`, which is emptied first, as DOMAIN/train and DOMAIN/test.

    FetchError: not a zip, damaged, not the folders of the card, or dangerous: paths that leave the folder, links, a far
    too large unpacked size. StorageError: no room for it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [info for info in opened.infolist() if not info.is_dir()]
            for info in members:
                _refuse_danger(card, info)
            _refuse_size(card, archive, members)
            placed = _placed(card, members)
            total = sum(info.file_size for info, _ in placed)
            done = 0
            for info, place in placed:
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(info) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
                done += info.file_size
                progress("unpacking", done, total)
    except zipfile.BadZipFile as error:
        raise FetchError(_not_a_zip(archive, card, error)) from error
    except DAMAGE as error:
        raise FetchError(
            f"the zip of '{card.name}' is damaged ({error}); run the same command to fetch it anew."
        ) from error


def _refuse_danger(card: Collection, info: zipfile.ZipInfo) -> None:
    parts = re.split(r"[/\\]", info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not parts[0] or ".." in parts or re.match(r"[A-Za-z]:", info.filename):
        found = "a path that leaves the folder"
    elif kind not in (0, stat.S_IFREG):
        found = "a link or device"
    elif info.flag_bits & 1:
        found = "an encrypted file"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = "a file that is packed in an unusual way"
    else:
        return
    raise FetchError(f"the zip of '{card.name}' has {found} in it, '{info.filename}'; nothing of it was unpacked.")


def _refuse_size(card: Collection, archive: Path, members: list[zipfile.ZipInfo]) -> None:
    packed, total = archive.stat().st_size, sum(info.file_size for info in members)
    if total > LARGEST_RATIO * packed:
        raise FetchError(
            f"the zip of '{card.name}' would unpack from {packed:,} to {total:,} bytes, which no set of pictures does; "
            f"nothing of it was unpacked."
        )
    free = shutil.disk_usage(archive.parent).free
    if total > free:
        raise StorageError(
            f"the disk of {archive.parent} is too full: unpacking '{card.name}' needs {total / 1e6:,.1f} MB, "
            f"{free / 1e6:,.1f} MB are free; make room, then run the same command again."
        )


def _placed(card: Collection, members: list[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, Path]]:
    """Each picture of the set, and its place as DOMAIN/train/... or DOMAIN/test/...; other files are left out."""
    placed, seen = [], set()
    for info in members:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        # The folders of the set may lie in one folder that has the set's name.
        for depth, part in enumerate(parts[:-1][:2]):
            seen.add(part)
            where = _where(card, part)
            if where is not None:
                placed.append((info, Path(*where, *parts[depth + 1 :])))
                break
    have = {place.parts[0] for _, place in placed if place.parts[1] == "train"}
    expected = set(card.domains) or have
    if not placed or expected - have or (card.count and len(have) != card.count):
        wanted = ", ".join(one.train for one in card.domains.values()) or f"{card.count} folders train*"
        found = ", ".join(sorted(seen)) or "none"
        raise FetchError(
            f"the zip of '{card.name}' is not the set that was expected: looked for folders {wanted}, found {found}; "
            f"another address can be given with --url."
        )
    return placed


def _where(card: Collection, folder: str) -> tuple[str, str] | None:
    """(domain, `train` or `test`) of a published folder, by the card or, in an unnamed collection, by its name."""
    for name, domain in card.domains.items():
        if folder in (domain.train, domain.test):
            return name, "train" if folder == domain.train else "test"
    if card.layout == "unnamed":
        found = re.fullmatch(r"(train|test)[ _.-]*([^\W_][\w-]*)", folder)
        if found:
            return found[2], found[1]
    return None


def _not_a_zip(archive: Path, card: Collection, error: Exception) -> str:
    with archive.open("rb") as file:
        start = file.read(16)
    if start[:2] == b"PK":
        return f"the zip of '{card.name}' is damaged ({error}); run the same command to fetch it anew."
    found = f"it begins with {start!r}"
    return f"what was sent for '{card.name}' is not a zip ({found}); another address can be given with --url."

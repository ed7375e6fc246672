"""A published zip or tar.gz -> a folder per domain with `train` and `test` in it. Nothing in it is trusted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO

from combogan.data import side_by_side
from combogan.data.archives import DAMAGE, Archive, Member, open_archive
from combogan.data.cards import Collection
from combogan.data.colour_profiles import over_white
from combogan.data.decoding import ENDINGS, decode
from combogan.data.pictures import save_picture
from combogan.errors import DomainError, FetchError, PictureError, StorageError

LARGEST_RATIO = 100
"""Largest unpacked size / packed size: photographs hardly shrink in a zip, flat drawings to a tenth or twentieth."""
CUT_RATIO = 5
"""Size of the PNG files of both halves / size of the JPEG that they are cut from, about: what room is made for."""
_IN_MEMORY = 1 << 26
"""Bytes of a picture to cut that are held in memory; larger ones wait on the disk."""


def unpack(
    file: Path, card: Collection, folder: Path, *, progress: Callable[[str, int, int | None], None] = lambda *_: None
) -> None:
    """Unpack the pictures of the archive `file` into `folder`, which is emptied first, as DOMAIN/train and DOMAIN/test.

    Pictures that show two domains side by side are cut into PNG files of equal names. FetchError: no archive, damaged,
    not the folders of the card, pictures that cannot be cut, or dangerous: paths that leave the folder, links, a far
    too large unpacked size. StorageError: no room for it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    archive = open_archive(file)
    if archive is None:
        raise FetchError(_no_archive(file, card))
    try:
        members = _trusted(card, archive, file)
        places = _places(card, archive, members)
        total = sum(members[index].size for index in places)
        _refuse_full_disk(card, file.parent, total)
        done = 0
        for index, content in archive.contents(places):
            if card.layout == "side-by-side":
                _cut(content, members[index].name, places[index], card, archive, folder)
            else:
                _copy(content, folder / places[index])
            done += members[index].size
            progress("unpacking", done, total)
    except DAMAGE as error:
        raise FetchError(
            f"the {archive.kind} of '{card.name}' is damaged ({error}); run the same command to fetch it anew."
        ) from error


def _trusted(card: Collection, archive: Archive, file: Path) -> list[Member]:
    """All members. FetchError as soon as one is dangerous, or the unpacked size far too large."""
    packed, members = file.stat().st_size, []
    for member in archive.members():
        if member.danger:
            raise FetchError(
                f"the {archive.kind} of '{card.name}' has {member.danger} in it, '{member.name}'; "
                "nothing of it was unpacked."
            )
        if member.end > LARGEST_RATIO * packed:
            raise FetchError(
                f"the {archive.kind} of '{card.name}' would unpack from {packed:,} to more than "
                f"{LARGEST_RATIO * packed:,} bytes, which no set of pictures does; nothing of it was unpacked."
            )
        members.append(member)
    return members


def _refuse_full_disk(card: Collection, folder: Path, size: int) -> None:
    needed = size * (CUT_RATIO if card.layout == "side-by-side" else 1)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the disk of {folder} is too full: unpacking '{card.name}' needs {needed / 1e6:,.1f} MB, "
            f"{free / 1e6:,.1f} MB are free; make room, then run the same command again."
        )


def _copy(content: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(content, out)


def _cut(content: IO[bytes], name: str, place: PurePosixPath, card: Collection, archive: Archive, folder: Path) -> None:
    """Save the halves of a picture at `place` in the folders of their domains. FetchError where it has none."""
    try:
        with SpooledTemporaryFile(_IN_MEMORY) as whole:
            shutil.copyfileobj(content, whole)
            picture = decode(whole, name)
        left, right = side_by_side.halves(over_white(picture.rgb, picture.alpha), name)
    except PictureError as error:
        found = str(error).partition(";")[0].rstrip(".")
        raise FetchError(
            f"the {archive.kind} of '{card.name}' has a picture that cannot be cut: {found}; another address can be "
            "given with --url."
        ) from error
    for domain, about in card.domains.items():
        target = folder / domain / place
        target.parent.mkdir(parents=True, exist_ok=True)
        save_picture(left if about.half == "left" else right, target)


def _places(card: Collection, archive: Archive, members: Sequence[Member]) -> Mapping[int, PurePosixPath]:
    """Place of each picture of the set among the members -> DOMAIN/train/... or DOMAIN/test/...; others are left out.

    Where two domains are side by side, it is train/... or test/..., the same in the folders of both.
    """
    places, seen = {}, set()
    for index, member in enumerate(members):
        parts = PurePosixPath(member.name.replace("\\", "/")).parts
        if member.is_folder or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        # The folders of the set may lie in one folder that has the set's name.
        for depth, part in enumerate(parts[:-1][:2]):
            seen.add(part)
            where = _where(card, part)
            if where is not None:
                places[index] = PurePosixPath(*where, *parts[depth + 1 :])
                break
    if card.layout == "side-by-side":
        return _places_of_halves(card, archive, places, seen)
    have = {place.parts[0] for place in places.values() if place.parts[1] == "train"}
    expected = set(card.domains) or have
    if not places or expected - have or (card.count and len(have) != card.count):
        wanted = ", ".join(one.train for one in card.domains.values()) or f"{card.count} folders train*"
        raise FetchError(_another_set(card, archive, wanted, seen))
    return places


def _places_of_halves(
    card: Collection, archive: Archive, found: Mapping[int, PurePosixPath], seen: set[str]
) -> Mapping[int, PurePosixPath]:
    """The places of pictures' halves. FetchError where there are none to train on, or two have the same place."""
    names = {index: str(place) for index, place in found.items() if place.suffix.lower() in ENDINGS}
    if not any(name.startswith("train/") for name in names.values()):
        raise FetchError(_another_set(card, archive, "train", seen))
    try:
        places = side_by_side.places(dict.fromkeys(names.values(), ".png"))
    except DomainError as error:
        raise FetchError(f"the {archive.kind} of '{card.name}' is not the set that was expected: {error}") from error
    return {index: places[name] for index, name in names.items()}


def _where(card: Collection, folder: str) -> tuple[str, ...] | None:
    """(domain, `train` or `test`) of a published folder, by the card or, in an unnamed collection, by its name.

    Where two domains are side by side, a folder is both domains', and only its own name is given.
    """
    if card.layout == "side-by-side":
        return (folder,) if folder in side_by_side.PARTS else None
    for name, domain in card.domains.items():
        if folder in (domain.train, domain.test):
            return name, "train" if folder == domain.train else "test"
    if card.layout == "unnamed":
        found = re.fullmatch(r"(train|test)[ _.-]*([^\W_][\w-]*)", folder)
        if found:
            return found[2], found[1]
    return None


def _another_set(card: Collection, archive: Archive, wanted: str, seen: set[str]) -> str:
    found = ", ".join(sorted(seen)) or "none"
    return (
        f"the {archive.kind} of '{card.name}' is not the set that was expected: looked for folders {wanted}, found "
        f"{found}; another address can be given with --url."
    )


def _no_archive(file: Path, card: Collection) -> str:
    with file.open("rb") as opened:
        start = opened.read(16)
    return (
        f"what was sent for '{card.name}' is neither a zip nor a tar.gz (it begins with {start!r}); "
        "another address can be given with --url."
    )

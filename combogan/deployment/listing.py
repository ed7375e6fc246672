"""listing.json: the files of shared packs, so that no folder need be listed. It is checked, not trusted."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from combogan.errors import PackError
from combogan.evaluation.classifier import CLASSIFIER, LARGEST_FILE
from combogan.networks.decoder import decoder
from combogan.networks.encoder import encoder
from combogan.networks.shared import SharedBlocks
from combogan.registry.card import BlocksCard, Card, Hash, PackCard, SharedCard, card_bytes, fault, read_card
from combogan.registry.pack import CARD, SHARED_CARD
from combogan.registry.weights import largest_file

LISTING = "listing.json"
LARGEST_LISTING = 4 << 20
"""Bytes."""
MEGABYTE = 1 << 20
BESIDE = {
    "README.md": MEGABYTE,
    "grid.png": 64 * MEGABYTE,
    "evaluation.json": 16 * MEGABYTE,
    CLASSIFIER: LARGEST_FILE,
}
"""Files beside the packs, and how large they can be, in bytes."""
IN_PACKS = {CARD: MEGABYTE, SHARED_CARD: MEGABYTE, "preview.png": 64 * MEGABYTE}
"""Files in the folder of a pack, or of shared blocks, besides weights."""


def _stays_inside(name: str) -> str:
    if not all(re.fullmatch(r"[^\W_][\w.-]*", part) for part in name.split("/")):
        raise ValueError(f"the name {name!r} could lead out of the folder")
    return name


class Entry(Card):
    """A file."""

    size: Annotated[int, Field(ge=0)]
    """Bytes."""
    sha256: Hash

    @classmethod
    def of(cls, path: Path) -> Entry:
        """Of a file on this computer. Raises OSError."""
        with path.open("rb") as file:
            return cls(size=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())

    def fits(self, path: Path) -> bool:
        """Whether a file is there and is this one."""
        return path.is_file() and path.stat().st_size == self.size and Entry.of(path) == self


class Listing(Card):
    """`listing.json`."""

    format: Literal["combogan-listing"] = "combogan-listing"
    version: Literal[1] = 1
    files: dict[Annotated[str, AfterValidator(_stays_inside)], Entry]
    """By '/'-separated names."""

    @property
    def cards(self) -> list[str]:
        """The names of the cards of packs and of shared blocks."""
        return [name for name in self.files if PurePosixPath(name).name in (CARD, SHARED_CARD)]

    @property
    def domains(self) -> set[str]:
        """The domains that have a pack: the folders of their cards."""
        return {str(PurePosixPath(name).parent) for name in self.files if PurePosixPath(name).name == CARD}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def content(self) -> bytes:
        """The bytes of its file."""
        return card_bytes(self)


def parse(content: bytes, where: str) -> Listing:
    """A listing from the bytes of its file. PackError where it is damaged, or names a file outside the folder."""
    try:
        listing = Listing.model_validate_json(content)
    except ValidationError as error:
        raise PackError(f"{LISTING} of {where} cannot be used: {fault(error)}; push the packs again.") from None
    for name, entry in listing.files.items():
        most = BESIDE.get(name, IN_PACKS.get(PurePosixPath(name).name))
        if most is not None and entry.size > most:
            raise _too_large(where, name, entry, most)
    if not listing.domains:
        raise PackError(f"{where} has no packs; push some there with `combogan packs push`.")
    return listing


def refuse_unlisted(listing: Listing, folder: Path, where: str) -> None:
    """PackError unless a card in `folder` names each file, its hash, and networks that are as large as it is."""
    named = {**BESIDE}
    for name in listing.cards:
        parent = PurePosixPath(name).parent
        named |= {name: IN_PACKS[CARD], str(parent / "preview.png"): IN_PACKS["preview.png"]}
        for card, most in _weights(folder / name):
            file = str(parent / card.file)
            named[file] = most
            if file in listing.files and listing.files[file].sha256 != card.sha256:
                raise PackError(f"{file} of {where} is not the file that its card names; push the packs again.")
            if file not in listing.files:
                raise PackError(f"{where} lacks {file}, which a card names; push the packs again.")
        if PurePosixPath(name).name == CARD and (domain := read_card(folder / name, PackCard).domain) != str(parent):
            raise PackError(f"{name} of {where} is the card of '{domain}', in another folder; push the packs again.")
    for name, entry in listing.files.items():
        if name not in named:
            raise PackError(f"{where} has a file '{name}' that no card names; nothing was pulled.")
        if entry.size > named[name]:
            raise _too_large(where, name, entry, named[name])


def _weights(path: Path) -> list[tuple[BlocksCard, int]]:
    """The weights that a card names, each with the most bytes that a file of them can have."""
    if path.name == SHARED_CARD:
        shared = read_card(path, SharedCard)
        return [(part, largest_file(path, part, SharedBlocks)) for part in (shared.encoder, shared.decoder) if part]
    pack = read_card(path, PackCard)
    found: list[tuple[BlocksCard, int]] = []
    if pack.encoder is not None:
        found.append((pack.encoder, largest_file(path, pack.encoder, encoder)))
    if pack.decoder is not None:
        found.append((pack.decoder, largest_file(path, pack.decoder, decoder)))
    return found


def _too_large(where: str, name: str, entry: Entry, most: int) -> PackError:
    return PackError(
        f"{name} of {where} would have {entry.size:,} bytes, and what it is has at most {most:,}; nothing was pulled."
    )

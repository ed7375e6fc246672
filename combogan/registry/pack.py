"""One domain's halves on disk: a card and weights, each checked by its hash.

packs/summer/                 pack.json  encoder.safetensors  decoder.safetensors  (preview.png)
packs/shared/<space id>/      shared.json  encoder.safetensors  decoder.safetensors, where blocks are shared
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from combogan import storage
from combogan.errors import PackError
from combogan.networks.decoder import Decoder, decoder
from combogan.networks.encoder import COLOUR, Encoder, encoder
from combogan.networks.shared import DecoderHalf, EncoderHalf, SharedBlocks
from combogan.registry.card import (
    USUAL_DEPTH,
    BlocksCard,
    HalfCard,
    PackCard,
    SharedCard,
    SharedPlace,
    card_bytes,
    published,
    read_card,
)
from combogan.registry.swap import folders_with, replacing
from combogan.registry.weights import half_hash, load_network, weight_bytes

CARD, SHARED_CARD = "pack.json", "shared.json"


@dataclass(frozen=True)
class Pack:
    """A pack on disk; its card is read and checked, its weights are not loaded yet."""

    folder: Path
    domain: str
    encoder: HalfCard | None
    """None in the half-pack of a one-way model."""
    decoder: HalfCard | None
    image_size: int
    """Side of the crops that it was trained on, in pixels."""
    about: dict[str, Any]
    depth: int = USUAL_DEPTH
    """Bits of the values that it was trained on; 16 stands for floats too."""

    @classmethod
    def open(cls, folder: str | Path) -> Pack:
        """The pack in a folder. PackError when it is missing, damaged, or of a newer format."""
        folder = Path(folder)
        card = read_card(folder / CARD, PackCard)
        if card.encoder is None and card.decoder is None:
            raise PackError(f"{folder / CARD} is damaged: it has neither encoder nor decoder; publish the pack again.")
        return cls(folder, card.domain, card.encoder, card.decoder, card.image_size, card.about, card.depth)

    @property
    def published(self) -> float:
        """Seconds since 1970, as `published`."""
        return published(self.folder / CARD, self.about)

    @property
    def halves(self) -> dict[str, HalfCard]:
        """The cards of the existing halves, by "encoder" and "decoder"."""
        both = {"encoder": self.encoder, "decoder": self.decoder}
        return {name: card for name, card in both.items() if card is not None}

    def load_encoder(self, device: str | torch.device = "cpu") -> EncoderHalf:
        """The encoder for use, not training, with its shared blocks. PackError when it is damaged."""
        card = self._half("encoder")
        return EncoderHalf(self._load(card, encoder), *self._load_shared(card, "encoder")).eval().to(device)

    def load_decoder(self, device: str | torch.device = "cpu") -> DecoderHalf:
        """The decoder for use, not training, with its shared blocks. PackError when it is damaged."""
        card = self._half("decoder")
        return DecoderHalf(self._load(card, decoder), *self._load_shared(card, "decoder")).eval().to(device)

    def verify(self) -> None:
        """Check that all files are what their cards say, and that networks can be built from them. Raises PackError."""
        for name in self.halves:
            self.load_encoder() if name == "encoder" else self.load_decoder()

    def shared_folder(self) -> Path | None:
        """Where the blocks that this pack shares are; None when it shares none. PackError when they are missing."""
        spaces = {half.shared.space for half in self.halves.values() if half.shared is not None}
        if not spaces:
            return None
        (space,) = spaces
        for above in self.folder.resolve().parents:
            if (above / "shared" / space / SHARED_CARD).is_file():
                return above / "shared" / space
        raise PackError(
            f"the pack {self.folder} needs the blocks that its latent space shares, but no folder above it has "
            f"shared/{space}; copy it with `combogan packs copy`, which takes them along."
        )

    def _half(self, name: str) -> HalfCard:
        if name not in self.halves:
            raise PackError(
                f"the pack '{self.domain}' ({self.folder}) has no {name}, because it is of a one-way model; "
                f"take another pack for that direction."
            )
        return self.halves[name]

    def _load(self, card: HalfCard, build: Callable[..., Encoder | Decoder]) -> Any:
        network = load_network(self.folder, card, build)
        if replace(network.latent, space=card.latent.space) != card.latent:
            raise PackError(f"{self.folder / CARD} is damaged: it misstates the latent; publish the pack again.")
        network.latent = card.latent
        return network

    def _load_shared(self, card: HalfCard, part: str) -> tuple[SharedBlocks | None, int]:
        """The blocks that a half shares, if any, and the domain's place among those that share them."""
        if card.shared is None:
            return None, 0
        folder = self.shared_folder()
        assert folder is not None
        shared = read_card(folder / SHARED_CARD, SharedCard)
        blocks = shared.encoder if part == "encoder" else shared.decoder
        if blocks is None or blocks.sha256 != card.shared.sha256:
            raise PackError(f"{folder} is not what the pack {self.folder} was trained with; copy both again.")
        network = load_network(folder, blocks, SharedBlocks)
        if card.shared.place >= len(network.get_buffer("contexts")):
            raise PackError(f"{self.folder / CARD} is damaged: it misstates its place; publish the pack again.")
        return network, card.shared.place


@dataclass(frozen=True)
class SharedPart:
    """The blocks that all domains of a latent space share."""

    encoder: SharedBlocks | None
    """After every encoder."""
    decoder: SharedBlocks | None
    """Before every decoder."""
    space: str


@dataclass(frozen=True)
class NewPack:
    """A domain's halves in memory, before they are written; one of them may be missing."""

    domain: str
    encoder: Encoder | None
    decoder: Decoder | None
    spaces: tuple[str, str]
    """Ids of the latent spaces of encoder and decoder; mostly the same."""
    image_size: int
    """Side of the crops that it was trained on, in pixels."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """For people and JSON; `date` (ISO 8601) decides which space is the newest, `origin` where its pictures are."""
    place: int = 0
    """Where blocks are shared: the domain's place among those that share them."""
    depth: int = USUAL_DEPTH
    """Bits of the values that it was trained on."""


def publish(folder: Path, packs: Iterable[NewPack], *, shared: SharedPart | None = None) -> list[Pack]:
    """Write all packs of a latent space as `folder`, replacing its old contents all at once.

    Raises StorageError, and PackError when the folder also holds packs of other domains; both change nothing.
    """
    packs = list(packs)
    names = {pack.domain for pack in packs}
    lost = [found for found in folders_with(CARD, folder) if found.relative_to(folder).as_posix() not in names]
    if lost:
        raise PackError(f"{lost[0]} is no pack of this latent space, and would be lost; publish to another folder.")
    with replacing(folder) as new:
        if shared is not None:
            _write_shared(new / "shared" / shared.space, shared)
        for pack in packs:
            _write(new / pack.domain, pack, shared)
    return [Pack.open(folder / pack.domain) for pack in packs]


def write_pack(folder: Path, pack: NewPack, *, shared: SharedPart | None = None) -> Pack:
    """Write one pack as `folder`, whole or not at all, replacing an old one; shared blocks are not written again.

    Raises StorageError, and PackError when another pack lies inside the folder; both change nothing.
    """
    inside = [found for found in folders_with(CARD, folder) if found != folder]
    if inside:
        raise PackError(f"{folder} cannot be a pack, because it holds another ({inside[0]}); rename the domain.")
    with replacing(folder) as new:
        _write(new, pack, shared)
    return Pack.open(folder)


def _write(folder: Path, pack: NewPack, shared: SharedPart | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    halves: dict[str, HalfCard] = {}
    parts: list[tuple[str, Encoder | Decoder | None, SharedBlocks | None]] = [
        ("encoder", pack.encoder, shared.encoder if shared else None),
        ("decoder", pack.decoder, shared.decoder if shared else None),
    ]
    for (name, network, blocks), space in zip(parts, pack.spaces, strict=True):
        if network is not None:
            latent = replace(network.latent, space=space)
            stored = _write_weights(folder, name, network)
            reference = None
            if blocks is not None and shared is not None:
                reference = SharedPlace(space=shared.space, sha256=half_hash(blocks), place=pack.place)
            halves[name] = HalfCard(**stored.model_dump(), latent=latent, shared=reference)
    card = PackCard(
        version=_version(halves.values(), pack.depth),
        domain=pack.domain,
        image_size=pack.image_size,
        encoder=halves.get("encoder"),
        decoder=halves.get("decoder"),
        about=dict(pack.about),
        depth=16 if pack.depth == 16 else 8,
    )
    storage.write_synced(folder / CARD, card_bytes(card))


def _version(halves: Iterable[HalfCard], depth: int) -> Literal[1, 2, 3]:
    """The oldest format that can say what a pack is."""
    if depth != USUAL_DEPTH or any(half.channels != COLOUR for half in halves):
        return 3
    return 2 if any(half.latent.skips for half in halves) else 1


def _write_shared(folder: Path, shared: SharedPart) -> None:
    folder.mkdir(parents=True)
    card = SharedCard(
        space=shared.space,
        encoder=None if shared.encoder is None else _write_weights(folder, "encoder", shared.encoder),
        decoder=None if shared.decoder is None else _write_weights(folder, "decoder", shared.decoder),
    )
    storage.write_synced(folder / SHARED_CARD, card_bytes(card))


def _write_weights(folder: Path, name: str, network: Encoder | Decoder | SharedBlocks) -> BlocksCard:
    content = weight_bytes(network)
    storage.write_synced(folder / f"{name}.safetensors", content)
    shape: dict[str, Any] = dict(network.shape)
    return BlocksCard(file=f"{name}.safetensors", sha256=hashlib.sha256(content).hexdigest(), shape=shape)

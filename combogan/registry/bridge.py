"""A bridge on disk: the adapters between two latent spaces, each checked by its hash.

packs/bridges/<space id>-<space id>/   bridge.json  there.safetensors  back.safetensors
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from combogan import storage
from combogan.networks.adapter import Adapter
from combogan.networks.latent import Latent
from combogan.registry.card import AdapterCard, BridgeCard, card_bytes, published, read_card
from combogan.registry.swap import replacing
from combogan.registry.weights import load_network, weight_bytes

CARD = "bridge.json"


@dataclass(frozen=True)
class Bridge:
    """Adapters between two latent spaces, both ways; their card is read and checked, their weights are not yet."""

    folder: Path
    there: AdapterCard
    back: AdapterCard
    about: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Bridge:
        """The bridge in a folder. PackError when it is missing, damaged, or of a newer format."""
        folder = Path(folder)
        card = read_card(folder / CARD, BridgeCard)
        return cls(folder, card.there, card.back, card.about)

    @property
    def published(self) -> float:
        """Seconds since 1970, as `published`."""
        return published(self.folder / CARD, self.about)

    @property
    def spaces(self) -> tuple[str, str]:
        """The ids of the two latent spaces."""
        return self.there.taken.space, self.there.given.space

    def beyond(self, space: str) -> str | None:
        """The latent space at the other end from `space`; None where it is at neither."""
        one, other = self.spaces
        return {one: other, other: one}.get(space)

    def way(self, space: str) -> AdapterCard:
        """The card of the adapter that takes latents of a space."""
        return self.there if space == self.there.taken.space else self.back

    def load(self, space: str, device: str | torch.device = "cpu") -> Adapter:
        """The adapter that takes latents of a space, for use, not training. PackError when it is damaged."""
        card = self.way(space)
        return load_network(self.folder, card, partial(Adapter, card.taken, card.given)).to(device)

    def verify(self) -> None:
        """Check that both adapters are what the card says. Raises PackError."""
        for space in self.spaces:
            self.load(space)


def write_bridge(
    folder: Path, there: Adapter, back: Adapter, *, latents: tuple[Latent, Latent], about: Mapping[str, Any]
) -> Bridge:
    """Write a bridge as `folder`, whole or not at all, replacing an old one; `latents` are those of its two ends.

    Raises StorageError; the folder is then as it was.
    """
    one, other = latents
    with replacing(folder) as new:
        cards = {}
        for name, adapter, taken, given in (("there", there, one, other), ("back", back, other, one)):
            content = weight_bytes(adapter)
            storage.write_synced(new / f"{name}.safetensors", content)
            digest = hashlib.sha256(content).hexdigest()
            shape: dict[str, Any] = dict(adapter.shape)
            cards[name] = AdapterCard(file=f"{name}.safetensors", sha256=digest, shape=shape, taken=taken, given=given)
        card = BridgeCard(there=cards["there"], back=cards["back"], about=dict(about))
        storage.write_synced(new / CARD, card_bytes(card))
    return Bridge.open(folder)


def folder_name(spaces: tuple[str, str]) -> str:
    """Where the bridge between two spaces is, below a packs folder."""
    return f"bridges/{'-'.join(spaces)}"

"""The plug between an encoder and a decoder: channels, stride, and the id of the latent space."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Latent:
    """What an encoder hands to a decoder: (n, channels, h / stride, w / stride) in a latent space."""

    channels: int
    stride: int
    space: str = ""
    """Id of the latent space; empty until its halves are published."""

    def fits(self, other: Latent) -> bool:
        """Whether an encoder with this plug feeds a decoder with the other."""
        return self == other


def space_id(hashes: Iterable[str]) -> str:
    """The id of the latent space of all halves published together: a short hash of their hashes, in any order."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:8]

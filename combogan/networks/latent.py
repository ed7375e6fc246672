"""The plug between an encoder and a decoder: channels and strides of its maps, and the id of the latent space."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

Maps = tuple[Tensor, ...]
"""What an encoder hands to a decoder: the latent, then a map for each skip connection."""


@dataclass(frozen=True)
class Latent:
    """What an encoder hands to a decoder: (n, channels, h / stride, w / stride) in a latent space, and skip maps."""

    channels: int
    stride: int
    space: str = ""
    """Id of the latent space; empty until its halves are published."""
    skips: tuple[tuple[int, int], ...] = ()
    """(channels, stride) of each map beside the latent, coarse to fine: skip connections (Ronneberger et al. 2015)."""

    @property
    def maps(self) -> tuple[tuple[int, int], ...]:
        """(channels, stride) of every map: of the latent, then of the skip maps."""
        return ((self.channels, self.stride), *self.skips)

    def __str__(self) -> str:
        skips = "".join(f", {channels} at stride {stride}" for channels, stride in self.skips)
        return f"{self.channels} channels at stride {self.stride}{skips}"

    def fits(self, other: Latent) -> bool:
        """Whether an encoder with this plug feeds a decoder with the other."""
        return self == other

    def has_strides_of(self, other: Latent) -> bool:
        """Whether an adapter can lead from one to the other: there are as many maps, of the same strides."""
        return [stride for _, stride in self.maps] == [stride for _, stride in other.maps]


def shares_one_space(domains: int, *, autoencode: bool) -> bool:
    """Whether the halves of this number of domains, trained together, share one latent space (invariant 6).

    Two domains without autoencode identity have two spaces, a -> b and b -> a: no decoder sees a latent of its own
    domain's encoder.
    """
    return domains > 2 or autoencode


def space_id(hashes: Iterable[str]) -> str:
    """The id of the latent space of all halves published together: a short hash of their hashes, in any order."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:8]


def space_ids(hashes: Mapping[str, tuple[str, str]], *, one_space: bool) -> dict[str, tuple[str, str]]:
    """Hashes of each domain's (encoder, decoder) -> the ids of the latent spaces that they belong to.

    Without `one_space` there are two domains, and a space for each direction.
    """
    if one_space:
        both = space_id(digest for pair in hashes.values() for digest in pair)
        return dict.fromkeys(hashes, (both, both))
    (a, (encoder_a, decoder_a)), (b, (encoder_b, decoder_b)) = hashes.items()
    there, back = space_id((encoder_a, decoder_b)), space_id((encoder_b, decoder_a))
    return {a: (there, back), b: (back, there)}

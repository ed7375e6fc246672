"""One encoder followed by one decoder, perhaps with an adapter between them, for images of any size."""

from __future__ import annotations

from html import escape

import torch.nn.functional as F
from torch import Tensor, nn

from combogan.registry import notebook
from combogan.registry.pack import Pack

SMALLEST = 8
"""Pixels that every network needs."""


class Generator(nn.Module):
    """Image (n, 3, h, w) in [-1, 1] -> its translation, of the same size, whatever h and w are."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        stride: int,
        packs: tuple[Pack, Pack] | None = None,
        adapter: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.stride = encoder, decoder, stride
        self.adapter = nn.Identity() if adapter is None else adapter
        self.packs = packs
        """Those that encoder and decoder are of."""

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        return self.decoder(self.adapter(self.encoder(fit_stride(image, self.stride))))[..., :height, :width]

    def _repr_html_(self) -> str:
        """What it translates, for notebooks; without packs, the modules as text."""
        if self.packs is None:
            return f"<pre>{escape(repr(self))}</pre>"
        source, target = self.packs
        weights = sum(weight.numel() for weight in self.parameters())
        facts = f"{weights / 1e6:.1f} million weights, trained at {target.image_size} px, stride {self.stride}"
        header = f"{escape(source.domain)} &rarr; {escape(target.domain)}"
        return notebook.table((header,), [(facts,), (notebook.preview(target),)])


def fit_stride(image: Tensor, stride: int) -> Tensor:
    """Pad an image at the right and below until its sides are multiples of the stride, and at least SMALLEST.

    By reflection, or by repeating the last pixels where an image is too small for reflection.
    """
    height, width = image.shape[-2:]
    below, right = _missing(height, stride), _missing(width, stride)
    if below:
        image = F.pad(image, [0, 0, 0, below], mode="reflect" if below < height else "replicate")
    if right:
        image = F.pad(image, [0, right, 0, 0], mode="reflect" if right < width else "replicate")
    return image


def _missing(side: int, stride: int) -> int:
    return max(-side % stride, SMALLEST - side)

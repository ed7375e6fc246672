"""Features of images to score with: those of a frozen network other than the one that discriminators look through.

Scores on the features that a translator was trained against would only say that the training worked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.networks.features import STRIDES, features

NETWORK, NAME = "efficientnet-lite2", "EfficientNet-Lite2"
POOLED = (8, 16, 32)
"""Strides of the maps that are pooled: coarse enough for brush strokes and things, not for single edges."""
VALUES = 1040
"""Of the pooled maps: mean and deviation of 48, 120 and 352 channels."""
COMPARED = (8, 16)
"""Strides of the maps that are compared place by place: the coarsest map has too few places at 64 pixels."""
SMALLEST, LARGEST = 64, 256
"""Sides that the network looks at, in pixels: smaller images are enlarged, larger ones shrunk."""


@dataclass(frozen=True)
class ImageFeatures:
    """The features of images."""

    maps: Sequence[Tensor]
    """Of strides COMPARED, (n, channels, h, w) each."""
    pooled: Tensor
    """Mean and standard deviation over the places of the maps of strides POOLED: (n, values), on the CPU."""


@torch.no_grad()
def image_features(images: Tensor, *, largest: int = LARGEST, device: torch.device | str = "cpu") -> ImageFeatures:
    """The features of square images (n, 3, h, h) in [-1, 1], shrunk to the side `largest` first where they are larger.

    Raises FeaturesError where the network's weights are not installed.
    """
    network = features(NETWORK, device)
    x = images.detach().to(device, torch.float32)
    side = min(max(x.shape[-1], SMALLEST), largest)
    if side != x.shape[-1]:
        x = F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)
    maps = dict(zip(STRIDES, network(x), strict=True))
    pooled = []
    for stride in POOLED:
        deviation, mean = torch.std_mean(maps[stride], dim=(2, 3), correction=0)
        pooled += [mean, deviation]
    return ImageFeatures([maps[stride] for stride in COMPARED], torch.cat(pooled, 1).cpu())

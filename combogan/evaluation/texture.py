"""Texture: the distance of small patches of images from those of real ones, at each scale; it needs no weights.

Sliced Wasserstein distances between 7 x 7 patches of the levels of Laplacian pyramids (Karras et al. 2018, section 5).
Unlike there, both sides are normalised by the mean and deviation of the real patches: if images were divided by their
own, those that lost nine tenths of their finest structure would count as real. So colour counts at the coarsest level.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.seeding import tensors

PATCH = 7
PATCHES = 128
"""Of each level of each picture, as published; fewer where all pictures together would have more than MOST."""
MOST = 8192
"""Patches of all pictures together, at each level: more would cost memory and change little."""
DIRECTIONS = 256
SMALLEST = 16
"""Side of the coarsest level, in pixels, at least: halving stops before a side is smaller."""

_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class Patches:
    """Patches of images at each level, gathered batch by batch: (patches, channels * 7 * 7) each, finest level first.

    Their positions depend on the level and the number of the image: the same images in the same order give the same.
    """

    def __init__(self, pictures: int) -> None:
        """For this many images in all."""
        self._each = max(1, min(PATCHES, MOST // max(1, pictures)))
        self._found: list[list[Tensor]] = []
        self._images = 0

    def add(self, images: Tensor) -> None:
        """Images (n, 3, h, w) in [-1, 1], always of the same size, from 7 up."""
        levels = laplacian_pyramid(images.detach().float())
        self._found = self._found or [[] for _ in levels]
        for number, (level, found) in enumerate(zip(levels, self._found, strict=True)):
            for index, image in enumerate(level, start=self._images):
                found.append(_patches(image, self._each, tensors(0, "texture", number, index)).cpu())
        self._images += len(images)

    @property
    def levels(self) -> list[Tensor]:
        return [torch.cat(found) for found in self._found]


class Texture:
    """The patches of real images; called with the patches of others, gives their distance x 1000 per level.

    Patches are normalised so that the real ones have mean 0 and deviation 1 in each channel, and projected on random
    directions; the distance is the mean difference of the sorted projections.
    """

    def __init__(self, real: Patches) -> None:
        self._levels = [_Level(number, patches) for number, patches in enumerate(real.levels)]

    def __call__(self, patches: Patches) -> tuple[float, ...]:
        return tuple(level.distance(found) for level, found in zip(self._levels, patches.levels, strict=True))


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Images (n, 3, h, w) -> the details that each halving of the size loses, finest first, and the smallest images."""
    levels = []
    while min(images.shape[-2:]) >= 2 * SMALLEST:
        smaller = _blurred(images)[..., ::2, ::2]
        levels.append(images - _enlarged(smaller, images.shape[-2:]))
        images = smaller
    return [*levels, images]


class _Level:
    """One level of the real images: their normalisation and sorted projections."""

    def __init__(self, number: int, patches: Tensor) -> None:
        channels = patches.unflatten(1, (-1, PATCH**2))
        self._deviation, self._mean = torch.std_mean(channels, dim=(0, 2), correction=0, keepdim=True)
        directions = torch.randn(patches.shape[1], DIRECTIONS, generator=tensors(0, "directions", number))
        self._directions = directions / directions.norm(dim=0)
        self._sorted = self._projected(patches)

    def distance(self, patches: Tensor) -> float:
        """The area between the quantile functions of the two sides, averaged over directions, x 1000."""
        real, others = self._sorted, self._projected(patches)
        count = max(len(real), len(others))
        return 1000 * (_quantiles(real, count) - _quantiles(others, count)).abs().mean().item()

    def _projected(self, patches: Tensor) -> Tensor:
        normalised = (patches.unflatten(1, (-1, PATCH**2)) - self._mean) / self._deviation.clamp(min=1e-5)
        return (normalised.flatten(1) @ self._directions).sort(dim=0).values


def _quantiles(ordered: Tensor, count: int) -> Tensor:
    """`count` of the ordered rows at evenly spaced quantiles; all of them where there are as many."""
    return ordered if len(ordered) == count else ordered[(2 * torch.arange(count) + 1) * len(ordered) // (2 * count)]


def _patches(image: Tensor, count: int, chance: torch.Generator) -> Tensor:
    """Patches (count, channels * 7 * 7) at random positions of an image (channels, h, w)."""
    windows = image.unfold(1, PATCH, 1).unfold(2, PATCH, 1)
    rows, columns = (torch.randint(windows.shape[side], (count,), generator=chance) for side in (1, 2))
    return windows[:, rows.to(image.device), columns.to(image.device)].transpose(0, 1).flatten(1)


def _blurred(images: Tensor) -> Tensor:
    """A binomial filter of 5 x 5 taps; images are mirrored at the border."""
    taps = images.new_tensor(_TAPS)
    kernel = torch.outer(taps, taps).expand(images.shape[1], 1, 5, 5)
    return F.conv2d(F.pad(images, [2, 2, 2, 2], mode="reflect"), kernel, groups=images.shape[1])


def _enlarged(images: Tensor, size: torch.Size) -> Tensor:
    """To twice the size, or one pixel less: zeros between the pixels, then the blur, four times as strong."""
    spread = images.new_zeros(*images.shape[:2], *size)
    spread[..., ::2, ::2] = images
    return 4 * _blurred(spread)

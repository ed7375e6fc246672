"""Colour matching: the baseline that needs no learning, and the share of a change that is more than colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.evaluation.images import square
from combogan.evaluation.metrics import FLAT, RANGE

_GREY_LEVEL = RANGE / 255


@dataclass(frozen=True)
class ColourMatch:
    """Gives each channel of a picture the mean and standard deviation of a domain."""

    mean: Tensor
    """Of each channel (channels,), over all pixels of the domain's pictures."""
    deviation: Tensor
    """Standard deviation of each channel (channels,), likewise."""

    @classmethod
    def fit(cls, images: Iterable[Tensor]) -> ColourMatch:
        """The statistics of all pixels of images (channels, h, w) of any sizes. ValueError where there are none."""
        count = 0
        total = squares = torch.zeros((), dtype=torch.float64)
        for image in images:
            pixels = image.detach().to("cpu", torch.float64).flatten(1)
            count += pixels.shape[1]
            total = total + pixels.sum(1)
            squares = squares + pixels.square().sum(1)
        if not count:
            raise ValueError("there are no images to take the colours of")
        mean = total / count
        return cls(mean, (squares / count - mean.square()).clamp(min=0).sqrt())

    def __call__(self, image: Tensor) -> Tensor:
        """Images (n, channels, h, w), each recoloured by its own statistics; a flat channel becomes the mean."""
        pixels = image.double()
        deviation, mean = torch.std_mean(pixels, dim=(2, 3), correction=0, keepdim=True)
        own = [values.to(pixels.device).view(1, -1, 1, 1) for values in (self.mean, self.deviation)]
        scale = torch.where(deviation > FLAT, own[1] / deviation.clamp(min=FLAT), 0.0)
        return ((pixels - mean) * scale + own[0]).clamp(-1, 1).to(image.dtype)


def colour_matches(sources: Iterable[DomainPictures], size: int) -> dict[str, ColourMatch]:
    """Domain -> its colour match, fitted to its training pictures as square images of `size` pixels."""
    return {
        source.name: ColourMatch.fit(square(source.train, index, size) for index in range(len(source.train)))
        for source in sources
    }


def more_than_colour(image: Tensor, source: Tensor) -> Tensor:
    """The share of the change from the source that no change of colours explains, for each picture (n,), 0 to 1.

    The mean squared difference that is left after each channel of the source was scaled and shifted to fit the image
    best, divided by that before. The latter is at least one grey level squared, so that rounding is no change.
    """
    x, y = (images.double().flatten(2) for images in (source, image))
    change = (y - x).square().mean((1, 2))
    x, y = x - x.mean(2, keepdim=True), y - y.mean(2, keepdim=True)
    variance, covariance = x.square().mean(2), (x * y).mean(2)
    explained = torch.where(variance > FLAT**2, covariance.square() / variance.clamp(min=FLAT**2), 0.0)
    left = (y.square().mean(2) - explained).mean(1).clamp(min=0)
    return left / change.clamp(min=_GREY_LEVEL**2)

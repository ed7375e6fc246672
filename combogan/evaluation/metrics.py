"""Images in, one number per picture out; nothing here knows a domain, a file or a network.

Images are (n, 3, h, w) in [-1, 1], so the range of the data is 2 in PSNR and SSIM alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

RANGE = 2.0
"""From the darkest value of an image to the brightest."""

BEST_PSNR = 100.0
"""The PSNR of identical images, in dB: infinity would swallow every average, and JSON has no number for it."""

_GREY_LEVEL = RANGE / 255

# A channel that varies less than this is flat: one grey level in one of 400,000 pixels makes 1.2e-5.
_FLAT = 1e-5


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture (n,) in dB, at most BEST_PSNR, the value of identical images."""
    values = peak_signal_noise_ratio(image, truth, data_range=RANGE, reduction="none", dim=(1, 2, 3))
    return values.clamp(max=BEST_PSNR)


def ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each picture (n,), 1 for identical images (Wang et al. 2004); h and w from 6 up.

    Gaussian windows of deviation 1.5 (11 x 11), centred on every pixel, with the image mirrored beyond its border.
    """
    # The whole map is averaged here, because versions of torchmetrics differ in whether they leave the border out.
    _, everywhere = structural_similarity_index_measure(
        image, truth, data_range=RANGE, sigma=1.5, reduction="none", return_full_image=True
    )
    return everywhere.mean(dim=(1, 2, 3))


def edges(image: Tensor, source: Tensor) -> Tensor:
    """How much of the source's edges survives in each picture (n,), from 0 to 1, which the source itself has.

    The correlation over all pixels of the strength of edges, after blurring by a pixel, so that an edge may move by as
    much; 0 where it is negative. Neither the sign nor the colour of an edge counts: night has the edges of day. Flat
    images have none, and those of another scene are where the source's are by chance only. h and w from 4 up.
    """
    one, other = (_edge_strength(images.double()) for images in (image, source))
    together = (one * other).mean(1)
    # Rounding alone gives a flat image an "edge" of 1e-16; one of half a grey level is no edge either.
    spread = one.square().mean(1).sqrt() * other.square().mean(1).sqrt()
    return torch.where(spread > _FLAT**2, together / spread.clamp(min=_FLAT**2), 0.0).clamp(0, 1)


def more_than_colour(image: Tensor, source: Tensor) -> Tensor:
    """The share of the change from the source that no change of colours explains, for each picture (n,), 0 to 1.

    The change is the squared difference; what is left of it is the squared difference from the source after each of
    its channels has been scaled and shifted to be as near to the image as can be. A change of less than a grey level
    counts as one, so that rounding is no change.
    """
    x, y = (images.double().flatten(2) for images in (source, image))
    change = (y - x).square().mean((1, 2))
    x, y = x - x.mean(2, keepdim=True), y - y.mean(2, keepdim=True)
    spread, together = x.square().mean(2), (x * y).mean(2)
    explained = torch.where(spread > _FLAT**2, together.square() / spread.clamp(min=_FLAT**2), 0.0)
    left = (y.square().mean(2) - explained).mean(1).clamp(min=0)
    return left / change.clamp(min=_GREY_LEVEL**2)


def _edge_strength(images: Tensor) -> Tensor:
    """Sobel's gradient over all channels, blurred, less its mean over the picture: (n, inner pixels)."""
    channels = images.flatten(0, 1)[:, None]
    across = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    steps = F.conv2d(channels, kernels)  # not padded, which would make all borders of all pictures alike
    strength = steps.unflatten(0, images.shape[:2]).square().sum((1, 2)).sqrt()[:, None]
    taps = images.new_tensor([1, 4, 6, 4, 1]) / 16
    blurred = F.conv2d(F.pad(strength, [2, 2, 2, 2], mode="replicate"), torch.outer(taps, taps)[None, None])
    flat = blurred.flatten(1)
    return flat - flat.mean(1, keepdim=True)


@dataclass(frozen=True)
class ColourMatch:
    """The baseline that knows colours only: gives each channel of a picture the mean and deviation of a domain."""

    mean: Tensor
    """Of each channel (3,), over all pixels of the domain's pictures."""
    deviation: Tensor
    """Of each channel (3,), likewise."""

    @classmethod
    def fit(cls, images: Iterable[Tensor]) -> ColourMatch:
        """To all pixels of images (3, h, w) of any sizes; ValueError where there are none."""
        count = 0
        total = torch.zeros(3, dtype=torch.float64)
        squares = torch.zeros(3, dtype=torch.float64)
        for image in images:
            pixels = image.detach().to("cpu", torch.float64).flatten(1)
            count += pixels.shape[1]
            total += pixels.sum(1)
            squares += pixels.square().sum(1)
        if not count:
            raise ValueError("colours cannot be matched to no images")
        mean = total / count
        return cls(mean, (squares / count - mean.square()).clamp(min=0).sqrt())

    def __call__(self, image: Tensor) -> Tensor:
        """Images (n, 3, h, w), each recoloured by its own statistics; a flat channel becomes the domain's mean."""
        pixels = image.double()
        deviation, mean = torch.std_mean(pixels, dim=(2, 3), correction=0, keepdim=True)
        own = [values.to(pixels.device).view(1, 3, 1, 1) for values in (self.mean, self.deviation)]
        scale = torch.where(deviation > _FLAT, own[1] / deviation.clamp(min=_FLAT), 0.0)
        return ((pixels - mean) * scale + own[0]).clamp(-1, 1).to(image.dtype)

"""Images in, one number per picture out; nothing here knows a domain, a file or a network.

Images are (n, 3, h, w) in [-1, 1], so the range of the data is 2 in PSNR and SSIM alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

RANGE = 2.0
"""From the darkest value of an image to the brightest."""

BEST_PSNR = 100.0
"""The PSNR of identical images, in dB: infinity would swallow every average, and JSON has no number for it."""

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

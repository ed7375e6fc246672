"""Metrics: images in, one number per picture out.

Images are (n, 3, h, w) in [-1, 1], so the data range of PSNR and SSIM is 2. PSNR and SSIM import torchmetrics when they
are first computed: it takes two seconds, and most commands need neither.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RANGE = 2.0
"""From the darkest value of an image to the brightest."""

BEST_PSNR = 100.0
"""The PSNR of identical images, in dB: infinity would make every average infinite, and JSON cannot hold it."""

FLAT = 1e-5
"""A channel of a smaller standard deviation is flat: one grey level in one of 400,000 pixels makes 1.2e-5."""


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture (n,) in dB, at most BEST_PSNR, the value of identical images."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    values = peak_signal_noise_ratio(image, truth, data_range=RANGE, reduction="none", dim=(1, 2, 3))
    return values.clamp(max=BEST_PSNR)


def ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each picture (n,), 1 for identical images (Wang et al. 2004); h and w from 6 up.

    Gaussian windows (11 x 11, standard deviation 1.5) centred on every pixel; images are mirrored beyond their border.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    # The whole map is averaged here, because versions of torchmetrics differ in whether they leave the border out.
    _, everywhere = structural_similarity_index_measure(
        image, truth, data_range=RANGE, sigma=1.5, reduction="none", return_full_image=True
    )
    return everywhere.mean(dim=(1, 2, 3))


def edges(image: Tensor, source: Tensor) -> Tensor:
    """How much of the source's edges each picture (n,) keeps, from 0 to 1; the source itself has 1.

    The correlation of edge strengths over all pixels, 0 where it is negative. Strengths are blurred by about a pixel,
    so that an edge may move by as much. Neither the sign nor the colour of an edge counts, so a picture by night can
    keep the edges of the day. Flat images have no edges. h and w from 4 up.
    """
    one, other = (_edge_strength(images.double()) for images in (image, source))
    covariance = (one * other).mean(1)
    # Rounding alone gives a flat image an "edge" of 1e-16; one of half a grey level is no edge either.
    spread = one.square().mean(1).sqrt() * other.square().mean(1).sqrt()
    return torch.where(spread > FLAT**2, covariance / spread.clamp(min=FLAT**2), 0.0).clamp(0, 1)


def _edge_strength(images: Tensor) -> Tensor:
    """Sobel gradient magnitude over all channels, blurred, minus its mean over the picture: (n, inner pixels)."""
    channels = images.flatten(0, 1)[:, None]
    across = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    steps = F.conv2d(channels, kernels)  # not padded: padding would give all pictures the same edges at the border
    strength = steps.unflatten(0, images.shape[:2]).square().sum((1, 2)).sqrt()[:, None]
    taps = images.new_tensor([1, 4, 6, 4, 1]) / 16
    blurred = F.conv2d(F.pad(strength, [2, 2, 2, 2], mode="replicate"), torch.outer(taps, taps)[None, None])
    flat = blurred.flatten(1)
    return flat - flat.mean(1, keepdim=True)

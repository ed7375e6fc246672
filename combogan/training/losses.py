"""Losses: tensors in, one number out.

Letters as everywhere: image `x` of domain a; its latent `z_x`; its translation `fake_b`; the way back `rec_a`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.blocks import at_least_float32

Distance = Callable[[Tensor, Tensor], Tensor]
GanLoss = Callable[[list[Tensor], bool], Tensor]


def l1(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference."""
    return F.l1_loss(at_least_float32(found), at_least_float32(wanted))


def smooth_l1(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean of d^2 / 2 below a difference of 1 and |d| - 1/2 above it."""
    return F.smooth_l1_loss(at_least_float32(found), at_least_float32(wanted))


DISTANCES: dict[str, Distance] = {"l1": l1, "smooth-l1": smooth_l1}


def small(image: Tensor, stride: int) -> Tensor:
    """3x3 averages taken every `stride` pixels; stride 1 is the image itself."""
    return image if stride == 1 else F.avg_pool2d(image, 3, stride)


def least_squares(maps: list[Tensor], real: bool) -> Tensor:
    """Squared distance of the scores from 1 (real) or 0 (fake) (Mao et al. 2017)."""
    return _weighted([F.mse_loss(m, torch.full_like(m, float(real))) for m in map(at_least_float32, maps)])


def cross_entropy(maps: list[Tensor], real: bool) -> Tensor:
    """The original loss (Goodfellow et al. 2014); scores are logits."""
    return _weighted(
        [F.binary_cross_entropy_with_logits(m, torch.full_like(m, float(real))) for m in map(at_least_float32, maps)]
    )


def hinge_discriminator(real_maps: list[Tensor], fake_maps: list[Tensor]) -> Tensor:
    """Hinge loss of a discriminator (Lim & Ye 2017): how far real scores lie below 1 and fake ones above -1.

    The mean over the maps, each of which counts the same.
    """
    of_real = [F.relu(1 - m).mean() for m in map(at_least_float32, real_maps)]
    of_fake = [F.relu(1 + m).mean() for m in map(at_least_float32, fake_maps)]
    return torch.stack(of_real).mean() + torch.stack(of_fake).mean()


def hinge_generator(maps: list[Tensor]) -> Tensor:
    """Hinge loss of a generator (Lim & Ye 2017): minus the scores of its translations, the mean over the maps."""
    return -torch.stack([m.mean() for m in map(at_least_float32, maps)]).mean()


GAN_LOSSES: dict[str, GanLoss] = {"least-squares": least_squares, "cross-entropy": cross_entropy}


def r1_penalty(discriminator: nn.Module, image: Tensor) -> Tensor:
    """R1 of Mescheder et al. 2018: the squared gradient of the score at images (n, 3, h, w), summed, averaged over n.

    The score is the sum of the means of all maps.
    """
    image = image.detach().requires_grad_(True)
    score = torch.stack([m.mean((-2, -1)).sum() for m in discriminator(image)]).sum()
    (gradient,) = torch.autograd.grad(score, image, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def _weighted(parts: list[Tensor]) -> Tensor:
    """Outputs of a discriminator from fine to coarse, weighted 1, 2, ..., the last one more, as published.

    For a single output this is that output's loss.
    """
    weights = [*range(1, len(parts)), len(parts) + 1]
    total = torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)]).sum()
    return total / (sum(weights) * len(parts))

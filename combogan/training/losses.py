"""Losses: tensors in, one number out.

Letters as everywhere: image `x` of domain a; its latent `z_x`; its translation `fake_b`; the way back `rec_a`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.blocks import at_least_float32
from combogan.networks.feature_heads import FeatureMaps

Distance = Callable[[Tensor, Tensor], Tensor]
GanLoss = Callable[[list[Tensor], bool], Tensor]


def l1(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference."""
    return F.l1_loss(at_least_float32(found), at_least_float32(wanted))


def smooth_l1(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean of d^2 / 2 below a difference of 1 and |d| - 1/2 above it."""
    return F.smooth_l1_loss(at_least_float32(found), at_least_float32(wanted))


def squared(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference."""
    return F.mse_loss(at_least_float32(found), at_least_float32(wanted))


DISTANCES: dict[str, Distance] = {"l1": l1, "smooth-l1": smooth_l1, "squared": squared}


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


GAN_LOSSES: dict[str, GanLoss] = {"least-squares": least_squares, "cross-entropy": cross_entropy}


def matching(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Squared distance of what a discriminator finds in translations from what it finds in as many real images.

    Each map (n, channels, h, w) is averaged over its n images first; the distances of all maps are added (feature
    matching, Salimans et al. 2016, as in the code of Kim et al. 2017).
    """
    return torch.stack([squared(f.mean(0), w.mean(0)) for f, w in zip(found, wanted, strict=True)]).sum()


def r1_penalty(discriminator: nn.Module, image: Tensor) -> Tensor:
    """R1 of Mescheder et al. 2018: the squared gradient of the score at images (n, 3, h, w), summed, averaged over n.

    The score is the sum of the means of all maps.
    """
    image = image.detach().requires_grad_(True)
    score = torch.stack([m.mean((-2, -1)).sum() for m in discriminator(image)]).sum()
    (gradient,) = torch.autograd.grad(score, image, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def hinge(scores: list[Tensor], real: bool) -> Tensor:
    """What a discriminator's heads minimise: scores of real images above 1, of fakes below -1 (Lim & Ye 2017).

    Scores (n, 1, h, w), a map per head; all heads count the same.
    """
    return torch.stack([F.relu(1 - s if real else 1 + s).mean() for s in map(at_least_float32, scores)]).mean()


def hinge_of_generator(scores: list[Tensor]) -> Tensor:
    """What a generator minimises against heads that minimise `hinge`: minus the scores of its translations."""
    return -torch.stack([s.mean() for s in map(at_least_float32, scores)]).mean()


DIRECTIONS = 32
"""Random directions of the style loss, per map."""
LEAST_POSITIONS = 16
"""Positions that a map needs for the style loss; smaller maps are left out."""
LEAST_DEVIATION = 0.1
"""The least deviation of a channel in the style loss, as a share of that of the whole map."""


def style(found: FeatureMaps, target: FeatureMaps, chance: np.random.Generator) -> Tensor:
    """Distance between the distributions of features in a translation and in a target image, whatever their positions.

    The sliced Wasserstein loss of Heitz et al. 2021: at each stride, features are projected on random directions, and
    the sorted projections of both images compared. Each channel is divided by the target's deviation. Maps by stride,
    (n, channels, h, w) each, of two images of one size; 0 for images too small for any map of LEAST_POSITIONS.
    """
    device = next(iter(found.values())).device
    with torch.autocast(device.type, enabled=False):  # rounded values would be sorted in ties
        distances = _distances_by_stride(found, target, chance)
        return torch.stack(distances).mean() if distances else torch.zeros((), device=device)


def _distances_by_stride(found: FeatureMaps, target: FeatureMaps, chance: np.random.Generator) -> list[Tensor]:
    distances = []
    for stride in [stride for stride, wanted in target.items() if wanted[0, 0].numel() >= LEAST_POSITIONS]:
        y, wanted = found[stride].flatten(2), target[stride].flatten(2)
        directions = torch.from_numpy(chance.standard_normal((DIRECTIONS, y.shape[1]), np.float32))
        directions = directions.to(y.device, non_blocking=True)
        deviation = torch.maximum(wanted.std((0, 2), correction=0), LEAST_DEVIATION * wanted.std(correction=0)) + 1e-6
        scaled = F.normalize(directions, dim=1) / deviation
        distances.append(F.l1_loss(_in_order(scaled @ y), _in_order(scaled @ wanted)))
    return distances


def _in_order(values: Tensor) -> Tensor:
    """Values in ascending order along the last dimension; on CPUs, NumPy is 6 to 20 times as fast as PyTorch."""
    if values.is_cuda:
        return values.sort().values
    if not values.requires_grad:
        return torch.from_numpy(np.sort(values.numpy()))
    return values.gather(-1, torch.from_numpy(np.argsort(values.detach().numpy())))


def _weighted(parts: list[Tensor]) -> Tensor:
    """Losses of a discriminator's n outputs, fine to coarse: summed with weights 1, ..., n - 1, n + 1, over their sum.

    Divided by n too, as published; for a single output this is that output's loss.
    """
    weights = [*range(1, len(parts)), len(parts) + 1]
    total = torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)]).sum()
    return total / (sum(weights) * len(parts))

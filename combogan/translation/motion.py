"""Motion between two frames, and how much of their difference it does not explain."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 7
"""Side of the square whose pixels are taken to move together; of its mean, the mean is taken again."""
ROUNDS = 3
"""Corrections of the motion at each size."""
SMALLEST = 16
"""Short side of the smallest copies that motion is first looked for in."""
LEVELS = 5
NOISE = 1e-5
"""Variance of gray values (in 0..1) below which there is nothing to follow."""


def motion(before: Tensor, after: Tensor) -> Tensor:
    """Images (1, 3, h, w) in [-1, 1] -> (1, 2, h, w): how far to the right and below each pixel of `after` was before.

    In pixels, not rounded. Lucas and Kanade 1981, for every pixel, from small copies to large ones (Bouguet 2001).
    """
    pairs = [(_gray(before), _gray(after))]
    while len(pairs) < LEVELS and min(pairs[-1][0].shape[-2:]) >= 2 * SMALLEST:
        pairs.append((_halved(pairs[-1][0]), _halved(pairs[-1][1])))
    flow = before.new_zeros(1, 2, *pairs[-1][0].shape[-2:])
    for one, other in reversed(pairs):
        size = one.shape[-2:]
        if flow.shape[-2:] != size:
            flow = 2 * F.interpolate(flow, size, mode="bilinear", align_corners=False)
        for _ in range(ROUNDS):
            flow = flow + _correction(moved(one, flow), other)
    return flow


def moved(image: Tensor, flow: Tensor) -> Tensor:
    """The image (1, c, h, w) with each pixel taken from where `flow` points; the nearest one outside of the image."""
    height, width = image.shape[-2:]
    return F.grid_sample(image, _places(flow, height, width), padding_mode="border", align_corners=True)


def difference(before: Tensor, after: Tensor, flow: Tensor) -> float:
    """Mean absolute difference of images (1, 3, h, w) in [-1, 1], of which `before` is moved: in levels of 255.

    Pixels that were outside of `before` do not count.
    """
    height, width = before.shape[-2:]
    inside = (_places(flow, height, width).abs() <= 1).all(-1)
    if not inside.any():
        return 0.0
    return float(127.5 * (after - moved(before, flow)).abs().mean(1)[inside].mean())


def _correction(before: Tensor, after: Tensor) -> Tensor:
    """How far a window of `after` is from the same window of `before`, by least squares; at most a pixel."""
    padded = F.pad(before, [1] * 4, mode="replicate")
    right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    missing = after - before
    products = torch.cat([right * right, right * down, down * down, right * missing, down * missing], 1)
    xx, xy, yy, x, y = _window_means(products).unbind(1)
    xx, yy = xx + NOISE, yy + NOISE
    determinant = xx * yy - xy * xy
    return torch.stack([yy * x - xy * y, xx * y - xy * x], 1).div(determinant).clamp(-1, 1)


def _window_means(maps: Tensor) -> Tensor:
    for _ in range(2):  # so that nearer places count more
        maps = F.avg_pool2d(maps, WINDOW, 1, WINDOW // 2, count_include_pad=False)
    return maps


def _places(flow: Tensor, height: int, width: int) -> Tensor:
    """Where `flow` points, as grid_sample takes it: (1, h, w, 2) in [-1, 1]."""
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    return torch.stack([columns / max(1, width - 1), rows / max(1, height - 1)], -1) * 2 - 1


def _gray(image: Tensor) -> Tensor:
    """(1, 1, h, w) in [0, 1]."""
    return (image.mean(1, keepdim=True) + 1) / 2


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)

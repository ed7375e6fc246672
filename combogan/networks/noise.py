"""Noise that a decoder can make texture of: strokes and leaves that the source has no pixel for (Karras et al. 2019).

Without it, all that a decoder can draw in a plain sky is a regular pattern. The noise depends on the place in a map
alone, so a translation is the same each time, whole or in tiles, here or in another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary

from combogan.seeding import tensors

SIDES = (64, 61)
"""Sides of two squares of noise. Each repeats, and their sum after 64 x 61 places only."""
STRENGTH = 0.05
"""The standard deviation of the noise in every channel of a network that has not been trained."""
Places = tuple[Tensor, Tensor]
"""Where the noise of a map is taken: rows (h, 1) and columns (1, w), whole numbers; or both (h, w), not rounded."""
_seen: ContextVar[Callable[[Places, int], Places]] = ContextVar("seen", default=lambda places, stride: places)
"""(Places of a map, its stride) -> the places whose noise is used instead."""


@contextmanager
def seamless(margin: int, size: tuple[int, int]) -> Iterator[None]:
    """Context in which images are a texture of (height, width) pixels that repeats, seen from `margin` before it.

    Noise then repeats like the texture.
    """

    def repeated(places: Places, stride: int) -> Places:
        rows, columns = (
            (here - margin // stride) % -(-side // stride) for here, side in zip(places, size, strict=True)
        )
        return rows, columns

    with _taking(repeated):
        yield


@contextmanager
def carried(moved: Tensor) -> Iterator[None]:
    """Context in which the noise of each pixel of images (h, w) is what was `moved` (2, h, w) pixels away at first.

    `moved` is to the right and below, not rounded. So in a film, noise can move with what is shown.
    """

    def followed(places: Places, stride: int) -> Places:
        size = len(places[0]), places[1].shape[1]
        right, below = F.interpolate(moved[None], size, mode="bilinear", align_corners=False)[0] / stride
        return places[0] + below, places[1] + right

    with _taking(followed):
        yield


@contextmanager
def _taking(places: Callable[[Places, int], Places]) -> Iterator[None]:
    token = _seen.set(places)
    try:
        yield
    finally:
        _seen.reset(token)


class Noise(nn.Module):
    """Map (n, channels, h, w) -> the same with noise, one value per place, at a learned strength in each channel.

    `stride` is how many pixels of the image a place has in each direction.
    """

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.strength = nn.Parameter(torch.full((1, channels, 1, 1), STRENGTH))
        for side in SIDES:
            # On "meta", where networks are only counted, torch.randn would import torch's compiler, for a second.
            square = torch.randn(side, side, generator=tensors(0, "noise", side), device="cpu") / len(SIDES) ** 0.5
            self.register_buffer(f"square{side}", square, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        places = torch.arange(height, device=x.device)[:, None], torch.arange(width, device=x.device)[None]
        return noisy(x, self, *_seen.get()(places, self.stride))

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The noise (h, w) at these places, normally distributed; between places, of the same variance as on them."""
        if not rows.is_floating_point():
            squares = (self.get_buffer(f"square{side}") for side in SIDES)
            return torch.stack([one[rows % len(one), columns % len(one)] for one in squares]).sum(0)
        top, left = rows.floor(), columns.floor()
        total, squared = torch.zeros_like(rows), torch.zeros_like(rows)
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = (1 - (rows - top - down).abs()) * (1 - (columns - left - right).abs())
            total += weight * self.at(top.long() + down, left.long() + right)
            squared += weight**2
        return total / squared.sqrt()


def noisy(x: Tensor, noise: Noise, rows: Tensor, columns: Tensor) -> Tensor:
    """Map (n, channels, h, w) with the noise of these places."""
    if has_torch_function_unary(x):
        return handle_torch_function(noisy, (x,), x, noise, rows, columns)
    return torch.addcmul(x, noise.strength.to(x.dtype), noise.at(rows, columns).to(x.dtype))

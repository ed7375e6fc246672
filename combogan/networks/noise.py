"""Noise that a decoder can make texture of: strokes and leaves that the source has no pixel for (Karras et al. 2019).

Without it, all that a decoder can draw in a plain sky is a regular pattern. The noise depends on the place in a map
alone, so a translation is the same each time, whole or in tiles, here or in another program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary

from combogan.seeding import tensors

SIDES = (64, 61)
"""Sides of two squares of noise. Each repeats, and their sum after 64 x 61 places only."""
STRENGTH = 0.05
"""The standard deviation of the noise in every channel of a network that has not been trained."""


_texture: ContextVar[tuple[int, tuple[int, int]] | None] = ContextVar("texture", default=None)


@contextmanager
def seamless(margin: int, size: tuple[int, int]) -> Iterator[None]:
    """Context in which images are a texture of (height, width) pixels that repeats, seen from `margin` before it.

    Noise then repeats like the texture.
    """
    token = _texture.set((margin, size))
    try:
        yield
    finally:
        _texture.reset(token)


class Noise(nn.Module):
    """Map (n, channels, h, w) -> the same with noise, one value per place, at a learned strength in each channel.

    `stride` is how many pixels of the image a place has in each direction.
    """

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.strength = nn.Parameter(torch.full((1, channels, 1, 1), STRENGTH))
        for side in SIDES:
            square = torch.randn(side, side, generator=tensors(0, "noise", side)) / len(SIDES) ** 0.5
            self.register_buffer(f"square{side}", square, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
        if (texture := _texture.get()) is not None:
            margin, size = texture
            rows, columns = (
                (places - margin // self.stride) % -(-side // self.stride)
                for places, side in zip((rows, columns), size, strict=True)
            )
        return noisy(x, self, rows, columns)

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The noise (rows, columns) at places of a map, normally distributed."""
        squares = (self.get_buffer(f"square{side}") for side in SIDES)
        return torch.stack([one[rows % len(one)][:, columns % len(one)] for one in squares]).sum(0)


def noisy(x: Tensor, noise: Noise, rows: Tensor, columns: Tensor) -> Tensor:
    """Map (n, channels, h, w) with the noise of these rows (h,) and columns (w,)."""
    if has_torch_function_unary(x):
        return handle_torch_function(noisy, (x,), x, noise, rows, columns)  # type: ignore[no-any-return]
    return torch.addcmul(x, noise.strength.to(x.dtype), noise.at(rows, columns).to(x.dtype))

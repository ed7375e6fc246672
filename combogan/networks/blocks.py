"""What the networks are built from: padding, norms, activations, dropout, the residual block, first weights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.cpu import NormActivation, UnpaddedConvolution, all_normalised, normalised

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "prelu": nn.PReLU,
    "leaky": lambda: nn.LeakyReLU(0.2),
}

SLOPES = {"relu": 0.0, "prelu": None, "leaky": 0.2}
"""The slope of each activation below zero; None where it is learned."""


class InstanceNorm(nn.Module):
    """Normalise each channel of each image to mean 0 and deviation 1 (eps 1e-5); no parameters, no running statistics.

    Each image is normalised as a batch of one, which computes the same and keeps the channels_last memory format.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            return all_normalised(x)
        images = [normalised(image)[0] for image in x.split(1)]
        return images[0] if len(images) == 1 else torch.cat(images)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": lambda channels: InstanceNorm(),
    "batch": nn.BatchNorm2d,
}


def reflect(x: Tensor, border: int) -> Tensor:
    """Pad height and width by `border` mirrored pixels.

    On CUDA by slices, because PyTorch's own reflection padding has no deterministic backward there. On the CPU without
    autocast, which would convert bfloat16 to float32 and take twice the memory.
    """
    if torch.compiler.is_exporting():
        return F.pad(x, [border] * 4, mode="reflect")
    if not x.is_cuda:
        with torch.autocast(x.device.type, enabled=False):
            return F.pad(x, [border] * 4, mode="reflect")
    x = torch.cat([x[..., 1 : border + 1].flip(-1), x, x[..., -border - 1 : -1].flip(-1)], -1)
    return torch.cat([x[..., 1 : border + 1, :].flip(-2), x, x[..., -border - 1 : -1, :].flip(-2)], -2)


def repeat_border(x: Tensor) -> Tensor:
    """Pad height and width by one pixel, a copy of the nearest; on CUDA by slices, as in `reflect`."""
    if not x.is_cuda:
        return F.pad(x, [1] * 4, mode="replicate")
    x = torch.cat([x[..., :1], x, x[..., -1:]], -1)
    return torch.cat([x[..., :1, :], x, x[..., -1:, :]], -2)


def at_least_float32(x: Tensor) -> Tensor:
    """Bfloat16 -> float32, where it must not be rounded further; float32 and float64 unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Reflect(nn.Module):
    """Reflection padding."""

    def __init__(self, border: int) -> None:
        super().__init__()
        self.border = border

    def forward(self, x: Tensor) -> Tensor:
        return reflect(x, self.border)


def padded(convolution: nn.Conv2d) -> list[nn.Module]:
    """A convolution after the reflection padding that keeps height and width, divided by its stride."""
    return [Reflect(convolution.kernel_size[0] // 2), convolution]


class NearestUpsampling(nn.Conv2d):
    """Every pixel repeated to 2 x 2, then a padded 3x3 convolution: (n, c, h, w) -> (n, o, 2h, 2w).

    Computed as a transposed convolution of the small map, in less than half of the operations: repeating pixels is a
    transposed convolution with 2 x 2 ones, and both kernels together are one of 4 x 4.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 3)
        self.register_buffer("spread", _spread(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out, channels = self.weight.shape[:2]
        kernel = self.weight.flip(2, 3).reshape(out, channels, 9) @ self.get_buffer("spread")
        kernel = kernel.view(out, channels, 4, 4).transpose(0, 1)
        # The border of the large map mirrors its last pixel, which is a repeated one: the small map repeats it too.
        return F.conv_transpose2d(repeat_border(x), kernel, self.bias, stride=2, padding=3)


def _spread() -> Tensor:
    """(9, 16): each weight of a 3x3 kernel counts at 2 x 2 places of the 4x4 kernel."""
    spread = torch.zeros(3, 3, 4, 4)
    for row, column in product(range(3), range(3)):
        spread[row, column, row : row + 2, column : column + 2] = 1
    return spread.view(9, 16)


class ZeroConvolution(UnpaddedConvolution):
    """A convolution that begins with zeros, and so gives zeros at first."""


class Dropout(nn.Module):
    """Dropout that draws from its own generator, which is set for every iteration."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.share, generator=self.generator)
        return x * kept / (1 - self.share)


def norm_and_activation(channels: int, norm: str, activation: str) -> list[nn.Module]:
    """The norm and activation after a convolution, always two layers, so that state dicts number them as published."""
    if norm == "instance":
        return [nn.Identity(), NormActivation(SLOPES[activation])]
    return [NORMS[norm](channels), ACTIVATIONS[activation]()]


class ResidualBlock(nn.Module):
    """x plus two padded 3x3 convolutions of it (He et al. 2016): (n, channels, h, w) -> the same.

    With a context of k channels, each convolution also sees k constant maps, which tell a shared block the domain.
    """

    def __init__(self, channels: int, *, activation: str, norm: str, dropout: float = 0.0, context: int = 0) -> None:
        super().__init__()
        bias = norm != "batch"
        self.first = UnpaddedConvolution(channels + context, channels, 3, bias=bias)
        self.between = nn.Sequential(*norm_and_activation(channels, norm, activation))
        if dropout:
            self.between.append(Dropout(dropout))
        self.second = UnpaddedConvolution(channels + context, channels, 3, bias=bias)
        self.norm = NORMS[norm](channels)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        y = self.first(_with_context(reflect(x, 1), context))
        y = self.second(_with_context(reflect(self.between(y), 1), context))
        return x + self.norm(y)


def _with_context(x: Tensor, context: Tensor | None) -> Tensor:
    if context is None:
        return x
    maps = context.to(x.dtype).view(1, -1, 1, 1).expand(x.shape[0], -1, *x.shape[2:])
    return torch.cat([x, maps], 1)


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw first weights as published: convolutions from N(0, 0.02), biases zero, batch norms from N(1, 0.02).

    Those of a ZeroConvolution are zeros.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
            nn.init.normal_(module.weight, mean, 0.02, generator=generator)
            if isinstance(module, ZeroConvolution):
                nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

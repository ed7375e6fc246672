"""Layers that compute the same as PyTorch's own, but faster on a CPU; on CUDA they use PyTorch's own.

oneDNN pads channels to multiples of 16, so that most of a convolution from or to three channels is work on zeros. Where
a map is smaller than a kernel's weights, most of the time goes into rearranging the weights. Without AVX-512, its
gradients of weights take two to three times as long as the same sums as matrix products. And a norm and its activation
in one layer need not store the values between them.

Exported programs (`torch.export`) leave out what only a backward pass needs, and their norms take any number of images.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

EPSILON = 1e-5
FEW_CHANNELS = 3
SMALL_MAP = 100
"""Positions of the kernel up to which a convolution is computed as a matrix product."""


class WideConvolution(nn.Conv2d):
    """An unpadded k x k convolution from or to an image's few channels: (n, c, h, w) -> (n, o, h', w').

    Each column of the kernel becomes a channel of a k x 1 convolution; a 1 x k convolution shifts it by its place.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda:
            return super().forward(x)
        out, channels, height, width = self.weight.shape
        if out <= FEW_CHANNELS:
            columns = self.weight.permute(3, 0, 1, 2).reshape(width * out, channels, height, 1)
            return F.conv2d(F.conv2d(x, columns), _shifts(out, width, like=columns), self.bias)
        columns = self.weight.permute(0, 3, 1, 2).reshape(out, width * channels, height, 1)
        shifts = _shifts(channels, width, like=columns).transpose(0, 1)
        return F.conv2d(F.conv2d(x, shifts), columns, self.bias)


class SmallMapConvolution(nn.Conv2d):
    """A convolution that is fast on maps of few pixels too: (n, c, h, w) -> (n, o, h', w')."""

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda or x.shape[2] * x.shape[3] > SMALL_MAP * self.stride[0] ** 2:
            return super().forward(x)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        y: Tensor = _Product.apply(x, self.weight.to(x.dtype), self.stride[0], self.padding[0])
        return y if self.bias is None else y + self.bias.to(y.dtype).view(-1, 1, 1)


class UnpaddedConvolution(nn.Conv2d):
    """A k x k convolution of stride 1 without padding: (n, c, h, w) -> (n, o, h - k + 1, w - k + 1)."""

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda or torch.compiler.is_exporting() or torch.is_autocast_enabled(x.device.type):
            return super().forward(x)
        if torch.backends.cpu.get_cpu_capability() != "AVX2":
            return super().forward(x)
        y: Tensor = _Unpadded.apply(x, self.weight, self.bias)
        return y


class NormActivation(nn.Module):
    """An instance norm and its activation: (n, c, h, w) -> the same; only the input is stored for the backward.

    Each image is normalised as a batch of one, which keeps the channels_last memory format. A `slope` of None is
    learned, as in nn.PReLU.
    """

    def __init__(self, slope: float | None) -> None:
        super().__init__()
        self.slope = 0.0 if slope is None else slope
        self.weight = nn.Parameter(torch.tensor([0.25])) if slope is None else None

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            return self._activated(all_normalised(x))
        images = [self._one(image) for image in x.split(1)]
        return images[0] if len(images) == 1 else torch.cat(images)

    def _one(self, image: Tensor) -> Tensor:
        if image.is_cuda:
            return self._activated(normalised(image)[0])
        y: Tensor = _NormActivation.apply(image, self.weight, self.slope)
        return y

    def _activated(self, y: Tensor) -> Tensor:
        return F.leaky_relu(y, self.slope) if self.weight is None else F.prelu(y, self.weight)


class _NormActivation(torch.autograd.Function):
    """A norm and its activation that store only their input, and normalise it again in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, learned: Tensor | None, slope: float) -> Tensor:
        y, mean, scale = normalised(x)
        ctx.slope = slope
        ctx.save_for_backward(x, mean, scale, learned)
        return F.leaky_relu_(y, slope if learned is None else float(learned))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, mean, scale, learned = ctx.saved_tensors
        y = normalised(x)[0]
        of_slope = None
        if ctx.needs_input_grad[1]:
            finer = torch.promote_types(grad.dtype, torch.float32)
            of_slope = (grad * y.clamp(max=0)).sum(dtype=finer).view(1)
        if learned is None:
            grad = torch.ops.aten.leaky_relu_backward(grad, y, ctx.slope, False)
        else:
            grad = torch.where(y > 0, grad, grad * learned.to(grad.dtype))
        of_x = torch.ops.aten.native_batch_norm_backward(
            grad, x, None, None, None, mean, scale, True, EPSILON, [True, False, False]
        )[0]
        return of_x, of_slope, None


def normalised(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One image (1, c, h, w) with each channel at mean 0 and deviation 1; the means, and 1 / the deviations."""
    return torch.native_batch_norm(image, None, None, None, None, True, 0.0, EPSILON)


def all_normalised(images: Tensor) -> Tensor:
    """Images (n, c, h, w) with each channel of each at mean 0 and deviation 1, for any n: as it is exported."""
    return torch.instance_norm(images, None, None, None, None, True, 0.0, EPSILON, False)


class _Product(torch.autograd.Function):
    """A convolution as one matrix product: every patch under the kernel times the kernel's weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        patches = _patches(x, weight.shape[2], stride, padding)
        kernels = weight.permute(0, 2, 3, 1).flatten(1)
        return (patches @ kernels.T).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = conv2d_input(x.shape, weight, grad, stride=ctx.stride, padding=ctx.padding)
        if ctx.needs_input_grad[1]:
            patches = _patches(x, weight.shape[2], ctx.stride, ctx.padding).flatten(0, 2)
            product = grad.permute(1, 0, 2, 3).flatten(1) @ patches
            out, channels, height, width = weight.shape
            of_weight = product.view(out, height, width, channels).permute(0, 3, 1, 2)
        return of_x, of_weight, None, None


class _Unpadded(torch.autograd.Function):
    """An unpadded convolution of stride 1; its gradient of the weights is a matrix product per place in the kernel.

    With channels last, an image is a list of pixels, and moving it under the kernel is starting later in that list. So
    each product takes two parts of lists, of pixels and of gradients as wide as the image, and copies neither.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = conv2d_input(x.shape, weight, grad)
        if ctx.needs_input_grad[1]:
            kernel, wide = weight.shape[-1], x.shape[3]
            pixels = x.permute(0, 2, 3, 1).flatten(0, 2)
            grads = F.pad(grad.permute(0, 2, 3, 1), [0, 0, 0, kernel - 1, 0, kernel - 1]).flatten(0, 2)
            count = len(pixels) - (kernel - 1) * (wide + 1)
            grads = grads[:count].T
            starts = [row * wide + column for row in range(kernel) for column in range(kernel)]
            products = torch.stack([grads @ pixels[start : start + count] for start in starts])
            of_weight = products.view(kernel, kernel, *weight.shape[:2]).permute(2, 3, 0, 1)
        if ctx.needs_input_grad[2]:
            of_bias = grad.sum((0, 2, 3))
        return of_x, of_weight, of_bias


def _patches(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """The patch under the kernel at each position: (n, c, h, w) -> (n, h', w', kernel * kernel * c)."""
    x = F.pad(x, [padding] * 4).permute(0, 2, 3, 1)
    windows = x.unfold(1, kernel, stride).unfold(2, kernel, stride)
    return windows.permute(0, 1, 2, 4, 5, 3).flatten(3)


def _shifts(channels: int, width: int, *, like: Tensor) -> Tensor:
    """Weights (channels, width * channels, 1, width) that add `width` groups of maps, group i shifted by i pixels."""
    count = width * channels
    ones = torch.eye(count, dtype=like.dtype, device=like.device).view(width, channels, width, channels)
    return ones.permute(1, 2, 3, 0).reshape(channels, count, 1, width)

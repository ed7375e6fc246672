"""Changes of the training that combogan does not have: each replaces one of its functions during one training.

A patch is a context manager that is entered before a run is built and left when it has been scored. Patches wrap what
they find, so that several can be entered one after the other. They count iterations only by what a checkpoint holds, so
that a run that is resumed with the same patches goes on as if it had not been stopped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from combogan.networks.blocks import Reflect
from combogan.networks.decoder import Decoder
from combogan.seeding import tensors
from combogan.training import building, engine, pretraining
from combogan.training.domain import NetworkGroup

Patch = Callable[[], AbstractContextManager[None]]


@contextmanager
def replaced(owner: Any, name: str, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """Context in which the attribute `name` of `owner` is replaced by `wrap` of it."""
    before = getattr(owner, name)
    setattr(owner, name, wrap(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def discriminating(change: Callable[[nn.Module, int, str], None]) -> AbstractContextManager[None]:
    """Every new discriminator is changed by `change(network, seed of the run, domain)`."""

    def wrap(first_weights: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        def changed(network: nn.Module, settings: Any, *where: str, device: torch.device) -> nn.Module:
            network = first_weights(network, settings, *where, device=device)
            if where[-1] == "discriminator":
                change(network, settings.run.seed, where[0])
                network.to(device)
            return network

        return changed

    return replaced(building, "first_weights", wrap)


def spectral_norm(network: nn.Module, seed: int, domain: str) -> None:
    """Every convolution is divided by its largest singular value (Miyato et al. 2018), by one power step per use."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d):
            parametrize.register_parametrization(layer, "weight", _Spectral(layer.weight, seed, domain))


class _Spectral(nn.Module):
    def __init__(self, weight: Tensor, seed: int, domain: str) -> None:
        super().__init__()
        chance = tensors(seed, "spectral norm", domain)
        start = F.normalize(torch.randn(len(weight), generator=chance), dim=0).to(weight.device)
        self.register_buffer("left", start)
        for _ in range(15):
            self._follow(weight.detach().flatten(1))

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            if self.training:
                self._follow(matrix.detach())
            left = self.left.clone()
            right = F.normalize(matrix.detach().T @ left, dim=0)
            return weight / torch.dot(left, matrix @ right).clamp(min=1e-12)

    @torch.no_grad()
    def _follow(self, matrix: Tensor) -> None:
        self.left.copy_(F.normalize(matrix @ F.normalize(matrix.T @ self.left, dim=0), dim=0))


def augmented(network: nn.Module, seed: int, domain: str, *, kinds: tuple[str, ...]) -> None:
    """Real images and translations are randomly augmented before a discriminator sees them (Zhao et al. 2020)."""
    network.register_buffer("seen", torch.zeros(1, dtype=torch.int64))

    def change(network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        chance = tensors(seed, "diffaugment", domain, int(network.seen))
        network.seen += 1
        return (augment(inputs[0], kinds, chance),)

    network.register_forward_pre_hook(change)


def augment(image: Tensor, kinds: tuple[str, ...], chance: torch.Generator) -> Tensor:
    """Images (n, 3, h, w) in other colours, shifted by up to an eighth, with a square of half their side cut out."""

    def draw() -> Tensor:
        return torch.rand((len(image), 1, 1, 1), generator=chance).to(image)

    size = torch.tensor(image.shape[-2:]).view(2, 1, 1, 1, 1).to(image)
    rows = torch.arange(image.shape[-2]).view(1, 1, -1, 1).to(image)
    columns = torch.arange(image.shape[-1]).view(1, 1, 1, -1).to(image)
    if "colour" in kinds:
        image = image + draw() - 0.5
        grey = image.mean(1, keepdim=True)
        image = grey + (image - grey) * 2 * draw()
        mean = image.mean((1, 2, 3), keepdim=True)
        image = mean + (image - mean) * (0.5 + draw())
    if "shift" in kinds:
        border = [int(side) // 8 for side in image.shape[-2:]]
        wide = F.pad(image, [border[1], border[1], border[0], border[0]])
        tops, lefts = ((draw() * (2 * side + 1)).long().flatten().tolist() for side in border)
        height, width = image.shape[-2:]
        moved = zip(wide, tops, lefts, strict=True)
        image = torch.stack([one[:, top : top + height, left : left + width] for one, top, left in moved])
    if "cutout" in kinds:
        middle = torch.stack([draw(), draw()]) * size
        hidden = ((rows - middle[0]).abs() < size[0] / 4) & ((columns - middle[1]).abs() < size[1] / 4)
        image = image * ~hidden
    return image


def resize_convolution() -> AbstractContextManager[None]:
    """Decoders repeat pixels and convolve, instead of using transposed convolutions (Odena et al. 2016)."""

    def wrap(init: Callable[..., None]) -> Callable[..., None]:
        def with_resizing(self: Decoder, **shape: Any) -> None:
            init(self, **shape)
            for place, layer in enumerate(self.layers):
                if isinstance(layer, nn.ConvTranspose2d):
                    convolution = nn.Conv2d(layer.in_channels, layer.out_channels, 3, bias=layer.bias is not None)
                    self.layers[place] = nn.Sequential(nn.Upsample(scale_factor=2), Reflect(1), convolution)

        return with_resizing

    return replaced(Decoder, "__init__", wrap)


def cycle_decayed(*, to: float) -> AbstractContextManager[None]:
    """The cycle weight falls linearly from that of the settings to the share `to` of it (Wang and Lin 2017)."""

    def wrap(train_on: Callable[..., Any]) -> Callable[..., Any]:
        def decayed(self: engine.Engine, iteration: int, *meeting: Any) -> Any:
            now = copy.copy(self)  # pairs trained in parallel are at different iterations
            share = 1 - (1 - to) * iteration / self.schedule.course.iterations
            now.objective = replace(self.objective, cycle=self.objective.cycle * share)
            return train_on(now, iteration, *meeting)

        return decayed

    return replaced(engine.Engine, "train_on", wrap)


def cosine_rate() -> AbstractContextManager[None]:
    """The learning rate falls from the first epoch on, as half a cosine wave (Loshchilov and Hutter 2017)."""

    def cosine(epoch: int, *, start: float, decay_from: float, epochs: float) -> float:
        return start * (1 + math.cos(math.pi * epoch / epochs)) / 2

    return replaced(engine, "rate", lambda rate: cosine)


def masked_autoencoder(*, most: float, square: int) -> AbstractContextManager[None]:
    """The autoencoder that all halves start from fills in squares that are hidden from it (He et al. 2022).

    The hidden share of an image is random, up to `most`, so that it sees almost whole images too.
    """

    def wrap(autoencode: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def masked(group: NetworkGroup, *others: Any, **options: Any) -> Tensor:
            chance = tensors(0, "masks", group.updates)

            def hide(network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
                return (inputs[0] * shown(inputs[0], most, square, chance),)

            hook = group.networks["encoder"].register_forward_pre_hook(hide)
            try:
                return autoencode(group, *others, **options)
            finally:
                hook.remove()

        return masked

    return replaced(pretraining, "autoencode", wrap)


@contextmanager
def slow_start(*, rate: float, betas: tuple[float, float]) -> Iterator[None]:
    """The autoencoder that all halves start from has a constant rate, as low as in training with discriminators."""
    with (
        replaced(pretraining, "BETAS", lambda _: betas),
        replaced(pretraining, "learning_rate", lambda _: lambda done, *, peak_rate: rate),
    ):
        yield


def shown(image: Tensor, most: float, square: int, chance: torch.Generator) -> Tensor:
    """A mask (n, 1, h, w) for images (n, 3, h, w): 0 in the squares that are hidden, else 1."""
    count, _, height, width = image.shape
    share = most * torch.rand((count, 1, 1, 1), generator=chance)
    cells = torch.rand((count, 1, -(-height // square), -(-width // square)), generator=chance) >= share
    whole = cells.float().repeat_interleave(square, 2).repeat_interleave(square, 3)
    return whole[..., :height, :width].to(image)


PATCHES: dict[str, Patch] = {
    "diffaugment, colour shift cutout": lambda: discriminating(partial(augmented, kinds=("colour", "shift", "cutout"))),
    "diffaugment, shift cutout": lambda: discriminating(partial(augmented, kinds=("shift", "cutout"))),
    "spectral norm": lambda: discriminating(spectral_norm),
    "resize-convolution": resize_convolution,
    "cycle decayed to 0.1": partial(cycle_decayed, to=0.1),
    "cosine rate": cosine_rate,
    "start at 1e-4": partial(slow_start, rate=1e-4, betas=(0.5, 0.999)),
    "masked, up to 0.6 in squares of 8": partial(masked_autoencoder, most=0.6, square=8),
}
"""Patches by name; the name states all their parameters, because rows of a record are distinguished by it."""

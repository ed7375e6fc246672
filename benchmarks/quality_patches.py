"""Changes of the training that combogan does not have: each replaces one of its functions during one training.

A patch is a context manager that is entered before a run is built and left when it has been scored. Patches wrap what
they find, so that several can be entered one after the other. They draw from the random generators of an iteration and
keep nothing from one to the next, so that a run that is resumed with the same patches goes on as if it had not been
stopped.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.networks.feature_heads import FrozenFeatures
from combogan.training import engine, step
from combogan.training.domain import Domain

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


@contextmanager
def diffaugment() -> Iterator[None]:
    """Real images and translations are randomly augmented before a discriminator sees them (Zhao et al. 2020).

    That is so for the discriminator on pixels and for the heads on features. The style loss sees whole images.
    """

    def wrap(take: Callable[..., Any]) -> Callable[..., Any]:
        def augmenting(
            a: Domain, b: Domain, *images: Tensor, objective: step.Objective, chance: step.Chance, **options: Any
        ) -> Any:
            change = partial(augment, chance=chance("diffaugment", a.name))
            if objective.features is not None:
                objective = replace(objective, features=AugmentedFeatures(objective.features, change))
            with ExitStack() as hooked:
                for domain in (a, b):
                    hook = domain.discriminator.register_forward_pre_hook(lambda _, inputs: (change(inputs[0]),))
                    hooked.callback(hook.remove)
                return take(a, b, *images, objective=objective, chance=chance, **options)

        return augmenting

    with replaced(engine, "step", wrap), replaced(step, "style", _of_whole_images):
        yield


def _of_whole_images(take: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The style loss without the maps of augmented images."""

    def style(found: step.FeatureMaps, target: step.FeatureMaps, chance: np.random.Generator) -> Tensor:
        return take(found, {stride: x for stride, x in target.items() if stride > 0}, chance)

    return style


class AugmentedFeatures:
    """Frozen features of images (n, 3, h, w) and, under negative strides, of augmented ones, which the heads see."""

    def __init__(self, features: FrozenFeatures, change: Callable[[Tensor], Tensor]) -> None:
        self.features, self.change = features, change

    def __call__(self, image: Tensor) -> step.FeatureMaps:
        return self.features(image) | {-stride: x for stride, x in self.features(self.change(image)).items()}

    def mixed(self, maps: step.FeatureMaps) -> list[Tensor]:
        return self.features.mixed({-stride: x for stride, x in maps.items() if stride < 0})


def augment(image: Tensor, *, chance: np.random.Generator) -> Tensor:
    """Images (n, 3, h, w), each shifted by up to an eighth, with a square of half its side cut out."""
    height, width = image.shape[-2:]
    rows, columns = torch.arange(height, device=image.device)[:, None], torch.arange(width, device=image.device)
    changed = []
    for one in image:
        top, left = (int(chance.integers(2 * (side // 8) + 1)) for side in (height, width))
        wide = F.pad(one, [width // 8, width // 8, height // 8, height // 8])
        row, column = chance.random() * height, chance.random() * width
        hidden = ((rows - row).abs() < height / 4) & ((columns - column).abs() < width / 4)
        changed.append(wide[:, top : top + height, left : left + width] * ~hidden)
    return torch.stack(changed).contiguous(memory_format=torch.channels_last)


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


PATCHES: dict[str, Patch] = {
    "diffaugment, shift cutout": diffaugment,
    "cycle decayed to 0.1": partial(cycle_decayed, to=0.1),
}
"""Patches by name; the name states all their parameters, because rows of a record are distinguished by it."""

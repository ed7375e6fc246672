"""Changes of the training that combogan does not have: each replaces one of its functions during one training.

A patch is a context manager that is entered before a run is built and left when it has been scored. Patches wrap what
they find, so that several can be entered one after the other. They draw from the random generators of an iteration and
keep nothing from one to the next, so that a run that is resumed with the same patches goes on as if it had not been
stopped.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.networks.discriminator import LUMINANCE
from combogan.networks.feature_heads import FrozenFeatures
from combogan.training import engine, step
from combogan.training.domain import Domain
from combogan.training.losses import CONTENT_STRIDES, style

Patch = Callable[[], AbstractContextManager[None]]
Maps = dict[int, Tensor]
"""Maps of the frozen network, by their stride."""


@contextmanager
def replaced(owner: Any, name: str, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """Context in which the attribute `name` of `owner` is replaced by `wrap` of it."""
    before = getattr(owner, name)
    setattr(owner, name, wrap(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def diffaugment() -> AbstractContextManager[None]:
    """Real images and translations are randomly augmented before a discriminator sees them (Zhao et al. 2020).

    That is so for the discriminator on pixels and for the heads on features. The losses of content and style see
    whole images.
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

    return replaced(engine, "step", wrap)


class AugmentedFeatures:
    """Frozen features of images (n, 3, h, w) and, under negative strides, of augmented ones, which the heads see."""

    def __init__(self, features: FrozenFeatures, change: Callable[[Tensor], Tensor]) -> None:
        self.features, self.change = features, change

    def __call__(self, image: Tensor) -> Maps:
        return self.features(image) | {-stride: x for stride, x in self.features(self.change(image)).items()}

    def mixed(self, maps: Maps) -> list[Tensor]:
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


@contextmanager
def style_in_grey() -> Iterator[None]:
    """The style loss compares features of grey images, so that it asks for strokes and not for colours."""

    def also_grey(features_of: Callable[..., dict[str, Maps]]) -> Callable[..., dict[str, Maps]]:
        def seen(network: FrozenFeatures | None, images: dict[str, Tensor]) -> dict[str, Maps]:
            found = features_of(network, images)
            if len(images) > 1:  # the real images; translations are seen one by one, and not for their style
                found |= features_of(network, {_in_grey(name): grey(image) for name, image in images.items()})
            return found

        return seen

    def wrap(perceived: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
        def with_style(
            a: Domain, b: Domain, fake: Tensor, seen: dict[str, Maps], objective: step.Objective, chance: step.Chance
        ) -> dict[str, Tensor]:
            parts = perceived(a, b, fake, seen, replace(objective, style=0.0), chance)
            if objective.features is not None and objective.style:
                maps = objective.features(grey(fake))
                parts["style"] = style(maps, seen[_in_grey(b.name)], chance("style", b.name))
            return parts

        return with_style

    with replaced(step, "features_of", also_grey), replaced(step, "perceived", wrap):
        yield


def _in_grey(name: str) -> str:
    return f"{name} in grey"  # no name of a domain has spaces


def grey(image: Tensor) -> Tensor:
    """Image (n, 3, h, w) -> its luminance in all three channels."""
    weights = torch.tensor(LUMINANCE, device=image.device, dtype=image.dtype).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).expand_as(image).contiguous(memory_format=torch.channels_last)


def content_by_cosine() -> AbstractContextManager[None]:
    """The content loss is 1 - cosine of the features at a place, so that their scale does not count."""

    def cosine(found: Mapping[int, Tensor], source: Mapping[int, Tensor]) -> Tensor:
        return torch.stack([1 - F.cosine_similarity(found[s], source[s]).mean() for s in CONTENT_STRIDES]).mean()

    return replaced(step, "content", lambda content: cosine)


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
    "style in grey": style_in_grey,
    "content by cosine": content_by_cosine,
    "cycle decayed to 0.1": partial(cycle_decayed, to=0.1),
}
"""Patches by name; the name states all their parameters, because rows of a record are distinguished by it."""

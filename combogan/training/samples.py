"""The sample grid: a row per source, a column per target, of the same test pictures throughout the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from combogan.data.pictures import PictureSet, middle_square, save_picture, to_image, to_picture
from combogan.data.sheets import grid

CELL = 128
"""Side of a grid's cells in pixels, at least."""


@dataclass(frozen=True)
class Translations:
    """One picture per domain, and what became of it in every domain that its own composes with."""

    sources: dict[str, Image.Image]
    targets: dict[str, dict[str, Image.Image]]
    """source -> target -> picture"""


def fixed_images(pictures: Mapping[str, PictureSet], size: int, device: torch.device) -> dict[str, Tensor]:
    """One image (1, 3, size, size) per domain: a different one in each row, where sets are aligned."""
    images = {}
    for row, (name, chosen) in enumerate(pictures.items()):
        picture = middle_square(chosen.picture(row % len(chosen), size), size)
        images[name] = to_image(picture).unsqueeze(0).to(device, memory_format=torch.channels_last)
    return images


def translate_all(
    images: Mapping[str, Tensor],
    translate: Callable[[str, Sequence[str], Tensor], Mapping[str, Tensor]],
    composable: Callable[[str, str], bool],
) -> Translations:
    """Every image (1, 3, h, w) into every domain that its own composes with, encoded once."""
    targets: dict[str, dict[str, Image.Image]] = {}
    for source, image in images.items():
        fitting = [target for target in images if composable(source, target)]
        made = translate(source, fitting, image)
        targets[source] = {target: to_picture(made[target][0]) for target in fitting}
    return Translations({name: to_picture(image[0]) for name, image in images.items()}, targets)


@contextmanager
def inference(*networks: nn.Module) -> Iterator[None]:
    """Networks compute as they do when used: no gradients, no dropout; afterwards they train as before."""
    # Module by module: a frozen half never trains, whatever holds it.
    training = [module for network in networks for module in network.modules() if module.training]
    for network in networks:
        network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def sample_grid(shown: Translations) -> Image.Image:
    """The grid: the source at the left, then its translations, a domain into itself marked."""
    names = list(shown.sources)
    rows = [[shown.sources[name], *(shown.targets[name].get(target) for target in names)] for name in names]
    size = max(CELL, shown.sources[names[0]].width)
    marked = [(row, row + 1) for row in range(len(names))]
    return grid(rows, size=size, row_labels=names, column_labels=["source", *names], marked=marked)


def save_preview(path: Path, target: str, shown: Translations) -> None:
    """Write a pack's preview: sources above, their translations into the pack's domain below."""
    names = [name for name in shown.sources if name != target and target in shown.targets[name]]
    if names:
        rows = [[shown.sources[name] for name in names], [shown.targets[name][target] for name in names]]
        save_picture(grid(rows, size=CELL, column_labels=names, row_labels=["source", target]), path)

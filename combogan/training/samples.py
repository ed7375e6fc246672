"""The sample grid: a row per source, a column per target, of the same test pictures throughout the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import middle_square, save_picture, to_image, to_picture
from combogan.data.sheets import grid
from combogan.training.halves import Halves

CELL = 128
"""Side of a grid's cells in pixels, at least."""


@dataclass(frozen=True)
class Translations:
    """One picture per domain, and its translations into all domains that its encoder can be composed with."""

    sources: dict[str, Image.Image]
    targets: dict[str, dict[str, Image.Image]]
    """source -> target -> picture"""

    def grid(self) -> Image.Image:
        """A row per source: the source, then its translations; the translation into its own domain is marked."""
        names = list(self.sources)
        rows = [[self.sources[name], *(self.targets[name].get(target) for target in names)] for name in names]
        size = max(CELL, self.sources[names[0]].width)
        marked = [(row, row + 1) for row in range(len(names))]
        return grid(rows, size=size, row_labels=names, column_labels=["source", *names], marked=marked)

    def save_preview(self, path: Path, target: str) -> None:
        """Write a pack's preview: sources above, their translations into the pack's domain below."""
        names = [name for name in self.sources if name != target and target in self.targets[name]]
        if names:
            rows = [[self.sources[name] for name in names], [self.targets[name][target] for name in names]]
            save_picture(grid(rows, size=CELL, column_labels=names, row_labels=["source", target]), path)


class Samples:
    """A test picture of each domain, with another index in each row; translated into its own domain if `one_space`."""

    def __init__(
        self, sources: Mapping[str, DomainPictures], *, size: int, device: torch.device, one_space: bool
    ) -> None:
        self._sources, self._size, self._device, self._one_space = sources, size, device, one_space

    @torch.inference_mode()
    def translated(self, halves: Halves) -> Translations:
        """The pictures translated into every domain by those halves, each encoded once."""
        targets: dict[str, dict[str, Image.Image]] = {}
        for source, image in self._images.items():
            fitting = [target for target in self._images if self._one_space or target != source]
            made = halves.translate(source, fitting, image)
            targets[source] = {target: to_picture(made[target][0]) for target in fitting}
        return Translations({name: to_picture(image[0]) for name, image in self._images.items()}, targets)

    @cached_property
    def _images(self) -> dict[str, Tensor]:
        images = {}
        for row, (name, source) in enumerate(self._sources.items()):
            pictures = source.test if len(source.test) else source.train
            picture = middle_square(pictures.picture(row % len(pictures), self._size), self._size)
            images[name] = to_image(picture).unsqueeze(0).to(self._device, memory_format=torch.channels_last)
        return images

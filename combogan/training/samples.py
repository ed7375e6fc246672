"""The sample grid: a row per source, a column per target, of the same test pictures throughout the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
SHOWN = 16
"""Domains whose pictures are shown, at most: a grid of all would grow with the square of their number."""


@dataclass(frozen=True)
class Translations:
    """One picture of each domain that is shown, and its translations."""

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
    """A test picture of each domain, with another index in each row; translated into its own domain if `one_space`.

    Of more than SHOWN domains, the pictures of the first ones and of the last, which may be an added one.
    """

    def __init__(
        self, sources: Mapping[str, DomainPictures], *, size: int, device: torch.device, one_space: bool
    ) -> None:
        self._sources, self._size, self._device, self._one_space = sources, size, device, one_space
        names = list(sources)
        self.shown: Sequence[str] = names if len(names) <= SHOWN else [*names[: SHOWN - 1], names[-1]]

    @torch.inference_mode()
    def translated(self, halves: Halves, targets: Sequence[str]) -> Translations:
        """The pictures translated into those targets that they can be, by those halves, each encoded once."""
        pictures: dict[str, dict[str, Image.Image]] = {}
        for source, image in self._images.items():
            fitting = [target for target in targets if self._one_space or target != source]
            made = halves.translate(source, fitting, image)
            pictures[source] = {target: to_picture(made[target][0]) for target in fitting}
        return Translations({name: to_picture(image[0]) for name, image in self._images.items()}, pictures)

    @cached_property
    def _images(self) -> dict[str, Tensor]:
        images = {}
        for row, (name, source) in enumerate(self._sources.items()):
            if name in self.shown:
                pictures = source.test if len(source.test) else source.train
                picture = middle_square(pictures.picture(row % len(pictures), self._size), self._size)
                images[name] = to_image(picture).unsqueeze(0).to(self._device, memory_format=torch.channels_last)
        return images

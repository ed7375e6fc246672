"""The embedded domains: drawn landscapes in four seasons, with known truth.

A scene is a function of a seed and an index and can be drawn in every season with the same things at the same pixels.
The training scenes of the seasons are disjoint, as in any unpaired set; the test scenes are drawn in all four, so that
a translation can be compared with what it should have been.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combogan.data.scene_land import paint_land, weave
from combogan.data.scene_layout import lay_out
from combogan.data.scene_things import draw_things
from combogan.errors import DomainError, PictureError, suggestion

__all__ = ["SEASONS", "ScenePictures", "draw"]

SEASONS = ("spring", "summer", "fall", "winter")
SEED = 2018
"""The seed of the embedded domains."""
EDITION = 1
"""Raised when the drawings change, so that a run trained on earlier ones announces it."""
TRAIN, TEST = 300, 40
SMALLEST = 32


def draw(season: str, seed: int, index: int, size: int) -> NDArray[np.uint8]:
    """Scene `index` of `seed` in a season: (size, size, 3), red, green, blue.

    Raises DomainError for a season that does not exist, PictureError for a size below 32.
    """
    _check_season(season)
    if size < SMALLEST:
        raise PictureError(f"Scenes cannot be drawn at {size} pixels; ask for {SMALLEST} or more.")
    layout = lay_out(seed, index)
    land = paint_land(layout, weave(seed, index, size), season, size)
    finer = 3 if size >= 64 else 4
    picture = Image.fromarray(np.clip(land + 0.5, 0, 255).astype(np.uint8))
    picture = picture.resize((size * finer, size * finer), Image.Resampling.NEAREST)
    draw_things(picture, layout, season, detail=size >= 96)
    return np.asarray(picture.reduce(finer))


@dataclass(frozen=True)
class ScenePictures:
    """The drawn scenes of one season, as a set of pictures."""

    season: str
    split: Literal["train", "test"]
    count: int | None = None
    """How many of the season's training scenes there are, from the first; None for all. Test scenes are always all."""
    scenes: tuple[int, ...] | None = None
    """The indices of the only scenes that the set has; None for all of its split."""

    def __post_init__(self) -> None:
        _check_season(self.season)
        if self.split not in ("train", "test"):
            raise DomainError(f"Scenes have no split '{self.split}'; ask for 'train' or 'test'.")
        if self.count is not None and not 0 < self.count <= TRAIN:
            raise DomainError(f"A season has {TRAIN} training scenes, but {self.count} were asked for; ask for fewer.")

    @cached_property
    def _indices(self) -> range:
        if self.split == "test":
            return range(TEST)
        start = TEST + TRAIN * SEASONS.index(self.season)
        return range(start, start + (TRAIN if self.count is None else self.count))

    @property
    def indices(self) -> Sequence[int]:
        """Of the scenes, in the order of `names`."""
        return self._indices if self.scenes is None else self.scenes

    @cached_property
    def names(self) -> Sequence[str]:
        return tuple(f"scene-{index:05d}.png" for index in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def picture(self, index: int, size: int) -> Image.Image:
        """The picture at a position of `names`, `size` pixels a side, or the smallest that can be drawn."""
        return Image.fromarray(draw(self.season, SEED, self.indices[index], max(size, SMALLEST)))

    def fingerprint(self) -> str:
        """A short hash of everything that decides the pictures."""
        key = f"{EDITION} {SEED} {self.season} {self._indices.start} {self._indices.stop}"
        if self.scenes is not None:
            key += f" {' '.join(map(str, self.scenes))}"
        return blake2b(key.encode(), digest_size=8).hexdigest()


def _check_season(season: str) -> None:
    if season not in SEASONS:
        raise DomainError(
            f"There is no drawn season '{season}'; choose from {', '.join(SEASONS)}." + suggestion(season, SEASONS)
        )

"""The embedded domains: drawn landscapes in four seasons, with known truth.

A scene is a function of a seed and an index and can be drawn in every season with the same things at the same pixels.
The training scenes of the seasons are disjoint, as in any unpaired set; the test scenes are the same in all four, so
that a translation can be compared with the drawing in the target season, its truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Literal

from PIL import Image

from combogan.errors import DomainError
from combogan.scenery.colours import SEASONS
from combogan.scenery.labels import Labels
from combogan.scenery.scene import SMALLEST, check_season, draw, label

SEED = 2018
"""The seed of the embedded domains."""
EDITION = 1
"""Increased when the drawings change, so that a run trained on earlier ones says so when it is resumed."""
TRAIN, TEST = 300, 40


@dataclass(frozen=True)
class ScenePictures:
    """The drawn scenes of one season, as a PictureSet."""

    season: str
    split: Literal["train", "test"]
    count: int | None = None
    """Number of training scenes, from the season's first; None for all. Test scenes are always all."""
    scenes: tuple[int, ...] | None = None
    """Indices of the scenes in the set; None for all of its split."""
    paired: bool = False
    """Whether the training scenes are the same in all seasons, other ones than those of the unpaired sets."""

    def __post_init__(self) -> None:
        check_season(self.season)
        if self.split not in ("train", "test"):
            raise DomainError(f"Scenes have no split '{self.split}'; ask for 'train' or 'test'.")
        if self.count is not None and not 0 < self.count <= TRAIN:
            raise DomainError(f"A season has {TRAIN} training scenes, but {self.count} were asked for; ask for fewer.")

    folder = None
    """No files: scenes are drawn when they are asked for."""

    @cached_property
    def _indices(self) -> range:
        if self.split == "test":
            return range(TEST)
        start = TEST + TRAIN * (len(SEASONS) if self.paired else SEASONS.index(self.season))
        return range(start, start + (TRAIN if self.count is None else self.count))

    @property
    def indices(self) -> Sequence[int]:
        """Indices of the scenes in the order of `names`."""
        return self._indices if self.scenes is None else self.scenes

    @cached_property
    def names(self) -> Sequence[str]:
        return tuple(f"scene-{index:05d}.png" for index in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def picture(self, index: int, size: int) -> Image.Image:
        """The picture at a position of `names`, `size` pixels a side, or the smallest that can be drawn."""
        return Image.fromarray(draw(self.season, SEED, self.indices[index], max(size, SMALLEST)))

    def labels(self, index: int, size: int) -> Labels:
        """The label map of `picture` at the same position and size: a number of CLASSES per pixel."""
        return label(self.season, SEED, self.indices[index], max(size, SMALLEST))

    def named(self, names: Sequence[str]) -> ScenePictures:
        """The set of the scenes of these names in the same season; they need not be in this set."""
        return replace(self, scenes=tuple(int(name.removeprefix("scene-").removesuffix(".png")) for name in names))

    def fingerprint(self) -> str:
        """A short hash of everything that decides the pictures."""
        key = f"{EDITION} {SEED} {self.season} {self._indices.start} {self._indices.stop}"
        if self.scenes is not None:
            key += f" {' '.join(map(str, self.scenes))}"
        return blake2b(key.encode(), digest_size=8).hexdigest()

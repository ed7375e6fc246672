"""Drawn things: houses, conifers, leafy trees and boulders alone on white, at any angle and in any hue.

As with the scenes, training figures of the things are disjoint, and the test figures are the same in all four: at the
same angle and in the same hue, so that a translation can be compared with the drawing of the other thing, its truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Literal

from PIL import Image

from combogan.errors import DomainError
from combogan.scenery.figure import SMALLEST, THINGS, Pose, check_thing, draw_figure, pose

SEED = 2018
"""The seed of the embedded things."""
EDITION = 1
"""Increased when the drawings change, so that a run trained on earlier ones says so when it is resumed."""
TRAIN, TEST = 1000, 100


@dataclass(frozen=True)
class ThingPictures:
    """The figures of one thing, as a PictureSet."""

    thing: str
    split: Literal["train", "test"]
    figures: tuple[int, ...] | None = None
    """Indices of the figures in the set; None for all of its split."""

    def __post_init__(self) -> None:
        check_thing(self.thing)
        if self.split not in ("train", "test"):
            raise DomainError(f"Things have no split '{self.split}'; ask for 'train' or 'test'.")

    folder = None
    """No files: things are drawn when they are asked for."""

    @cached_property
    def indices(self) -> Sequence[int]:
        """Indices of the figures in the order of `names`."""
        if self.figures is not None:
            return self.figures
        start = TEST + TRAIN * THINGS.index(self.thing)
        return range(TEST) if self.split == "test" else range(start, start + TRAIN)

    @cached_property
    def names(self) -> Sequence[str]:
        return tuple(f"figure-{index:05d}.png" for index in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def picture(self, index: int, size: int) -> Image.Image:
        """The picture at a position of `names`, `size` pixels a side, or the smallest that can be drawn."""
        return Image.fromarray(draw_figure(self.thing, SEED, self.indices[index], max(size, SMALLEST)))

    def pose(self, index: int) -> Pose:
        """The angle and hue of the figure at a position of `names`."""
        return pose(SEED, self.indices[index])

    def named(self, names: Sequence[str]) -> ThingPictures:
        """The set of the figures of these names as the same thing; they need not be in this set."""
        return replace(self, figures=tuple(int(name.removeprefix("figure-").removesuffix(".png")) for name in names))

    def fingerprint(self) -> str:
        """A short hash of everything that decides the pictures."""
        key = f"things {EDITION} {SEED} {self.thing} {' '.join(map(str, self.indices))}"
        return blake2b(key.encode(), digest_size=8).hexdigest()

"""A whole scene: its layout, its land, and the things that stand on it, drawn in a season, or as a label map."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combogan.errors import DomainError, PictureError, suggestion
from combogan.scenery.colours import SEASONS
from combogan.scenery.labels import Labels, most_frequent
from combogan.scenery.land import make_textures, paint_land
from combogan.scenery.layout import lay_out
from combogan.scenery.things import draw_things

SMALLEST = 32
"""Pixels a side below which a scene cannot be drawn."""


def draw(season: str, seed: int, index: int, size: int) -> NDArray[np.uint8]:
    """Scene `index` of `seed` in a season: (size, size, 3), red, green, blue.

    Raises DomainError for a season that does not exist, PictureError for a size below 32.
    """
    picture, _, finer = _drawn(season, seed, index, size)
    return np.asarray(picture.reduce(finer))


def label(season: str, seed: int, index: int, size: int) -> Labels:
    """What the pixels of `draw` show: (size, size), in each the class that covers most of it.

    Raises DomainError for a season that does not exist, PictureError for a size below 32.
    """
    _, labels, finer = _drawn(season, seed, index, size, labelled=True)
    return most_frequent(np.asarray(labels), finer)


def _drawn(
    season: str, seed: int, index: int, size: int, *, labelled: bool = False
) -> tuple[Image.Image, Image.Image, int]:
    """A scene and its label map, both larger than `size`, and how many times larger. Things only if `labelled`."""
    check_season(season)
    if size < SMALLEST:
        raise PictureError(f"Scenes cannot be drawn at {size} pixels; ask for {SMALLEST} or more.")
    layout = lay_out(seed, index)
    land, ground = paint_land(layout, make_textures(seed, index, size), season, size)
    finer = 3 if size >= 64 else 4
    picture = Image.fromarray(np.clip(land + 0.5, 0, 255).astype(np.uint8))
    picture, labels = (
        layer.resize((size * finer, size * finer), Image.Resampling.NEAREST)
        for layer in (picture, Image.fromarray(ground))
    )
    draw_things(picture, layout, season, detail=size >= 96, labels=labels if labelled else None)
    return picture, labels, finer


def check_season(season: str) -> None:
    """DomainError for a season that does not exist."""
    if season not in SEASONS:
        raise DomainError(
            f"There is no drawn season '{season}'; choose from {', '.join(SEASONS)}." + suggestion(season, SEASONS)
        )

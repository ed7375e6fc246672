"""Classes of the pixels of a drawn landscape: what stands there, and whether snow or ice lies on it."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
"""A label map (h, w): a `Label` per pixel."""


class Label(IntEnum):
    """The class of a pixel. Clouds and the sun are sky; a crown without leaves is a tree where its twigs are."""

    SKY = 0
    MOUNTAIN = 1
    HILL = 2
    FIELD = 3
    MEADOW = 4
    PATH = 5
    STONE = 6
    TREE = 7
    HOUSE = 8
    WATER = 9
    ICE = 10
    SNOW_ON_MOUNTAIN = 11
    SNOW_ON_HILL = 12
    SNOW_ON_FIELD = 13
    SNOW_ON_MEADOW = 14
    SNOW_ON_STONE = 15
    SNOW_ON_TREE = 16
    SNOW_ON_HOUSE = 17


CLASSES = tuple(label.name.lower().replace("_", " ") for label in Label)
"""The names of the classes, in the order of their numbers."""
THINGS = CLASSES[: Label.ICE]
"""The classes without snow and ice, which are the same in all seasons."""
COLOURS: tuple[tuple[int, int, int], ...] = (
    (110, 170, 230),
    (120, 110, 130),
    (60, 120, 90),
    (220, 190, 70),
    (120, 190, 70),
    (190, 140, 90),
    (60, 60, 70),
    (20, 80, 30),
    (200, 50, 50),
    (20, 60, 170),
    (120, 220, 230),
    (215, 205, 225),
    (180, 215, 200),
    (245, 235, 190),
    (225, 245, 210),
    (170, 170, 180),
    (130, 175, 140),
    (245, 180, 180),
)
"""A colour (red, green, blue) for each class, to look at label maps; snow has a pale tint of what it lies on."""

UNDER_SNOW = {
    Label.MOUNTAIN: Label.SNOW_ON_MOUNTAIN,
    Label.HILL: Label.SNOW_ON_HILL,
    Label.FIELD: Label.SNOW_ON_FIELD,
    Label.MEADOW: Label.SNOW_ON_MEADOW,
    Label.STONE: Label.SNOW_ON_STONE,
    Label.TREE: Label.SNOW_ON_TREE,
    Label.HOUSE: Label.SNOW_ON_HOUSE,
}
"""A thing -> its class where snow lies on it."""
BENEATH = {Label.ICE: Label.WATER, **{snow: thing for thing, snow in UNDER_SNOW.items()}}
"""Snow and ice -> what they lie on."""


def without_snow(labels: Labels) -> Labels:
    """Labels in which snow and ice count as what they lie on: numbers of THINGS."""
    return np.array([BENEATH.get(label, label) for label in Label], np.uint8)[labels]


def most_frequent(labels: Labels, block: int) -> Labels:
    """(block * h, block * w) -> (h, w): the class that is most frequent in each block, the first of equal ones."""
    height, width = (side // block for side in labels.shape)
    blocks = labels.reshape(height, block, width, block)
    counts = np.stack([(blocks == label).sum((1, 3)) for label in Label])
    return counts.argmax(0).astype(np.uint8)

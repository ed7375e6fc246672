"""The colours of the drawn landscapes in each season: (red, green, blue) in 0..255.

Every thing changes in its own way, so that no shift of all colours at once turns one season into another. Kinds of
trees, fields and roofs differ in every season, so that a picture in one season determines their colours in the others.
"""

from dataclasses import dataclass

Colour = tuple[float, float, float]
SEASONS = ("spring", "summer", "fall", "winter")


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` 0 is all `a`, 1 is all `b`."""
    rest = 1 - share
    return (a[0] * rest + b[0] * share, a[1] * rest + b[1] * share, a[2] * rest + b[2] * share)


@dataclass(frozen=True)
class Air:
    """The colours of sky, rock and ground in a season."""

    zenith: Colour
    low: Colour
    """The sky at the horizon, also the haze over what is far."""
    cloud: Colour
    cloud_shade: Colour
    rock: Colour
    rock_shade: Colour
    snow_line: float
    """How far snow reaches down a mountain: 0 only the highest summits, 1 to the foot."""
    hill: Colour
    meadow: Colour
    meadow_far: Colour
    patch: Colour
    """Where the meadow is in flower in spring."""
    other: Colour
    """Where its grass is tall and dry in summer."""
    path: Colour
    shadow: Colour
    stone: Colour
    water: Colour


AIR = {
    "spring": Air(
        zenith=(96, 178, 232),
        low=(226, 240, 236),
        cloud=(255, 253, 250),
        cloud_shade=(196, 212, 230),
        rock=(138, 152, 160),
        rock_shade=(86, 108, 134),
        snow_line=0.62,
        hill=(132, 178, 92),
        meadow=(112, 182, 60),
        meadow_far=(168, 212, 96),
        patch=(232, 220, 84),
        other=(78, 158, 62),
        path=(196, 170, 128),
        shadow=(24, 70, 50),
        stone=(150, 152, 150),
        water=(86, 150, 184),
    ),
    "summer": Air(
        zenith=(34, 110, 206),
        low=(176, 220, 244),
        cloud=(255, 255, 255),
        cloud_shade=(168, 192, 222),
        rock=(122, 126, 138),
        rock_shade=(62, 80, 116),
        snow_line=0.08,
        hill=(72, 128, 66),
        meadow=(56, 112, 36),
        meadow_far=(122, 158, 58),
        patch=(36, 94, 40),
        other=(176, 168, 70),
        path=(206, 184, 138),
        shadow=(10, 38, 36),
        stone=(136, 134, 130),
        water=(34, 96, 150),
    ),
    "fall": Air(
        zenith=(122, 146, 182),
        low=(252, 222, 172),
        cloud=(255, 242, 222),
        cloud_shade=(186, 168, 172),
        rock=(140, 118, 120),
        rock_shade=(88, 76, 104),
        snow_line=0.26,
        hill=(158, 124, 72),
        meadow=(146, 108, 48),
        meadow_far=(208, 170, 86),
        patch=(120, 116, 54),
        other=(182, 100, 54),
        path=(150, 120, 88),
        shadow=(56, 36, 34),
        stone=(134, 122, 112),
        water=(86, 104, 128),
    ),
    "winter": Air(
        zenith=(142, 168, 206),
        low=(244, 232, 234),
        cloud=(250, 248, 252),
        cloud_shade=(182, 190, 212),
        rock=(124, 130, 146),
        rock_shade=(90, 100, 130),
        snow_line=1.2,
        hill=(208, 218, 232),
        meadow=(222, 232, 246),
        meadow_far=(248, 250, 254),
        patch=(186, 204, 234),
        other=(222, 216, 212),
        path=(184, 196, 218),
        shadow=(78, 104, 158),
        stone=(120, 122, 132),
        water=(178, 208, 228),
    ),
}

SNOW: Colour = (250, 252, 255)
SNOW_SHADE: Colour = (156, 178, 220)


@dataclass(frozen=True)
class Foliage:
    """A kind of tree: its leaves in three seasons, its twigs in winter, its bark in all."""

    spring: Colour
    summer: Colour
    fall: Colour
    winter: Colour
    """The twigs, or the needles of an evergreen."""
    bark: Colour
    blossom: Colour | None = None
    fruit: Colour | None = None


FOLIAGE = {
    "birch": Foliage((186, 218, 96), (128, 172, 66), (248, 208, 56), (156, 116, 128), (232, 228, 222)),
    "maple": Foliage((160, 190, 62), (66, 130, 50), (222, 76, 34), (124, 84, 72), (96, 72, 60)),
    "oak": Foliage((164, 168, 86), (40, 94, 42), (160, 88, 38), (84, 78, 72), (74, 60, 50)),
    "cherry": Foliage((246, 172, 202), (86, 138, 72), (178, 38, 52), (116, 62, 72), (92, 54, 56), (255, 226, 238)),
    "apple": Foliage(
        (236, 236, 224), (116, 150, 62), (226, 150, 46), (116, 106, 86), (104, 90, 74), (255, 252, 250), (206, 44, 40)
    ),
    "poplar": Foliage((168, 208, 78), (84, 146, 66), (240, 178, 36), (150, 128, 92), (128, 116, 96)),
    "larch": Foliage((150, 200, 88), (96, 148, 84), (222, 154, 48), (152, 112, 74), (112, 82, 62)),
    "spruce": Foliage((46, 104, 76), (24, 74, 56), (34, 78, 64), (38, 76, 74), (82, 62, 54)),
    "pine": Foliage((84, 132, 70), (56, 106, 60), (74, 112, 66), (64, 98, 72), (158, 98, 66)),
    "bush": Foliage((228, 214, 70), (70, 124, 58), (196, 62, 60), (128, 82, 70), (100, 76, 60)),
}

FLOWERS: tuple[tuple[Colour, Colour], ...] = (
    ((255, 252, 244), (248, 246, 232)),
    ((255, 222, 60), (232, 60, 40)),
    ((242, 140, 190), (178, 110, 206)),
    ((150, 120, 226), (250, 206, 64)),
)
"""Flowers of a tuft in the meadow, in spring and in summer."""

FIELDS: dict[str, tuple[Colour, Colour, Colour, Colour]] = {
    "pasture": ((134, 194, 78), (86, 142, 56), (186, 160, 84), (240, 245, 252)),
    "wheat": ((104, 152, 70), (232, 192, 84), (136, 92, 62), (228, 216, 206)),
    "rape": ((246, 218, 48), (112, 146, 74), (120, 134, 66), (202, 216, 216)),
}
"""Fields on the hills, in spring, summer, fall and winter."""

ROOFS: tuple[tuple[Colour, Colour], ...] = (
    ((178, 72, 54), (244, 232, 212)),
    ((112, 78, 60), (196, 146, 98)),
    ((92, 104, 122), (222, 224, 222)),
    ((140, 52, 50), (214, 178, 128)),
)
"""(roof, walls): walls differ too, so that they identify a roof under snow."""

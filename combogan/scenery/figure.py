"""One thing drawn alone on white: a house, a conifer, a leafy tree or a boulder, at any angle and in any hue.

The things are those of the landscapes. A figure's pose does not depend on what it shows, so the same figure can be
drawn as every thing: only the shape differs, and that is the truth of a translation.
"""

from colorsys import hsv_to_rgb
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

from combogan.errors import DomainError, PictureError, suggestion
from combogan.scenery.canvas import WHITE, ink
from combogan.scenery.colours import Colour
from combogan.scenery.layout import KNOTS, House, Layout, Light, Points, Tree, clumps_of
from combogan.scenery.things import draw_things
from combogan.seeding import numbers

THINGS = ("house", "conifer", "tree", "boulder")
LEAFY = ("birch", "maple", "oak", "cherry", "apple")
SMALLEST = 16
"""Pixels a side below which a figure cannot be drawn."""
REACH = 0.88
"""The diagonal of a thing's box, as a share of the picture's side: no angle cuts it off."""
FOOT = 1.05
"""Where a thing stands, as a share of the height: below the edge, which cuts off its shadow."""
WHITE_INK = ink(WHITE)
FINE = 3
"""How much larger than the picture a thing is drawn."""


@dataclass(frozen=True)
class Pose:
    """How a figure is drawn, whatever it shows."""

    angle: float
    """Degrees from upright, counterclockwise, -180..180."""
    hue: float
    """The hue of every pixel that is not white, 0..1 from red over green and blue to red."""
    side: float
    """-1: light comes from the left of the upright thing, 1: from its right."""


def pose(seed: int, index: int) -> Pose:
    """The pose of figure `index` of `seed`."""
    angle, hue, side = numbers(seed, "figure pose", index).random(3).tolist()
    return Pose(360 * angle - 180, hue, -1.0 if side < 0.5 else 1.0)


def draw_figure(thing: str, seed: int, index: int, size: int) -> NDArray[np.uint8]:
    """Figure `index` of `seed` as a thing: (size, size, 3), red, green, blue.

    Raises DomainError for a thing that does not exist, PictureError for a size below 16.
    """
    check_thing(thing)
    if size < SMALLEST:
        raise PictureError(f"Things cannot be drawn at {size} pixels; ask for {SMALLEST} or more.")
    chosen = pose(seed, index)
    upright = _upright(thing, chosen.side, numbers(seed, f"figure {thing}", index), FINE * size)
    turned = upright.rotate(chosen.angle, Image.Resampling.BICUBIC, fillcolor=255).reduce(FINE)
    return np.asarray(_in_one_hue(turned, chosen.hue))


def check_thing(thing: str) -> None:
    """DomainError for a thing that does not exist."""
    if thing not in THINGS:
        raise DomainError(
            f"There is no drawn thing '{thing}'; choose from {', '.join(THINGS)}." + suggestion(thing, THINGS)
        )


def _upright(thing: str, light: float, chance: np.random.Generator, side: int) -> Image.Image:
    """A thing in shades of gray on white, `side` pixels a side, with its box in the middle."""
    large = Image.new("RGB", (side, side), WHITE_INK)
    draw_things(large, _layout(thing, light, chance), "summer", detail=False)
    gray = large.convert("L")
    box = ImageChops.invert(gray).getbbox()
    assert box is not None
    thing_alone = gray.crop(box)
    scale = REACH * side / hypot(*thing_alone.size)
    thing_alone = thing_alone.resize(
        (round(scale * thing_alone.width), round(scale * thing_alone.height)), Image.Resampling.BICUBIC
    )
    picture = Image.new("L", (side, side), 255)
    picture.paste(thing_alone, ((side - thing_alone.width) // 2, (side - thing_alone.height) // 2))
    return picture


def _layout(thing: str, light: float, chance: np.random.Generator) -> Layout:
    """A landscape of one thing."""
    roof, turn, kind, tone, form = chance.random(5).tolist()
    house: House | None = None
    trees: tuple[Tree, ...] = ()
    stones: Points = []
    if thing == "house":
        house = House(0.5, FOOT, 0.4, int(4 * roof), -1.0 if turn < 0.5 else 1.0)
    elif thing == "boulder":
        stones = [[0.5, 1.02, 0.4, form]]
    else:
        species = "spruce" if thing == "conifer" else LEAFY[int(kind * len(LEAFY))]
        trees = (Tree(species, 0.5, FOOT, 0.7, 2 * tone - 1, clumps_of(chance, species, 0.5)),)
    return Layout(
        light=Light(0.5, 0.0, light, 0.5, 0.0),
        horizon=0.0,
        clouds=(),
        ranges=(),
        hills=(np.zeros_like(KNOTS, np.float32),) * 3,
        fields=(),
        lake=None,
        house=house,
        trees=trees,
        tufts=[],
        stones=stones,
    )


def _in_one_hue(gray: Image.Image, hue: float) -> Image.Image:
    """Shades of gray -> shades of a hue: white stays white, and the mean of what is not white gets the full colour."""
    values = np.asarray(gray)
    middle = int(values[values < 255].mean())
    dark, full = ink(_colour(hue, 0.9, 0.2)), ink(_colour(hue, 0.85, 0.85))
    return ImageOps.colorize(gray, dark, WHITE_INK, full, midpoint=middle)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue, saturation, value)
    return 255 * red, 255 * green, 255 * blue

"""Sky, mountains, hills and meadow of a drawn landscape, computed per pixel.

Edges are antialiased by the share of a pixel that they cover. Textures come from grids of chance that are stretched to
the picture, so that they look the same at every size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combogan.data.scene_colours import AIR, FIELDS, SNOW, SNOW_SHADE, Air, Colour, mix
from combogan.data.scene_layout import KNOTS, Layout, Range
from combogan.seeding import numbers

Floats = NDArray[np.float32]
SUNLIGHT: Colour = (255, 196, 128)
ORDER = ("spring", "summer", "fall", "winter")


@dataclass(frozen=True)
class Textures:
    """Grids of chance stretched to the picture, about 0 with deviation about 1: the same in all seasons."""

    clouds: Floats
    rough: Floats
    meadow: Floats
    broad: Floats


def weave(seed: int, index: int, size: int) -> Textures:
    """The textures of a scene at `size`, each (size, size)."""
    chance = numbers(seed, "scene textures", index)
    grids = chance.standard_normal(20 * 9 + 40 * 20 + 48 * 40 + 40 * 16 + 9 * 9).astype(np.float32)
    made, start = [], 0
    for high, wide in ((20, 9), (40, 20), (48, 40), (40, 16), (9, 9)):
        grid = Image.fromarray(grids[start : start + high * wide].reshape(high, wide))
        made.append(np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC)))
        start += high * wide
    coarse, fine, rough, meadow, broad = made
    return Textures(coarse + 0.5 * fine, rough, meadow, broad)


def ramp(values: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) * (1 / (high - low)), 0, 1)
    return share * share * (3 - 2 * share)


def lay(image: Floats, cover: Floats, colour: Floats | Colour) -> None:
    """Paint `colour` over `image` (h, w, 3) in place where `cover` (h, w) is 1."""
    image += (np.asarray(colour, np.float32) - image) * cover[..., None]


def between(low: Colour | Floats, high: Colour | Floats, share: Floats) -> Floats:
    """(h, w, 3): `low` where `share` (h, w) is 0, `high` where it is 1."""
    first = np.asarray(low, np.float32)
    return first + (np.asarray(high, np.float32) - first) * share[..., None]


def paint_land(layout: Layout, textures: Textures, season: str, size: int) -> Floats:
    """(size, size, 3) in 0..255: the scene without what stands in it."""
    air = AIR[season]
    xs = ((np.arange(size) + 0.5) / size).astype(np.float32)
    image = _sky(layout, textures, air, xs)
    for mountains in layout.ranges:
        _mountains(image, mountains, layout, textures, air, xs)
    for number in range(3):
        _ground(image, number, layout, textures, season, xs)
    return image


def haze(layout: Layout, air: Air) -> Colour:
    """The colour of the air at the horizon."""
    return mix(air.low, SUNLIGHT, 0.22 * layout.light.warmth)


def _sky(layout: Layout, textures: Textures, air: Air, xs: Floats) -> Floats:
    light, size = layout.light, len(xs)
    rows = min(size, int((layout.horizon + 0.12) * size) + 1)
    image = np.empty((size, size, 3), np.float32)
    height = ramp(xs[:rows, None] / layout.horizon, -0.25, 1.0)
    column = between(air.zenith, haze(layout, air), height)
    image[:rows] = column
    image[rows:] = 0
    sky = image[:rows]
    distance = np.hypot(xs[None] - light.sun_x, xs[:rows, None] - light.sun_y)
    sun = mix((255, 250, 226), (255, 226, 160), light.warmth)
    lay(sky, 0.55 * np.exp(-distance * 7) + 0.22 * np.exp(-distance * 2.6), sun)
    lay(sky, np.clip((0.034 - distance) * size + 0.5, 0, 1), mix(sun, (255, 255, 250), 0.6))
    drift = textures.clouds[:rows]
    cover = ramp(drift + 1.1 * light.clouds - 0.5 * xs[:rows, None] / layout.horizon, 0.75, 1.5)
    step = max(1, size // 40)
    lit = drift - np.roll(drift, (-step, int(-light.side * step)), (0, 1))
    shade = between(air.cloud_shade, mix(air.cloud, sun, 0.3), ramp(lit, -0.5, 0.6))
    lay(sky, cover * 0.9, shade)
    return image


def _mountains(image: Floats, mountains: Range, layout: Layout, textures: Textures, air: Air, xs: Floats) -> None:
    size = len(xs)
    first = max(0, int(float(mountains.ridge.min()) * size) - 1)
    last = min(size, int((layout.horizon + 0.10) * size) + 1)
    ys = xs[first:last, None]
    ridge = np.interp(xs, KNOTS, mountains.ridge).astype(np.float32)
    near = np.minimum(np.rint(xs * 128).astype(int), 128)
    peak, top = mountains.peak[near], mountains.top[near]
    depth = np.maximum(ys - top, 0.004)
    slope = (xs - peak) / depth
    rough = textures.rough[first:last]
    angle = np.arctan(slope * 1.1) * 20 + rough * 0.45 + 64
    spur = np.interp(angle, np.arange(128), mountains.spurs).astype(np.float32)
    face = slope * layout.light.side + 0.38 * spur + 0.12 * rough
    lit = ramp(face, -0.35, 0.35)
    stone = between(air.rock_shade, mix(air.rock, SUNLIGHT, 0.15 + 0.25 * layout.light.warmth), lit)
    snow = between(SNOW_SHADE, mix(SNOW, SUNLIGHT, 0.18 * layout.light.warmth), ramp(face, -0.5, 0.25))
    line = layout.horizon - 0.30 + 0.36 * air.snow_line
    cap = ramp(line - ys + 0.022 * spur + 0.012 * rough, -0.012, 0.012)
    colour = between(stone, snow, cap * (1 - 0.35 * ramp(spur, 0.9, 1.4)))
    far = mountains.haze + 0.45 * ramp(ys + 0 * xs, layout.horizon - 0.2, layout.horizon + 0.05)
    colour = between(colour, haze(layout, air), np.minimum(far, 0.9) * np.float32(0.9))
    lay(image[first:last], np.clip((ys - ridge) * size + 0.5, 0, 1), colour)


def _ground(image: Floats, number: int, layout: Layout, textures: Textures, season: str, xs: Floats) -> None:
    size, air = len(xs), AIR[season]
    knots = layout.hills[number]
    first = max(0, int(float(knots.min()) * size) - 1)
    below = 1.0 if number == 2 else float(layout.hills[number + 1].max())
    last = min(size, int(below * size) + 2)
    ys = xs[first:last, None]
    line = np.interp(xs, KNOTS, knots).astype(np.float32)
    depth = ys - line
    rising = np.gradient(line) * size * -layout.light.side
    light = 1.0 + 0.45 * np.clip(rising, -0.3, 0.3)
    if number == 2:
        colour = _meadow(depth / np.maximum(1 - line, 0.2), textures, air, first, last)
    else:
        colour = _hill(number, depth, layout, textures, season, xs, first, last)
    grain = textures.meadow[first:last] * 0.6 + textures.rough[first:last] * 0.4
    colour *= (light * (1 + (0.02 if season == "winter" else 0.045) * grain))[..., None]
    edge = np.exp(-np.maximum(depth, 0) * 60) * np.float32(0.16)
    colour = between(colour, mix(haze(layout, air), (255, 250, 225), 0.5), edge)
    lay(image[first:last], np.clip(depth * size + 0.5, 0, 1), colour)


def _meadow(near: Floats, textures: Textures, air: Air, first: int, last: int) -> Floats:
    colour = between(air.meadow_far, air.meadow, ramp(near, -0.1, 0.85))
    patches = ramp(textures.broad[first:last] + 0.5 * textures.meadow[first:last], 0.1, 0.8)
    lay(colour, patches * 0.7, air.patch)
    return colour


def _hill(
    number: int, depth: Floats, layout: Layout, textures: Textures, season: str, xs: Floats, first: int, last: int
) -> Floats:
    air = AIR[season]
    if number == 0:
        wood = ramp(textures.rough[first:last], -0.6, 0.9)
        colour = between(mix(air.hill, air.shadow, 0.30), air.hill, wood)
        return between(colour, haze(layout, air), np.full_like(depth, 0.42))
    across = xs + depth * (xs - 0.5) * 3 + 0.012 * textures.meadow[first:last]
    edges = np.array([edge for edge, _ in layout.fields], np.float32)
    which = np.clip(np.searchsorted(edges, across) - 1, 0, len(edges) - 1)
    palette = np.array([FIELDS[crop][ORDER.index(season)] for _, crop in layout.fields], np.float32)
    colour = palette[which]
    tilled = np.array([crop != "pasture" for _, crop in layout.fields])[which]
    furrow = 0.5 + 0.5 * np.sin(across * 260)
    colour *= (1 - 0.16 * tilled * furrow)[..., None]
    hedge = np.abs(across - edges[which]) < 0.006
    lay(colour, hedge * np.float32(0.5), mix(air.shadow, air.hill, 0.5))
    return between(colour, haze(layout, air), np.full_like(depth, 0.20))

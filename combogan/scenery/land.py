"""Sky, mountains, hills and meadow of a drawn landscape, computed per pixel.

Edges are antialiased by the share of a pixel that they cover. Textures are grids of random numbers, resized to the
picture, so that they look the same at every size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combogan.scenery.colours import AIR, FIELDS, SEASONS, SNOW, SNOW_SHADE, Air, Colour, mix
from combogan.scenery.labels import UNDER_SNOW, Label, Labels
from combogan.scenery.layout import KNOTS, Cloud, Layout, Range
from combogan.seeding import numbers

Floats = NDArray[np.floating]
SUNLIGHT: Colour = (255, 196, 128)


@dataclass(frozen=True)
class Textures:
    """Grids of random numbers (mean 0, deviation about 1), resized to the picture: the same in all seasons."""

    clouds: Floats
    rough: Floats
    meadow: Floats
    broad: Floats
    grass: Floats


def make_textures(seed: int, index: int, size: int) -> Textures:
    """The textures of a scene at `size`, each (size, size)."""
    chance = numbers(seed, "scene textures", index)
    made = []
    for high, wide in ((24, 7), (44, 18), (48, 40), (40, 16), (14, 6), (72, 40)):
        grid = Image.fromarray(chance.standard_normal((high, wide), np.float32))
        made.append(np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC)))
    coarse, fine, rough, meadow, broad, grass = made
    return Textures(coarse + 0.5 * fine, rough, meadow, broad, grass)


def ramp(values: Floats, low: float, high: float) -> Floats:
    """Smoothstep: 0 below `low`, 1 above `high`, smooth between."""
    share: Floats = np.clip((values - low) * (1 / (high - low)), 0, 1)
    return share * share * (3 - 2 * share)


def paint(image: Floats, cover: Floats, colour: Floats | Colour) -> None:
    """Paint `colour` over `image` (h, w, 3) in place where `cover` (h, w) is 1."""
    image += (np.asarray(colour, np.float32) - image) * cover[..., None]


def between(low: Colour | Floats, high: Colour | Floats, share: Floats) -> Floats:
    """(h, w, 3): `low` where `share` (h, w) is 0, `high` where it is 1."""
    first = np.asarray(low, np.float32)
    return first + (np.asarray(high, np.float32) - first) * share[..., None]


def paint_land(layout: Layout, textures: Textures, season: str, size: int) -> tuple[Floats, Labels]:
    """(size, size, 3) in 0..255, and labels (size, size): the scene without the things that stand in it."""
    air = AIR[season]
    xs = ((np.arange(size) + 0.5) / size).astype(np.float32)
    image = _sky(layout, textures, air, xs)
    labels = np.full((size, size), Label.SKY, np.uint8)
    for mountains in layout.ranges:
        _mountains(image, labels, mountains, layout, textures, air, xs)
    for number in range(3):
        _ground(image, labels, number, layout, textures, season, xs)
    return image, labels


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
    paint(sky, 0.55 * np.exp(-distance * 7) + 0.22 * np.exp(-distance * 2.6), sun)
    paint(sky, np.clip((0.034 - distance) * size + 0.5, 0, 1), mix(sun, (255, 255, 250), 0.6))
    veil = ramp(textures.clouds[:rows] + light.clouds, 0.3, 2.2) * (1 - 0.8 * np.exp(-distance * 8))
    paint(sky, veil * np.float32(0.36), mix(air.cloud, haze(layout, air), 0.2))
    for cloud in layout.clouds:
        _cloud(sky, cloud, layout, textures, air, xs)
    return image


def _cloud(sky: Floats, cloud: Cloud, layout: Layout, textures: Textures, air: Air, xs: Floats) -> None:
    size, wide, side = len(xs), cloud.wide, layout.light.side
    left, right = max(0, int((cloud.x - wide * 1.3) * size)), min(size, int((cloud.x + wide * 1.3) * size) + 2)
    high, low = max(0, int((cloud.y - wide) * size)), min(len(sky), int((cloud.y + 0.2 * wide) * size) + 2)
    if right <= left or low <= high:
        return
    across = (xs[None, left:right] - cloud.x) / wide
    up = (cloud.y - xs[high:low, None]) / wide
    rough = textures.rough[high:low, left:right]
    puffs = np.array(cloud.puffs, np.float32)[:, :, None, None]
    inside = (puffs[:, 2] - np.hypot(across - puffs[:, 0], up - puffs[:, 1])).max(0) + 0.035 * rough
    inside = np.minimum(inside, up + 0.03 * rough + 0.02)
    soft = max(0.05, 1 / (size * wide))
    lit = ramp(up * 1.9 + 0.35 * side * across + 0.10 * rough - 1.1 * inside, -0.35, 0.75)
    sunny = mix(air.cloud, SUNLIGHT, 0.25 * layout.light.warmth)
    fade = 0.95 - 0.45 * cloud.y / layout.horizon
    paint(sky[high:low, left:right], ramp(inside, -soft, soft) * np.float32(fade), between(air.cloud_shade, sunny, lit))


def _mountains(
    image: Floats, labels: Labels, mountains: Range, layout: Layout, textures: Textures, air: Air, xs: Floats
) -> None:
    size = len(xs)
    first = max(0, int((float(mountains.top.min()) - 0.03) * size) - 1)
    last = min(size, int((layout.horizon + 0.08) * size) + 1)
    fine = ((np.arange(2 * size) + 0.5) / (2 * size)).astype(np.float32)  # twice the resolution, as ridges cross
    ys = fine[2 * first : 2 * last, None]
    rough = textures.rough[first:last].repeat(2, 0).repeat(2, 1)
    outline = mountains.top[:, None] + np.abs(fine - mountains.x[:, None]) * mountains.steep[:, None]
    outline += np.interp(fine, KNOTS, mountains.rough).astype(np.float32)
    before = ys[None] > outline[:, None]
    peak = len(outline) - 1 - before[::-1].argmax(0)
    depth = np.maximum(ys - mountains.top[peak] + 0.02, 0.004)
    slope = (fine - mountains.x[peak]) / depth
    angle = np.arctan(slope * 1.1) * 16 + rough * 0.35 + 64 + 5 * peak
    spur = np.interp(angle, np.arange(128), mountains.spurs).astype(np.float32)
    face = np.clip(slope * 1.4, -0.7, 0.7) * layout.light.side + 0.40 * spur + 0.15 * rough
    snow_line = layout.horizon - 0.30 + 0.36 * air.snow_line
    cap = ramp(snow_line - ys + 0.022 * spur + 0.012 * rough, -0.012, 0.012)
    cap *= 1 - 0.35 * ramp(spur, 0.9, 1.4)
    lit, bright, cover = (_halved(part) for part in (ramp(face, -0.35, 0.35), ramp(face, -0.5, 0.25), before.any(0)))
    warmth = layout.light.warmth
    stone = between(air.rock_shade, mix(air.rock, SUNLIGHT, 0.15 + 0.25 * warmth), lit)
    snow = between(SNOW_SHADE, mix(SNOW, SUNLIGHT, 0.18 * warmth), bright)
    white = _halved(cap)
    colour = between(stone, snow, white)
    far = mountains.haze + 0.55 * ramp(xs[first:last, None], layout.horizon - 0.15, layout.horizon + 0.03)
    colour = between(colour, mix(haze(layout, air), air.rock_shade, 0.15), np.minimum(far, 0.85))
    paint(image[first:last], cover, colour)
    seen = np.where(white >= 0.5, Label.SNOW_ON_MOUNTAIN, Label.MOUNTAIN)
    np.copyto(labels[first:last], seen, casting="unsafe", where=cover >= 0.5)


def _halved(fine: NDArray[Any]) -> Floats:
    """(2 h, 2 w) -> (h, w), each the mean of four."""
    rows = fine[0::2].astype(np.float32) + fine[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)


def _ground(
    image: Floats, labels: Labels, number: int, layout: Layout, textures: Textures, season: str, xs: Floats
) -> None:
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
    cover = np.clip(depth * size + 0.5, 0, 1)
    paint(image[first:last], cover, colour)
    seen = (Label.HILL, Label.FIELD, Label.MEADOW)[number]
    labels[first:last][cover >= 0.5] = UNDER_SNOW[seen] if season == "winter" else seen


def _meadow(near: Floats, textures: Textures, air: Air, first: int, last: int) -> Floats:
    colour = between(air.meadow_far, air.meadow, ramp(near, -0.1, 0.85))
    broad, fine = textures.broad[first:last], textures.meadow[first:last]
    grass = textures.grass[first:last]
    paint(colour, ramp(broad + 0.5 * fine + 0.4 * grass, -0.1, 1.15) * np.float32(0.85), air.patch)
    paint(colour, ramp(0.5 * fine - broad + 0.4 * grass, 0.1, 1.35) * np.float32(0.85), air.other)
    return colour


def _hill(
    number: int, depth: Floats, layout: Layout, textures: Textures, season: str, xs: Floats, first: int, last: int
) -> Floats:
    air = AIR[season]
    if number == 0:
        wood = ramp(textures.rough[first:last], -0.6, 0.9)
        colour = between(mix(air.hill, air.shadow, 0.30), air.hill, wood)
        return between(colour, haze(layout, air), np.full_like(depth, 0.42))
    across = xs + depth * (xs - 0.5) * 3 + 0.006 * textures.meadow[first:last]
    edges = np.array([edge for edge, _ in layout.fields], np.float32)
    which = np.clip(np.searchsorted(edges, across) - 1, 0, len(edges) - 1)
    palette = np.array([FIELDS[crop][SEASONS.index(season)] for _, crop in layout.fields], np.float32)
    colour = palette[which]
    tilled = np.array([crop != "pasture" for _, crop in layout.fields])[which]
    furrow = 0.5 + 0.5 * np.sin(across * 260)
    colour *= (1 - 0.16 * tilled * furrow)[..., None]
    hedge = ramp(np.abs(across - edges[which]), 0.014, 0.004)
    paint(colour, hedge * tilled * np.float32(0.6), mix(air.shadow, air.hill, 0.4))
    return between(colour, haze(layout, air), np.full_like(depth, 0.20))

"""What stands where in a drawn landscape: everything that is the same in all four seasons.

Coordinates are shares of the picture: x from the left, y from the top, both 0..1, so that a scene is the same at every
size. Each part draws from its own generator, whatever the season.
"""

from dataclasses import dataclass
from math import cos, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from combogan.seeding import numbers

Floats = NDArray[np.float32]
Points = list[list[float]]

KNOTS = np.linspace(0, 1, 129)
GOLDEN = pi * (3 - sqrt(5))


@dataclass(frozen=True)
class Light:
    sun_x: float
    sun_y: float
    side: float
    """-1: light comes from the left, 1: from the right."""
    warmth: float
    clouds: float


@dataclass(frozen=True)
class Cloud:
    """Round puffs on a flat base: rows of (x, y, radius) from the middle of the base, in half widths."""

    x: float
    y: float
    wide: float
    puffs: Points


@dataclass(frozen=True)
class Range:
    """A mountain range: its peaks, far to near, and how hazy it is."""

    x: Floats
    top: Floats
    steep: Floats
    rough: Floats
    """What is added to the outline at `KNOTS`."""
    haze: float
    spurs: Floats


@dataclass(frozen=True)
class Crown:
    """The form of a kind of tree, in units of its height."""

    middle: float
    wide: float
    tall: float
    taper: float
    trunk: float
    rise: float
    """Where on the trunk a branch starts: 0 at the height of its tip, 1 at the foot of the crown."""


CROWNS = {
    "birch": Crown(0.60, 0.23, 0.37, 0.30, 0.022, 0.75),
    "maple": Crown(0.61, 0.34, 0.35, 0.16, 0.036, 0.60),
    "oak": Crown(0.58, 0.48, 0.36, 0.04, 0.055, 0.35),
    "cherry": Crown(0.60, 0.42, 0.32, -0.12, 0.040, 0.80),
    "apple": Crown(0.56, 0.40, 0.36, 0.08, 0.042, 0.50),
    "poplar": Crown(0.54, 0.125, 0.45, 0.30, 0.026, 1.00),
    "pine": Crown(0.74, 0.30, 0.22, 0.22, 0.030, 0.25),
    "bush": Crown(0.45, 0.62, 0.44, 0.05, 0.020, 1.00),
    "larch": Crown(0.52, 0.20, 0.46, 1.00, 0.024, 0.00),
    "spruce": Crown(0.52, 0.24, 0.47, 1.00, 0.028, 0.00),
}
CONIFERS = ("spruce", "larch")
HEIGHTS = {"birch": 1.05, "oak": 1.0, "maple": 0.95, "cherry": 0.68, "apple": 0.62, "poplar": 1.35, "pine": 1.15}
HEIGHTS |= {"larch": 1.2, "spruce": 1.2, "bush": 0.2}


@dataclass(frozen=True)
class Tree:
    kind: str
    x: float
    y: float
    height: float
    tone: float
    """-1..1, the same in all seasons: darker or lighter, redder or yellower."""
    clumps: Points
    """Rows of (x, y, radius, chance) from the foot, in units of the height, y upwards; of a conifer its tiers."""


@dataclass(frozen=True)
class Lake:
    x: float
    y: float
    wide: float
    tall: float
    shore: Points
    marks: Points


@dataclass(frozen=True)
class House:
    x: float
    y: float
    size: float
    roof: int
    turn: float


@dataclass(frozen=True)
class Layout:
    light: Light
    horizon: float
    clouds: tuple[Cloud, ...]
    ranges: tuple[Range, ...]
    hills: tuple[Floats, ...]
    """Outlines at `KNOTS`, far to near; the last is the meadow's."""
    fields: tuple[tuple[float, str], ...]
    """Left edge and crop."""
    lake: Lake | None
    house: House | None
    trees: tuple[Tree, ...]
    """Far to near."""
    tufts: Points
    """Rows of (x, y, size, kind, chance)."""
    stones: Points


def lay_out(seed: int, index: int) -> Layout:
    """The scene `index` of `seed`."""

    def chance(part: str) -> np.random.Generator:
        return numbers(seed, f"scene {part}", index)

    whole = chance("whole")
    horizon = float(whole.uniform(0.40, 0.50))
    has_mountains, has_lake, has_house = (whole.random(3) < (0.8, 0.42, 0.45)).tolist()
    ranges = _ranges(chance("mountains"), horizon) if has_mountains else ()
    hills = _hills(chance("hills"), horizon)
    lake = _lake(chance("lake"), hills[-1]) if has_lake else None
    house = _house(chance("house"), hills[-1], lake) if has_house else None
    fields = _fields(chance("fields"))
    trees = _trees(chance("trees"), hills, lake, house)
    return Layout(
        _light(chance("light"), horizon),
        horizon,
        _clouds(chance("clouds"), horizon),
        ranges,
        hills,
        fields,
        lake,
        house,
        trees,
        _tufts(chance("tufts"), hills[-1], lake),
        _stones(chance("stones"), hills[-1], lake),
    )


def at(outline: Floats, x: float) -> float:
    """The height of an outline at `x`."""
    return float(outline[min(128, max(0, round(x * 128)))])


def _light(chance: np.random.Generator, horizon: float) -> Light:
    a, b, c, d, e = chance.random(5).tolist()
    side = -1.0 if a < 0.5 else 1.0
    sun_x = 0.5 + side * (0.12 + 0.30 * b)
    return Light(sun_x, horizon * (0.18 + 0.42 * c), side, d, e)


def _clouds(chance: np.random.Generator, horizon: float) -> tuple[Cloud, ...]:
    made = []
    for a, b, c, _ in chance.random((int(chance.integers(0, 6)), 4)).tolist():
        y = horizon * (0.16 + 0.66 * b)
        rows = []
        for d, e, f, _ in chance.random((9, 4)).tolist():
            x = 1.7 * d - 0.85
            rows.append([x, 0.10 * e, (0.16 + 0.26 * f) * (1.15 - abs(x))])
        made.append(Cloud(a * 1.2 - 0.1, y, (0.09 + 0.13 * c) * (1.25 - y / horizon * 0.8), rows))
    return tuple(sorted(made, key=lambda cloud: -cloud.y))


def _ranges(chance: np.random.Generator, horizon: float) -> tuple[Range, ...]:
    count = int(chance.integers(1, 3))
    made = []
    for depth in range(count):
        near = depth == count - 1
        size = chance.uniform(0.16, 0.30) if near else chance.uniform(0.22, 0.32)
        peaks = int(chance.integers(3, 6))
        where = (np.arange(peaks) + chance.uniform(-0.3, 1.3, peaks)) / peaks
        high = size * chance.uniform(0.5, 1.0, peaks)
        wide = high * chance.uniform(0.9, 1.5, peaks)
        order = np.argsort(-high)
        rough = np.interp(KNOTS, np.linspace(0, 1, 33), chance.normal(0, 1, 33)) * 0.010
        rough += chance.normal(0, 1, 129) * 0.0035
        made.append(
            Range(
                where[order].astype(np.float32),
                (horizon + 0.02 - high[order]).astype(np.float32),
                (high / wide)[order].astype(np.float32),
                rough.astype(np.float32),
                0.22 if near else 0.50,
                chance.normal(0, 1, 128).astype(np.float32),
            )
        )
    return tuple(made)


def _hills(chance: np.random.Generator, horizon: float) -> tuple[Floats, ...]:
    made = []
    for lift, swing in ((0.0, 0.035), (0.065, 0.035), (0.155, 0.022)):
        a, b, c, d = chance.random(4).tolist()
        wave = np.sin(KNOTS * (3 + 4 * a) + 6.3 * b) + 0.45 * np.sin(KNOTS * (8 + 5 * c) + 6.3 * d)
        made.append((horizon + lift + 0.01 - swing * wave / 1.45).astype(np.float32))
    made[1] = np.maximum(made[1], made[0] + 0.015)
    made[2] = np.maximum(made[2], made[1] + 0.03)
    return tuple(made)


def _fields(chance: np.random.Generator) -> tuple[tuple[float, str], ...]:
    edges = np.cumsum(chance.uniform(0.10, 0.30, 12)) - 0.7
    crops = chance.choice(["pasture", "pasture", "wheat", "rape"], 12)
    return tuple((float(edge), str(crop)) for edge, crop in zip(edges, crops, strict=True))


def _lake(chance: np.random.Generator, meadow: Floats) -> Lake:
    x, wide = chance.uniform(0.2, 0.8), chance.uniform(0.26, 0.46)
    tall = wide * chance.uniform(0.15, 0.20)
    y = max(at(meadow, x - wide / 2), at(meadow, x), at(meadow, x + wide / 2)) + tall + chance.uniform(0.01, 0.05)
    wobble = chance.uniform(-1, 1, 8)
    shore = []
    for step in range(48):
        angle = 2 * pi * step / 48
        radius = 1 + sum(0.05 * wobble[k] * sin((k // 2 + 2) * angle + 3 * wobble[k + 1]) for k in (0, 2, 4, 6))
        shore.append([x + wide * radius * cos(angle), y + tall * radius * sin(angle)])
    return Lake(float(x), float(y), float(wide), float(tall), shore, chance.random((14, 4)).tolist())


def _house(chance: np.random.Generator, meadow: Floats, lake: Lake | None) -> House:
    x, y, size, turn, roof = chance.random(5).tolist()
    place = 0.16 + 0.68 * x
    if lake is not None:
        place = (0.78 + 0.1 * x) if lake.x < 0.5 else (0.12 + 0.1 * x)
    base = at(meadow, place) + 0.03 + 0.05 * y
    return House(place, base, 0.085 + 0.055 * size, int(roof * 4), -1.0 if turn < 0.5 else 1.0)


def _inside(lake: Lake | None, x: float, y: float, margin: float = 1.15) -> bool:
    if lake is None:
        return False
    return ((x - lake.x) / lake.wide) ** 2 + ((y - lake.y) / (lake.tall + 0.01)) ** 2 < margin


def _trees(
    chance: np.random.Generator, hills: tuple[Floats, ...], lake: Lake | None, house: House | None
) -> tuple[Tree, ...]:
    kinds = list(chance.permutation(["birch", "maple", "oak", "cherry", "apple", "poplar", "larch", "pine"])[:5])
    kinds = ["spruce", *map(str, kinds)]
    spots: list[tuple[float, float, float, str]] = []
    for layer, count in ((0, 16), (1, 12)):
        for a, b, c, d in chance.random((count, 4)).tolist():
            group = 0.5 + 0.5 * sin(9 * a + 20 * layer)
            low, high = at(hills[layer], a), at(hills[layer + 1], a)
            y = low + (0.15 + 0.8 * b) * (high - low)
            height = (0.045 if layer == 0 else 0.075) * (0.75 + 0.5 * c)
            spots.append((a, y, height, kinds[int(d * 2.99 + group * 3)]))
    for a, b, c, d in chance.random((int(chance.integers(3, 11)), 4)).tolist():
        y = at(hills[2], a) + 0.01 + 0.09 * b
        spots.append((a, y, 0.13 + 0.08 * c + 0.6 * (y - at(hills[2], a)), kinds[int(d * 6)]))
    side = 1 if chance.random() < 0.5 else -1
    for place, (a, b, c, d) in enumerate(chance.random((int(chance.integers(1, 4)), 4)).tolist()):
        x = 0.5 + side * (0.26 + 0.22 * a) * (-1 if place == 1 else 1)
        if place == 2:
            x = 0.5 + side * (a - 0.5) * 0.9
        low, size = (0.86, 0.46) if place == 0 else ((0.80, 0.36) if place == 1 else (0.74, 0.26))
        spots.append((x, low + 0.10 * b, size + 0.12 * c, kinds[int(d * 6)]))
    for a, b, c in chance.random((5, 3)).tolist():
        y = at(hills[2], a) + 0.05 + 0.32 * b
        spots.append((a, y, (0.25 + 0.2 * c) * (0.55 + 1.2 * (y - 0.6)), "bush"))
    made = []
    for x, y, height, kind in sorted(spots, key=lambda spot: spot[1]):
        tone = float(chance.uniform(-1, 1))
        clumps = clumps_of(chance, kind, height)
        blocked = house is not None and _hides(house, x, y, height)
        if _inside(lake, x, y) or blocked:
            continue
        made.append(Tree(kind, x, y, height * HEIGHTS[kind], tone, clumps))
    return tuple(made)


def _hides(house: House, x: float, y: float, height: float) -> bool:
    """Whether a tree would stand in the house or hide it."""
    reach = house.size * 1.2 + 0.4 * height
    return abs(x - house.x) < reach and house.y - 0.03 < y < house.y + height


def clumps_of(chance: np.random.Generator, kind: str, height: float) -> Points:
    crown = CROWNS[kind]
    if kind in CONIFERS:
        count = min(9, 4 + int(height * 12))
        return chance.random((count, 4)).tolist()
    count = min(34, 3 + int(height * 60))
    mean = sqrt(crown.wide * crown.tall / count)
    clumps = []
    for order, (a, b, c, _) in enumerate(chance.random((count, 4)).tolist()):
        radius, angle = sqrt((order + 0.5) / count) * 0.88, order * GOLDEN + a * 0.9
        across, up = radius * cos(angle), radius * sin(angle)
        x = across * crown.wide * (1 - crown.taper * up)
        clumps.append([x, crown.middle + up * crown.tall, mean * (0.85 + 0.4 * b), c])
    return sorted(clumps, key=lambda clump: clump[3] - clump[1])


def _tufts(chance: np.random.Generator, meadow: Floats, lake: Lake | None) -> Points:
    made = []
    middles = chance.random((4, 2)).tolist()
    for a, b, c, d in chance.random((44, 4)).tolist():
        group = int(c * 4)
        x = middles[group][0] + (a - 0.5) * 0.7
        line = at(meadow, x)
        y = line + 0.02 + (1 - line) * (0.35 * b + 0.65 * middles[group][1])
        if not _inside(lake, x, y) and y < 1.01:
            made.append([x, y, 0.004 + 0.022 * (y - line), float(group), d])
    return sorted(made, key=lambda tuft: tuft[1])


def _stones(chance: np.random.Generator, meadow: Floats, lake: Lake | None) -> Points:
    made = []
    for a, b, c, d in chance.random((4, 4)).tolist():
        y = at(meadow, a) + 0.06 + 0.32 * b
        if not _inside(lake, a, y) and y < 1:
            made.append([a, y, 0.010 + 0.05 * (y - 0.55) * (0.5 + c), d])
    return sorted(made, key=lambda stone: stone[1])

"""What stands in a drawn landscape: trees, bushes, a lake, a house, stones and tufts, drawn far to near.

Everything is drawn larger than the picture and reduced afterwards, which smooths the edges.
"""

from dataclasses import dataclass
from math import cos, sin

from PIL import Image, ImageDraw

from combogan.data.scene_colours import (
    AIR,
    FLOWERS,
    FOLIAGE,
    ROOFS,
    SNOW,
    SNOW_SHADE,
    Air,
    Colour,
    Foliage,
    mix,
)
from combogan.data.scene_land import SUNLIGHT, haze
from combogan.data.scene_layout import CONIFERS, CROWNS, House, Lake, Layout, Tree, at

WHITE: Colour = (255, 255, 255)
SHADES = (-0.55, -0.42, -0.28, -0.14, 0.0, 0.12, 0.26, 0.40)
"""From the side of a crown that is turned away from the sun to the one that faces it."""
Spot = tuple[float, float, float, float, float]
"""A clump of leaves in the picture: x, y, radius, chance, and how much it faces the sun."""


def ink(colour: Colour) -> tuple[int, int, int]:
    return (int(colour[0] + 0.5), int(colour[1] + 0.5), int(colour[2] + 0.5))


def tinted(colour: Colour, by: float) -> Colour:
    """Darker and cooler below 0, lighter and warmer above."""
    if by < 0:
        return mix(colour, (18, 30, 62), -by)
    return mix(colour, (255, 244, 190), by)


@dataclass
class Canvas:
    """A picture being drawn on, in shares of its side."""

    picture: Image.Image
    side: int

    def __post_init__(self) -> None:
        self.solid = ImageDraw.Draw(self.picture, "RGB")
        self.sheer = ImageDraw.Draw(self.picture, "RGBA")

    def dab(self, x: float, y: float, wide: float, tall: float, colour: tuple[int, ...]) -> None:
        side = self.side
        draw = self.solid if len(colour) == 3 else self.sheer
        draw.ellipse(((x - wide) * side, (y - tall) * side, (x + wide) * side, (y + tall) * side), colour)

    def shape(self, points: list[tuple[float, float]], colour: tuple[int, ...]) -> None:
        side = self.side
        draw = self.solid if len(colour) == 3 else self.sheer
        draw.polygon([(x * side, y * side) for x, y in points], colour)

    def stroke(self, points: list[tuple[float, float]], wide: float, colour: tuple[int, ...]) -> None:
        side = self.side
        draw = self.solid if len(colour) == 3 else self.sheer
        draw.line([(x * side, y * side) for x, y in points], colour, max(1, round(wide * side)))


def draw_things(picture: Image.Image, layout: Layout, season: str, detail: bool) -> None:
    """Draw on `picture`, the land of the scene, in place. `detail` adds what only large pictures can show."""
    air = AIR[season]
    canvas = Canvas(picture, picture.width)
    lake, house = layout.lake, layout.house
    if house is not None and lake is None:
        _path(canvas, house, air)
    if detail:
        _grass(canvas, layout, season, air)
    waiting: list[tuple[float, object]] = [(tree.y, tree) for tree in layout.trees]
    shore = -1.0 if lake is None else lake.y - lake.tall
    if house is not None:
        waiting.append((house.y, house))
    waiting.sort(key=lambda item: item[0])
    mirrored = lake is None
    for y, thing in waiting:
        if not mirrored and lake is not None and y > shore + 0.005:
            _lake(canvas, lake, layout, season, air)
            mirrored = True
        if isinstance(thing, Tree):
            _tree(canvas, thing, layout, season, air, detail)
        elif isinstance(thing, House):
            _house(canvas, thing, layout, season, air)
    if not mirrored and lake is not None:
        _lake(canvas, lake, layout, season, air)
    for x, y, size, chance in layout.stones:
        _stone(canvas, x, y, size, chance, layout.light.side, season, air)
    for x, y, size, kind, chance in layout.tufts:
        _tuft(canvas, x, y, size, int(kind), chance, season)


def _tree(canvas: Canvas, tree: Tree, layout: Layout, season: str, air: Air, detail: bool) -> None:
    side = layout.light.side
    near = min(1.0, max(0.0, (tree.y - layout.horizon) / 0.26))
    veil = 0.52 * (1 - near) ** 1.5
    if tree.y > layout.horizon + 0.1 or tree.height > 0.07:
        reach = CROWNS[tree.kind].wide * tree.height
        shade = (*ink(air.shadow), 86 if season != "winter" else 74)
        canvas.dab(tree.x - side * reach * 0.55, tree.y, reach * 1.25, 0.10 * reach + 0.004, shade)
        _litter(canvas, tree, season, reach)
    air_colour = haze(layout, air)
    if tree.kind in CONIFERS:
        _conifer(canvas, tree, season, side, veil, air_colour)
    else:
        _leafy(canvas, tree, season, side, veil, air_colour, detail)


def _litter(canvas: Canvas, tree: Tree, season: str, reach: float) -> None:
    """Leaves on the ground in fall, petals in spring under what blossoms."""
    foliage = FOLIAGE[tree.kind]
    if season == "fall" and tree.kind not in ("spruce", "pine"):
        colour = (*ink(foliage.fall), 150)
    elif season == "spring" and foliage.blossom is not None:
        colour = (*ink(mix(foliage.spring, WHITE, 0.3)), 110)
    else:
        return
    for x, y, _, _ in tree.clumps[:12]:
        place = (x if abs(x) < 1 else 0) * 1.5
        canvas.dab(
            tree.x + place * tree.height,
            tree.y + (y - 0.5) * reach * 0.25,
            reach * 0.16,
            reach * 0.045 + 0.001,
            colour,
        )


def leaf_colour(foliage: Foliage, season: str, tone: float) -> Colour:
    """The leaves of one tree: its kind's colour of the season, shifted by its own tone."""
    colour: Colour = getattr(foliage, season)
    if season == "fall" and foliage.fall[0] > foliage.fall[1]:
        return mix(colour, (196, 40, 30) if tone > 0 else (250, 214, 70), 0.28 * abs(tone))
    return mix(colour, (20, 54, 40) if tone > 0 else (236, 240, 150), 0.16 * abs(tone))


def _leafy(canvas: Canvas, tree: Tree, season: str, side: float, veil: float, air: Colour, detail: bool) -> None:
    foliage, crown, size = FOLIAGE[tree.kind], CROWNS[tree.kind], tree.height
    evergreen = tree.kind == "pine"
    bare = season == "winter" and not evergreen
    bark = mix(foliage.bark, air, veil)
    if tree.kind != "bush":
        _trunk(canvas, tree, bark, side, crown.middle + crown.tall * (0.75 if bare else 0.1))
    spots = [
        (
            tree.x + x * size,
            tree.y - y * size,
            radius * size,
            chance,
            (x / crown.wide) * side * 0.6 + (y - crown.middle) / crown.tall * 0.8,
        )
        for x, y, radius, chance in tree.clumps
    ]
    if bare:
        _branches(canvas, tree, spots, foliage, veil, air, side)
        return
    base = leaf_colour(foliage, season, tree.tone)
    veiled, clear = mix(base, air, veil), 1 - veil
    shades = [ink(tinted(veiled, by * clear)) for by in SHADES]
    small = size < 0.1
    flat = 0.62 if evergreen else 0.92
    if evergreen:
        for x, y, radius, _, _ in spots[::3]:
            canvas.stroke([(tree.x, y + radius * 1.5), (x, y)], size * 0.012, ink(bark))
    for x, y, radius, _, lit in spots[::2] if small else spots:
        canvas.dab(
            x - side * radius * 0.12, y + radius * 0.2, radius * 1.22, radius * 1.22 * flat, shades[_step(lit - 0.75)]
        )
    for x, y, radius, chance, lit in spots:
        shade = shades[_step(lit + 0.5 * chance - 0.3)]
        canvas.dab(x + side * radius * 0.08, y - radius * 0.1, radius * 0.92, radius * 0.86 * flat, shade)
    for x, y, radius, chance, lit in spots:
        if lit + chance > (0.5 if small else 0.15):
            shade = shades[_step(lit + 0.4 + 0.3 * chance)]
            canvas.dab(x + side * radius * 0.30, y - radius * 0.34, radius * 0.52, radius * 0.42 * flat, shade)
    if detail:
        _leaves(canvas, spots, shades, side, flat)
    _adorn(canvas, spots, foliage, season, veil, air, side, evergreen)


def _step(lit: float) -> int:
    return min(7, max(0, int(3.9 + lit * 3.2)))


def _leaves(
    canvas: Canvas,
    spots: list[Spot],
    shades: list[tuple[int, int, int]],
    side: float,
    flat: float,
) -> None:
    """Single strokes of leaves, which only show in large pictures."""
    for number, (x, y, radius, chance, lit) in enumerate(spots):
        for turn in range(9):
            angle = 6.28 * chance + 2.4 * turn + number
            far = radius * (0.35 + 0.095 * turn)
            towards = cos(angle) * side * 0.6 - sin(angle) * 0.8
            shade = shades[_step(lit + 0.75 * towards + 0.15)]
            canvas.dab(x + far * cos(angle), y + far * sin(angle) * flat, radius * 0.17, radius * 0.12, shade)


def _adorn(
    canvas: Canvas,
    spots: list[Spot],
    foliage: Foliage,
    season: str,
    veil: float,
    air: Colour,
    side: float,
    evergreen: bool,
) -> None:
    """Blossoms, fruit, and snow on needles."""
    if season == "winter" and evergreen:
        snow, shade = ink(mix(SNOW, air, veil)), ink(mix(SNOW_SHADE, air, veil))
        for x, y, radius, _, lit in spots:
            if lit > -0.5:
                canvas.dab(x, y - radius * 0.35, radius * 0.85, radius * 0.32, shade)
                canvas.dab(x + side * radius * 0.15, y - radius * 0.45, radius * 0.65, radius * 0.22, snow)
        return
    colour, share = (foliage.blossom, 1.0) if season == "spring" else (foliage.fruit, 0.5)
    if colour is None or season == "winter":
        return
    dot = ink(mix(colour, air, veil))
    for x, y, radius, chance, _ in spots:
        if chance < share:
            size = radius * (0.34 if season == "spring" else 0.2)
            canvas.dab(x + (chance - 0.5) * radius, y + (0.5 - chance * 0.8) * radius, size, size, dot)


def _trunk(canvas: Canvas, tree: Tree, bark: Colour, side: float, top: float) -> None:
    size = tree.height
    wide = CROWNS[tree.kind].trunk * size
    if size < 0.1:
        canvas.stroke([(tree.x, tree.y), (tree.x, tree.y - top * size)], wide * 1.8, ink(tinted(bark, -0.15)))
        return
    x, y, lean = tree.x, tree.y, tree.tone * 0.012 * size
    high = y - top * size
    canvas.shape(
        [
            (x - wide * 1.25, y),
            (x - wide * 0.8, y - 0.1 * size),
            (x + lean - wide * 0.3, high),
            (x + lean + wide * 0.3, high),
            (x + wide * 0.8, y - 0.1 * size),
            (x + wide * 1.25, y),
        ],
        ink(tinted(bark, -0.35)),
    )
    lit = side * wide * 0.35
    canvas.shape(
        [(x + lit - wide * 0.5, y), (x + lean + lit * 0.3, high), (x + lit + wide * 0.5, y)], ink(tinted(bark, 0.08))
    )
    if tree.kind == "birch" and size > 0.12:
        for mark in range(5):
            level = y - (0.05 + 0.09 * mark) * size
            canvas.stroke(
                [(x - wide * 0.7, level), (x + (mark % 3 - 1) * wide * 0.3, level)], 0.012 * size, (60, 54, 56)
            )


def _branches(
    canvas: Canvas,
    tree: Tree,
    spots: list[Spot],
    foliage: Foliage,
    veil: float,
    air: Colour,
    side: float,
) -> None:
    crown, size = CROWNS[tree.kind], tree.height
    twig = leaf_colour(foliage, "winter", tree.tone)
    haze_of_twigs = (*ink(mix(twig, air, veil * 0.8)), 66)
    for x, y, radius, _, _ in spots:
        canvas.dab(x, y, radius * 1.15, radius * 1.05, haze_of_twigs)
    dark, light = ink(mix(tinted(twig, -0.35), air, veil)), ink(mix(tinted(twig, 0.05), air, veil))
    foot = crown.middle - crown.tall * 0.9 if tree.kind != "bush" else 0.0
    for x, y, radius, chance, lit in spots:
        up = (tree.y - y) / size
        start = up - (up - foot) * (0.25 + 0.75 * crown.rise)
        start = max(foot, min(start, crown.middle + crown.tall * 0.6))
        root = (tree.x, tree.y - start * size)
        bend = (tree.x + (x - tree.x) * 0.55, root[1] + (y - root[1]) * (0.35 + 0.3 * chance))
        shade = light if lit > 0.1 else dark
        if size < 0.1:
            canvas.stroke([root, (x, y - radius * 0.4)], 0.011 * size, shade)
            continue
        canvas.stroke([root, bend, (x, y)], 0.011 * size * (0.6 + crown.trunk * 12), shade)
        out_x, out_y = (x - tree.x) * 0.25, -radius * 0.6
        for turn in (-0.9, -0.1, 0.8):
            canvas.stroke(
                [(x, y), (x + out_x + turn * radius, y + out_y - (1 - abs(turn)) * radius * 0.6)], 0.006 * size, shade
            )
        if chance > 0.45:
            snow = ink(mix(SNOW, air, veil))
            canvas.dab(x, y - radius * 0.05, radius * 0.30, radius * 0.10, snow)


def _conifer(canvas: Canvas, tree: Tree, season: str, side: float, veil: float, air: Colour) -> None:
    foliage, crown, size = FOLIAGE[tree.kind], CROWNS[tree.kind], tree.height
    x, y = tree.x, tree.y
    bark = mix(foliage.bark, air, veil)
    bare = tree.kind == "larch" and season == "winter"
    _trunk(canvas, tree, bark, side, 0.98 if bare else 0.3)
    base = mix(leaf_colour(foliage, season, tree.tone), air, veil)
    dark, middle, light = tinted(base, -0.38), tinted(base, -0.08), tinted(base, 0.17)
    count = len(tree.clumps)
    foot, top = 0.10, 1.0
    for number, (a, b, _, d) in enumerate(tree.clumps):
        share = number / count
        low = foot + (top - foot) * share
        high = min(top, low + (top - foot) * (1.9 / count) + 0.02)
        wide = crown.wide * (1 - share) ** 0.85 * (0.86 + 0.28 * a) + 0.015
        left, right, bottom = x - wide * size, x + wide * size, y - low * size
        tip, drop = (x + (d - 0.5) * 0.01 * size, y - high * size), 0.035 * size
        if bare:
            _bare_tier(canvas, x, (left, right, bottom, tip[1]), base, size)
            continue
        middles = [left + (right - left) * t for t in (0.22, 0.42 + 0.1 * b, 0.66, 0.84)]
        edge = [
            (left, bottom - drop * 0.2),
            (middles[0], bottom - drop * 0.9),
            (middles[1], bottom + drop * 0.5),
            (middles[2], bottom - drop * 0.5),
            (right, bottom - drop * 0.2),
        ]
        canvas.shape([*edge, tip], ink(dark))
        sunny = right if side > 0 else left
        half = [
            (sunny, bottom - drop * 0.3),
            (x + side * wide * 0.25 * size, bottom - drop * 0.4),
            (x - side * wide * 0.15 * size, bottom - drop * 1.5),
            tip,
        ]
        canvas.shape(half, ink(middle))
        rim = [(sunny, bottom - drop * 0.3), (x + side * wide * 0.6 * size, bottom - drop * 0.6), tip]
        canvas.shape(rim, ink(light))
        if season == "winter":
            _tier_snow(canvas, x, (left, right, bottom, tip[1]), side, veil, air)


def _tier_snow(
    canvas: Canvas, x: float, box: tuple[float, float, float, float], side: float, veil: float, air: Colour
) -> None:
    left, right, bottom, top = box
    tall = bottom - top
    shade, snow = ink(mix(SNOW_SHADE, air, veil)), ink(mix(SNOW, air, veil))
    sunny = right if side > 0 else left
    other = left if side > 0 else right
    canvas.shape(
        [
            (x, top),
            (other * 0.92 + x * 0.08, bottom - tall * 0.12),
            (other * 0.5 + x * 0.5, bottom - tall * 0.3),
            (x, bottom - tall * 0.42),
        ],
        shade,
    )
    canvas.shape(
        [
            (x, top),
            (sunny * 0.96 + x * 0.04, bottom - tall * 0.10),
            (sunny * 0.55 + x * 0.45, bottom - tall * 0.24),
            (x - side * 0.002, bottom - tall * 0.48),
        ],
        snow,
    )


def _bare_tier(canvas: Canvas, x: float, box: tuple[float, float, float, float], twig: Colour, size: float) -> None:
    left, right, bottom, top = box
    canvas.shape([(left, bottom), (x, top), (right, bottom)], (*ink(twig), 96))
    for share in (1.0, 0.6):
        level = bottom + (top - bottom) * (1 - share) * 0.8
        canvas.stroke(
            [(x + (left - x) * share, level), (x, level - 0.02 * size), (x + (right - x) * share, level)],
            0.008 * size,
            ink(tinted(twig, -0.3)),
        )


def _lake(canvas: Canvas, lake: Lake, layout: Layout, season: str, air: Air) -> None:
    side = canvas.side
    shore = [(x, y) for x, y in lake.shore]
    top = min(y for _, y in shore)
    bottom = min(1.0, max(y for _, y in shore))
    rim = tinted(air.meadow, -0.2) if season != "winter" else mix(SNOW_SHADE, air.shadow, 0.25)
    canvas.shape([(lake.x + (x - lake.x) * 1.03, y + 0.004 + (y - lake.y) * 0.04) for x, y in shore], ink(rim))
    high, low = round(top * side), round(bottom * side)
    tall = max(1, low - high)
    band = canvas.picture.crop((0, max(0, high - int(tall * 1.9)), side, high))
    band = band.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((side, tall), Image.Resampling.BILINEAR)
    still = 0.62 if season == "winter" else 0.36
    band = Image.blend(band, Image.new("RGB", band.size, ink(mix(air.water, haze(layout, air), 0.15))), still)
    mask = Image.new("L", band.size, 0)
    ImageDraw.Draw(mask).polygon([(x * side, y * side - high) for x, y in shore], 255)
    canvas.picture.paste(band, (0, high), mask)
    for a, b, c, d in lake.marks:
        reach = 0.75 * (1 - (2 * b - 1) ** 2) ** 0.5
        x, y = lake.x + (2 * a - 1) * lake.wide * reach, lake.y + (2 * b - 1) * lake.tall * 0.8
        if season == "winter":
            _ice(canvas, x, y, lake, c, d)
        else:
            wide = lake.wide * (0.10 + 0.14 * c) * (0.3 + reach)
            canvas.dab(x, y, wide, 0.0022, (*ink(mix(haze(layout, air), WHITE, 0.4)), 120))


def _ice(canvas: Canvas, x: float, y: float, lake: Lake, c: float, d: float) -> None:
    """Drifts of snow and cracks."""
    if d < 0.5:
        canvas.dab(x, y, lake.wide * (0.08 + 0.14 * c), lake.tall * 0.09, (*ink(SNOW), 190))
    else:
        far = lake.wide * 0.22
        points = [(x - far * c, y - 0.012 * d), (x, y), (x + far * (1 - c), y + 0.016 * (c - 0.4))]
        canvas.stroke(points, 0.0035, (236, 246, 252, 200))


def _house(canvas: Canvas, house: House, layout: Layout, season: str, air: Air) -> None:
    x, y, size, turn, side = house.x, house.y, house.size, house.turn, layout.light.side
    roof, wall = ROOFS[house.roof]
    wall = mix(wall, SUNLIGHT, 0.10 * layout.light.warmth)
    tall, front, back = size * 0.62, size * 0.42, size * 0.95
    gable, eave = y - tall * 1.62, y - tall * 0.88
    corner = x - turn * 0.25 * size
    near, far = corner - turn * front * 2, corner + turn * back
    canvas.dab(x - side * size * 0.5, y + 0.006, size * 1.5, 0.016, (*ink(air.shadow), 80))
    gable_lit, long_lit = (0.10, -0.30) if turn * side < 0 else (-0.30, 0.10)
    peak = (corner - turn * front, gable)
    canvas.shape([(near, y), (near, eave), peak, (corner, eave), (corner, y + 0.004)], ink(tinted(wall, gable_lit)))
    canvas.shape([(corner, y + 0.004), (corner, eave), (far, eave), (far, y - 0.004)], ink(tinted(wall, long_lit)))
    chimney = corner + turn * back * 0.45
    canvas.shape(
        [
            (chimney - size * 0.07, gable + size * 0.1),
            (chimney - size * 0.07, gable - size * 0.2),
            (chimney + size * 0.07, gable - size * 0.2),
            (chimney + size * 0.07, gable + size * 0.1),
        ],
        ink(tinted(roof, -0.35)),
    )
    over = turn * size * 0.08
    ridge = (far + over * 0.2, gable + size * 0.015)
    covered = season == "winter"
    top = (
        mix(SNOW, SNOW_SHADE, 0.1 if long_lit > 0 else 0.6)
        if covered
        else tinted(roof, 0.12 if long_lit > 0 else -0.22)
    )
    eaves = [(far + over, eave + size * 0.08), (corner + over * 0.2, eave + size * 0.10)]
    canvas.shape([peak, ridge, *eaves], ink(tinted(roof, -0.2)))
    thick = size * (0.05 if covered else 0.0)
    canvas.shape(
        [(peak[0], peak[1] - thick), (ridge[0], ridge[1] - thick), *[(a, b - thick) for a, b in eaves]], ink(top)
    )
    trim = SNOW if covered else tinted(roof, -0.05)
    canvas.stroke([(near - over, eave + size * 0.10), (peak[0], peak[1] - thick), eaves[1]], size * 0.075, ink(trim))
    if covered:
        canvas.dab(chimney, gable - size * 0.2, size * 0.09, size * 0.035, ink(SNOW))
    glass = (255, 214, 120) if season in ("winter", "fall") else (86, 112, 136)
    for share in (0.28, 0.68):
        wx, wy = corner + turn * back * share, y - tall * 0.42
        canvas.shape(
            [
                (wx - size * 0.09, wy - size * 0.1),
                (wx + size * 0.09, wy - size * 0.1),
                (wx + size * 0.09, wy + size * 0.08),
                (wx - size * 0.09, wy + size * 0.08),
            ],
            glass,
        )
    door = corner - turn * front
    canvas.shape(
        [
            (door - size * 0.11, y),
            (door - size * 0.11, y - tall * 0.55),
            (door + size * 0.11, y - tall * 0.55),
            (door + size * 0.11, y),
        ],
        ink(tinted(roof, -0.45)),
    )


def _path(canvas: Canvas, house: House, air: Air) -> None:
    """From the door to the lower edge, wider as it comes nearer."""
    start = house.x - house.turn * house.size * 0.67
    left, right = [], []
    for step in range(13):
        t = step / 12
        x = start + (0.5 - start) * (1.5 * t * t - 0.5 * t) + 0.05 * sin(7 * t) * t
        y = house.y + (1.01 - house.y) * t
        wide = 0.010 + 0.075 * t**1.4
        left.append((x - wide, y))
        right.append((x + wide, y))
    canvas.shape(left + right[::-1], (*ink(tinted(air.path, -0.12)), 235))
    inner = [(a + 0.12 * (b - a), y) for (a, y), (b, _) in zip(left, right, strict=True)]
    outer = [(b - 0.22 * (b - a), y) for (a, _), (b, y) in zip(left, right, strict=True)]
    canvas.shape(inner + outer[::-1], (*ink(air.path), 220))


def _grass(canvas: Canvas, layout: Layout, season: str, air: Air) -> None:
    """Single blades, which only show in large pictures."""
    light, dark = mix(air.meadow_far, air.patch, 0.3), mix(air.meadow, air.shadow, 0.35)
    alpha = 70 if season == "winter" else 105
    for blade in range(420):
        x, t = (blade * 0.618034) % 1, ((blade * 0.754878) % 1) ** 0.8
        line = at(layout.hills[2], x)
        y = line + 0.02 + (0.99 - line) * t
        tall, lean = 0.005 + 0.016 * t, 0.006 * sin(blade)
        colour = (*ink(light if blade % 2 else dark), alpha)
        canvas.stroke([(x, y), (x + lean, y - tall)], 0.0022, colour)


def _stone(canvas: Canvas, x: float, y: float, size: float, chance: float, side: float, season: str, air: Air) -> None:
    tall = size * (0.55 + 0.2 * chance)
    canvas.dab(x - side * size * 0.5, y + tall * 0.35, size * 1.5, tall * 0.4, (*ink(air.shadow), 80))
    outline = [
        (x - size, y + tall * 0.4),
        (x - size * 0.7, y - tall * 0.5),
        (x - size * 0.1, y - tall),
        (x + size * 0.6, y - tall * 0.7),
        (x + size, y + tall * 0.4),
    ]
    canvas.shape(outline, ink(tinted(air.stone, -0.25)))
    lit = [
        (x + side * size * 0.9, y + tall * 0.2),
        (x + side * size * 0.55, y - tall * 0.6),
        (x - side * size * 0.1, y - tall * 0.95),
        (x + side * size * 0.1, y - tall * 0.1),
    ]
    canvas.shape(lit, ink(tinted(air.stone, 0.18)))
    if season == "winter":
        canvas.dab(x, y - tall * 0.66, size * 0.78, tall * 0.36, ink(SNOW))
    elif season == "spring":
        canvas.dab(x - side * size * 0.4, y - tall * 0.1, size * 0.35, tall * 0.3, (104, 148, 70))


def _tuft(canvas: Canvas, x: float, y: float, size: float, kind: int, chance: float, season: str) -> None:
    stalk = {"spring": (74, 146, 52), "summer": (44, 104, 36), "fall": (122, 90, 44), "winter": (158, 146, 136)}[season]
    for lean in (-0.8, 0.0, 0.9) if size > 0.007 else (0.1,):
        canvas.stroke([(x, y), (x + lean * size * 0.6, y - size * (1.5 - abs(lean) * 0.4))], size * 0.22, stalk)
    if season in ("spring", "summer"):
        colour = ink(FLOWERS[kind][season == "summer"])
        if season == "spring" or chance < 0.6:
            canvas.dab(x + (chance - 0.5) * size, y - size * 1.2, size * 0.55, size * 0.48, colour)
            canvas.dab(x + (0.5 - chance) * size * 1.8, y - size * 0.6, size * 0.42, size * 0.36, colour)
    elif season == "fall":
        canvas.dab(x + (chance - 0.5) * size, y - size * 0.9, size * 0.5, size * 0.3, (206, 150, 62))
    else:
        canvas.dab(x, y, size * 1.1, size * 0.35, (255, 255, 255))

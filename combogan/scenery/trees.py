"""Trees and bushes of a drawn landscape: leaves, blossoms, bare branches and snow."""

from math import cos, sin

from combogan.scenery.canvas import WHITE, Canvas, ink, tinted
from combogan.scenery.colours import AIR, FOLIAGE, SNOW, SNOW_SHADE, Colour, Foliage, mix
from combogan.scenery.labels import UNDER_SNOW, Label
from combogan.scenery.land import haze
from combogan.scenery.layout import CONIFERS, CROWNS, Crown, Layout, Tree

SHADES = (-0.55, -0.42, -0.28, -0.14, 0.0, 0.12, 0.26, 0.40)
"""Tints of a crown, from the side away from the sun to the side that faces it."""
Spot = tuple[float, float, float, float, float]
"""A clump of leaves in the picture: x, y, radius, chance, and how much it faces the sun."""


def draw_tree(canvas: Canvas, tree: Tree, layout: Layout, season: str, detail: bool) -> None:
    """Draw one tree or bush, its shadow, and the leaves or petals below it."""
    air = AIR[season]
    side = layout.light.side
    near = min(1.0, max(0.0, (tree.y - layout.horizon) / 0.26))
    veil = 0.52 * (1 - near) ** 1.5
    if tree.y > layout.horizon + 0.1 or tree.height > 0.07:
        reach = CROWNS[tree.kind].wide * tree.height
        shade = (*ink(air.shadow), 86 if season != "winter" else 74)
        canvas.ellipse(tree.x - side * reach * 0.55, tree.y, reach * 1.25, 0.10 * reach + 0.004, shade)
        _litter(canvas, tree, season, reach)
    air_colour = haze(layout, air)
    canvas.label = Label.TREE
    if tree.kind in CONIFERS:
        _conifer(canvas, tree, season, side, veil, air_colour, detail)
    else:
        _leafy(canvas, tree, season, side, veil, air_colour, detail)


def _litter(canvas: Canvas, tree: Tree, season: str, reach: float) -> None:
    """Leaves on the ground in fall, petals in spring under blossoming trees."""
    foliage = FOLIAGE[tree.kind]
    if season == "fall" and tree.kind not in ("spruce", "pine"):
        colour = (*ink(foliage.fall), 150)
    elif season == "spring" and foliage.blossom is not None:
        colour = (*ink(mix(foliage.spring, WHITE, 0.3)), 110)
    else:
        return
    for x, y, _, _ in tree.clumps[:12]:
        place = (x if abs(x) < 1 else 0) * 1.5
        canvas.ellipse(
            tree.x + place * tree.height, tree.y + (y - 0.5) * reach * 0.25, reach * 0.16, reach * 0.045 + 0.001, colour
        )


def leaf_colour(foliage: Foliage, season: str, tone: float) -> Colour:
    """The leaves of one tree: the colour of its kind in the season, shifted by the tree's tone."""
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
    spots = _spots(tree, crown, side)
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
            canvas.line([(tree.x, y + radius * 1.5), (x, y)], size * 0.012, ink(bark))
    for x, y, radius, _, lit in spots[::2] if small else spots:
        canvas.ellipse(
            x - side * radius * 0.12, y + radius * 0.2, radius * 1.22, radius * 1.22 * flat, shades[_step(lit - 0.75)]
        )
    for x, y, radius, chance, lit in spots:
        shade = shades[_step(lit + 0.5 * chance - 0.3)]
        canvas.ellipse(x + side * radius * 0.08, y - radius * 0.1, radius * 0.92, radius * 0.86 * flat, shade)
    for x, y, radius, chance, lit in spots:
        if lit + chance > (0.5 if small else 0.15):
            shade = shades[_step(lit + 0.4 + 0.3 * chance)]
            canvas.ellipse(x + side * radius * 0.30, y - radius * 0.34, radius * 0.52, radius * 0.42 * flat, shade)
    if detail:
        _leaves(canvas, spots, shades, side, flat)
    _adorn(canvas, spots, foliage, season, veil, air, side, evergreen)


def _spots(tree: Tree, crown: Crown, side: float) -> list[Spot]:
    spots = []
    for x, y, radius, chance in tree.clumps:
        lit = (x / crown.wide) * side * 0.6 + (y - crown.middle) / crown.tall * 0.8
        spots.append((tree.x + x * tree.height, tree.y - y * tree.height, radius * tree.height, chance, lit))
    return spots


def _step(lit: float) -> int:
    return min(7, max(0, int(3.9 + lit * 3.2)))


def _leaves(canvas: Canvas, spots: list[Spot], shades: list[tuple[int, int, int]], side: float, flat: float) -> None:
    """Single strokes of leaves, which only show in large pictures."""
    for number, (x, y, radius, chance, lit) in enumerate(spots):
        for turn in range(9):
            angle = 6.28 * chance + 2.4 * turn + number
            far = radius * (0.35 + 0.095 * turn)
            towards = cos(angle) * side * 0.6 - sin(angle) * 0.8
            shade = shades[_step(lit + 0.75 * towards + 0.15)]
            canvas.ellipse(x + far * cos(angle), y + far * sin(angle) * flat, radius * 0.17, radius * 0.12, shade)


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
        canvas.label = UNDER_SNOW[Label.TREE]
        for x, y, radius, _, lit in spots:
            if lit > -0.5:
                canvas.ellipse(x, y - radius * 0.35, radius * 0.85, radius * 0.32, shade)
                canvas.ellipse(x + side * radius * 0.15, y - radius * 0.45, radius * 0.65, radius * 0.22, snow)
        return
    colour, share = (foliage.blossom, 1.0) if season == "spring" else (foliage.fruit, 0.5)
    if colour is None or season == "winter":
        return
    dot = ink(mix(colour, air, veil))
    for x, y, radius, chance, _ in spots:
        if chance < share:
            size = radius * (0.34 if season == "spring" else 0.2)
            canvas.ellipse(x + (chance - 0.5) * radius, y + (0.5 - chance * 0.8) * radius, size, size, dot)


def _trunk(canvas: Canvas, tree: Tree, bark: Colour, side: float, top: float) -> None:
    size = tree.height
    wide = CROWNS[tree.kind].trunk * size
    if size < 0.1:
        canvas.line([(tree.x, tree.y), (tree.x, tree.y - top * size)], wide * 1.8, ink(tinted(bark, -0.15)))
        return
    x, y, lean = tree.x, tree.y, tree.tone * 0.012 * size
    high = y - top * size
    canvas.polygon(
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
    canvas.polygon(
        [(x + lit - wide * 0.5, y), (x + lean + lit * 0.3, high), (x + lit + wide * 0.5, y)], ink(tinted(bark, 0.08))
    )
    if tree.kind == "birch" and size > 0.12:
        for mark in range(5):
            level = y - (0.05 + 0.09 * mark) * size
            canvas.line([(x - wide * 0.7, level), (x + (mark % 3 - 1) * wide * 0.3, level)], 0.012 * size, (60, 54, 56))


def _branches(
    canvas: Canvas, tree: Tree, spots: list[Spot], foliage: Foliage, veil: float, air: Colour, side: float
) -> None:
    crown, size = CROWNS[tree.kind], tree.height
    twig = leaf_colour(foliage, "winter", tree.tone)
    haze_of_twigs = (*ink(mix(twig, air, veil * 0.8)), 66)
    for x, y, radius, _, _ in spots:
        canvas.ellipse(x, y, radius * 1.15, radius * 1.05, haze_of_twigs)
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
            canvas.line([root, (x, y - radius * 0.4)], 0.011 * size, shade)
            continue
        canvas.line([root, bend, (x, y)], 0.011 * size * (0.6 + crown.trunk * 12), shade)
        out_x, out_y = (x - tree.x) * 0.25, -radius * 0.6
        for turn in (-0.9, -0.1, 0.8):
            canvas.line(
                [(x, y), (x + out_x + turn * radius, y + out_y - (1 - abs(turn)) * radius * 0.6)], 0.006 * size, shade
            )
        if chance > 0.45:
            snow = ink(mix(SNOW, air, veil))
            canvas.label = UNDER_SNOW[Label.TREE]
            canvas.ellipse(x, y - radius * 0.05, radius * 0.30, radius * 0.10, snow)
            canvas.label = Label.TREE


def _conifer(canvas: Canvas, tree: Tree, season: str, side: float, veil: float, air: Colour, detail: bool) -> None:
    foliage, crown, size = FOLIAGE[tree.kind], CROWNS[tree.kind], tree.height
    x, y = tree.x, tree.y
    bare = tree.kind == "larch" and season == "winter"
    _trunk(canvas, tree, mix(foliage.bark, air, veil), side, 0.98 if bare else 0.3)
    base = mix(leaf_colour(foliage, season, tree.tone), air, veil)
    dark, middle, light = tinted(base, -0.38), tinted(base, -0.08), tinted(base, 0.17)
    count, foot, top = len(tree.clumps), 0.10, 1.0
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
        canvas.polygon([*edge, tip], ink(dark))
        sunny = right if side > 0 else left
        half = [
            (sunny, bottom - drop * 0.3),
            (x + side * wide * 0.25 * size, bottom - drop * 0.4),
            (x - side * wide * 0.15 * size, bottom - drop * 1.5),
            tip,
        ]
        canvas.polygon(half, ink(middle))
        canvas.polygon([half[0], (x + side * wide * 0.6 * size, bottom - drop * 0.6), tip], ink(light))
        if detail:
            _needles(canvas, (left, right, bottom, tip[1]), (dark, middle, light), side, d)
        if season == "winter":
            canvas.label = UNDER_SNOW[Label.TREE]
            _tier_snow(canvas, x, (left, right, bottom, tip[1]), side, veil, air)
            canvas.label = Label.TREE


def _needles(
    canvas: Canvas,
    box: tuple[float, float, float, float],
    shades: tuple[Colour, Colour, Colour],
    side: float,
    chance: float,
) -> None:
    """Boughs of one tier, which only show in large pictures."""
    left, right, bottom, top = box
    middle, tall = (left + right) / 2, bottom - top
    for number in range(16):
        across = ((number * 0.618 + chance) % 1) * 2 - 1
        down = 0.55 + 0.40 * ((number * 0.755 + chance) % 1)
        x, y = middle + across * (right - middle) * down * 0.9, top + tall * down
        lit = min(2, max(0, int(1.5 + across * side + 0.5 * (number % 3 - 1))))
        end = (x + across * tall * 0.10, y + tall * 0.10)
        canvas.line([(x, y), end], tall * 0.035, ink(tinted(shades[lit], 0.07 if number % 2 else -0.08)))


def _tier_snow(
    canvas: Canvas, x: float, box: tuple[float, float, float, float], side: float, veil: float, air: Colour
) -> None:
    left, right, bottom, top = box
    tall = bottom - top
    shade, snow = ink(mix(SNOW_SHADE, air, veil)), ink(mix(SNOW, air, veil))
    sunny = right if side > 0 else left
    other = left if side > 0 else right
    canvas.polygon(
        [
            (x, top),
            (other * 0.92 + x * 0.08, bottom - tall * 0.12),
            (other * 0.5 + x * 0.5, bottom - tall * 0.3),
            (x, bottom - tall * 0.42),
        ],
        shade,
    )
    canvas.polygon(
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
    tall = bottom - top
    canvas.polygon([(left, bottom), (x, top), (right, bottom)], (*ink(twig), 72))
    shade = ink(tinted(twig, -0.3))
    for share, down in ((1.0, 1.0), (0.72, 0.82), (0.5, 0.62)) if size > 0.1 else ((1.0, 0.9),):
        level = top + tall * down
        ends = (x + (left - x) * share, level), (x + (right - x) * share, level - 0.12 * tall)
        canvas.line([ends[0], (x, level - 0.3 * tall), ends[1]], 0.006 * size, shade)

"""The things in a drawn landscape, drawn far to near: trees, a lake, a house, a path, stones and tufts.

Everything is drawn larger than the picture and reduced afterwards, which smooths the edges.
"""

from collections.abc import Callable
from functools import partial
from math import sin

from PIL import Image, ImageDraw

from combogan.scenery.canvas import WHITE, Canvas, ink, tinted
from combogan.scenery.colours import AIR, FLOWERS, ROOFS, SNOW, SNOW_SHADE, Air, mix
from combogan.scenery.labels import UNDER_SNOW, Label
from combogan.scenery.land import SUNLIGHT, haze
from combogan.scenery.layout import House, Lake, Layout, at
from combogan.scenery.trees import draw_tree


def draw_things(
    picture: Image.Image, layout: Layout, season: str, detail: bool, labels: Image.Image | None = None
) -> None:
    """Draw on `picture`, the land of the scene, in place. `detail` adds what only large pictures can show.

    `labels` is the label map of the land, on which things are drawn too.
    """
    air = AIR[season]
    canvas = Canvas(picture, picture.width, labels)
    lake, house = layout.lake, layout.house
    if house is not None and lake is None:
        _path(canvas, house, air)
    canvas.label = None
    if detail:
        _grass(canvas, layout, season, air)
    waiting: list[tuple[float, Callable[[], None]]] = []
    for tree in layout.trees:
        waiting.append((tree.y, partial(draw_tree, canvas, tree, layout, season, detail)))
    for x, y, size, chance in layout.stones:
        waiting.append((y, partial(_stone, canvas, x, y, size, chance, layout.light.side, season, air)))
    for x, y, size, kind, chance in layout.tufts:
        waiting.append((y, partial(_tuft, canvas, x, y, size, int(kind), chance, season)))
    if house is not None:
        waiting.append((house.y, partial(_house, canvas, house, layout, season, air)))
    if lake is not None:
        waiting.append((lake.y - lake.tall + 0.005, partial(_lake, canvas, lake, layout, season, air)))
    for _, drawing in sorted(waiting, key=lambda item: item[0]):
        canvas.label = None
        drawing()


def _lake(canvas: Canvas, lake: Lake, layout: Layout, season: str, air: Air) -> None:
    side = canvas.side
    shore = [(x, y) for x, y in lake.shore]
    top = min(y for _, y in shore)
    bottom = min(1.0, max(y for _, y in shore))
    frozen = season == "winter"
    canvas.label = UNDER_SNOW[Label.MEADOW] if frozen else Label.MEADOW
    rim = tinted(air.meadow, -0.2) if not frozen else mix(SNOW_SHADE, air.shadow, 0.25)
    canvas.polygon([(lake.x + (x - lake.x) * 1.03, y + 0.004 + (y - lake.y) * 0.04) for x, y in shore], ink(rim))
    high, low = round(top * side), round(bottom * side)
    tall = max(1, low - high)
    band = canvas.picture.crop((0, max(0, high - int(tall * 1.9)), side, high))
    band = band.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((side, tall), Image.Resampling.BILINEAR)
    still = 0.62 if frozen else 0.36
    band = Image.blend(band, Image.new("RGB", band.size, ink(mix(air.water, haze(layout, air), 0.15))), still)
    mask = Image.new("L", band.size, 0)
    ImageDraw.Draw(mask).polygon([(x * side, y * side - high) for x, y in shore], 255)
    canvas.picture.paste(band, (0, high), mask)
    canvas.label = Label.ICE if frozen else Label.WATER
    if canvas.labels is not None:
        canvas.labels.paste(int(canvas.label), (0, high, side, high + tall), mask)
    for a, b, c, d in lake.marks:
        reach = 0.75 * (1 - (2 * b - 1) ** 2) ** 0.5
        x, y = lake.x + (2 * a - 1) * lake.wide * reach, lake.y + (2 * b - 1) * lake.tall * 0.8
        if frozen:
            _ice(canvas, x, y, lake, c, d)
        else:
            wide = lake.wide * (0.10 + 0.14 * c) * (0.3 + reach)
            canvas.ellipse(x, y, wide, 0.0022, (*ink(mix(haze(layout, air), WHITE, 0.4)), 120))


def _ice(canvas: Canvas, x: float, y: float, lake: Lake, c: float, d: float) -> None:
    """Drifts of snow and cracks."""
    if d < 0.5:
        canvas.ellipse(x, y, lake.wide * (0.08 + 0.14 * c), lake.tall * 0.09, (*ink(SNOW), 190))
    else:
        far = lake.wide * 0.22
        points = [(x - far * c, y - 0.012 * d), (x, y), (x + far * (1 - c), y + 0.016 * (c - 0.4))]
        canvas.line(points, 0.0035, (236, 246, 252, 200))


def _house(canvas: Canvas, house: House, layout: Layout, season: str, air: Air) -> None:
    x, y, size, turn, side = house.x, house.y, house.size, house.turn, layout.light.side
    roof, wall = ROOFS[house.roof]
    wall = mix(wall, SUNLIGHT, 0.10 * layout.light.warmth)
    tall, front, back = size * 0.62, size * 0.42, size * 0.95
    gable, eave = y - tall * 1.62, y - tall * 0.88
    corner = x - turn * 0.25 * size
    near, far = corner - turn * front * 2, corner + turn * back
    canvas.ellipse(x - side * size * 0.5, y + 0.006, size * 1.5, 0.016, (*ink(air.shadow), 80))
    canvas.label = Label.HOUSE
    gable_lit, long_lit = (0.10, -0.30) if turn * side < 0 else (-0.30, 0.10)
    peak = (corner - turn * front, gable)
    canvas.polygon([(near, y), (near, eave), peak, (corner, eave), (corner, y + 0.004)], ink(tinted(wall, gable_lit)))
    canvas.polygon([(corner, y + 0.004), (corner, eave), (far, eave), (far, y - 0.004)], ink(tinted(wall, long_lit)))
    chimney = corner + turn * back * 0.45
    shade = ink(tinted(roof, -0.35))
    canvas.polygon(_box(chimney, size * 0.07, top=gable - size * 0.2, foot=gable + size * 0.1), shade)
    over = turn * size * 0.08
    ridge = (far + over * 0.2, gable + size * 0.015)
    covered = season == "winter"
    top = (
        mix(SNOW, SNOW_SHADE, 0.1 if long_lit > 0 else 0.6)
        if covered
        else tinted(roof, 0.12 if long_lit > 0 else -0.22)
    )
    eaves = [(far + over, eave + size * 0.08), (corner + over * 0.2, eave + size * 0.10)]
    canvas.polygon([peak, ridge, *eaves], ink(tinted(roof, -0.2)))
    canvas.label = UNDER_SNOW[Label.HOUSE] if covered else Label.HOUSE
    thick = size * (0.05 if covered else 0.0)
    canvas.polygon(
        [(peak[0], peak[1] - thick), (ridge[0], ridge[1] - thick), *[(a, b - thick) for a, b in eaves]], ink(top)
    )
    trim = SNOW if covered else tinted(roof, -0.05)
    canvas.line([(near - over, eave + size * 0.10), (peak[0], peak[1] - thick), eaves[1]], size * 0.075, ink(trim))
    if covered:
        canvas.ellipse(chimney, gable - size * 0.2, size * 0.09, size * 0.035, ink(SNOW))
    canvas.label = Label.HOUSE
    glass = (255, 214, 120) if season in ("winter", "fall") else (86, 112, 136)
    for share in (0.28, 0.68):
        wx, wy = corner + turn * back * share, y - tall * 0.42
        canvas.polygon(_box(wx, size * 0.09, top=wy - size * 0.1, foot=wy + size * 0.08), glass)
    door = corner - turn * front
    canvas.polygon(_box(door, size * 0.11, top=y - tall * 0.55, foot=y), ink(tinted(roof, -0.45)))


def _box(middle: float, half: float, *, top: float, foot: float) -> list[tuple[float, float]]:
    """The corners of an upright rectangle, half of its width to either side of its middle."""
    return [(middle - half, foot), (middle - half, top), (middle + half, top), (middle + half, foot)]


def _path(canvas: Canvas, house: House, air: Air) -> None:
    """From the door to the lower edge, wider as it comes nearer."""
    canvas.label = Label.PATH
    start = house.x - house.turn * house.size * 0.67
    left, right = [], []
    for step in range(13):
        t = step / 12
        x = start + (0.5 - start) * (1.5 * t * t - 0.5 * t) + 0.05 * sin(7 * t) * t
        y = house.y + (1.01 - house.y) * t
        wide = 0.010 + 0.075 * t**1.4
        left.append((x - wide, y))
        right.append((x + wide, y))
    canvas.polygon(left + right[::-1], (*ink(tinted(air.path, -0.12)), 235))
    inner = [(a + 0.12 * (b - a), y) for (a, y), (b, _) in zip(left, right, strict=True)]
    outer = [(b - 0.22 * (b - a), y) for (a, _), (b, y) in zip(left, right, strict=True)]
    canvas.polygon(inner + outer[::-1], (*ink(air.path), 220))


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
        canvas.line([(x, y), (x + lean, y - tall)], 0.0022, colour)


def _stone(canvas: Canvas, x: float, y: float, size: float, chance: float, side: float, season: str, air: Air) -> None:
    tall = size * (0.55 + 0.2 * chance)
    canvas.ellipse(x - side * size * 0.5, y + tall * 0.35, size * 1.5, tall * 0.4, (*ink(air.shadow), 80))
    canvas.label = Label.STONE
    outline = [
        (x - size, y + tall * 0.4),
        (x - size * 0.7, y - tall * 0.5),
        (x - size * 0.1, y - tall),
        (x + size * 0.6, y - tall * 0.7),
        (x + size, y + tall * 0.4),
    ]
    canvas.polygon(outline, ink(tinted(air.stone, -0.25)))
    lit = [
        (x + side * size * 0.9, y + tall * 0.2),
        (x + side * size * 0.55, y - tall * 0.6),
        (x - side * size * 0.1, y - tall * 0.95),
        (x + side * size * 0.1, y - tall * 0.1),
    ]
    canvas.polygon(lit, ink(tinted(air.stone, 0.18)))
    if season == "winter":
        canvas.label = UNDER_SNOW[Label.STONE]
        canvas.ellipse(x, y - tall * 0.66, size * 0.78, tall * 0.36, ink(SNOW))
    elif season == "spring":
        canvas.ellipse(x - side * size * 0.4, y - tall * 0.1, size * 0.35, tall * 0.3, (104, 148, 70))


def _tuft(canvas: Canvas, x: float, y: float, size: float, kind: int, chance: float, season: str) -> None:
    canvas.label = UNDER_SNOW[Label.MEADOW] if season == "winter" else Label.MEADOW
    stalk = {"spring": (74, 146, 52), "summer": (44, 104, 36), "fall": (122, 90, 44), "winter": (158, 146, 136)}[season]
    for lean in (-0.8, 0.0, 0.9) if size > 0.007 else (0.1,):
        canvas.line([(x, y), (x + lean * size * 0.6, y - size * (1.5 - abs(lean) * 0.4))], size * 0.22, stalk)
    if season in ("spring", "summer"):
        colour = ink(FLOWERS[kind][season == "summer"])
        if season == "spring" or chance < 0.6:
            canvas.ellipse(x + (chance - 0.5) * size, y - size * 1.2, size * 0.55, size * 0.48, colour)
            canvas.ellipse(x + (0.5 - chance) * size * 1.8, y - size * 0.6, size * 0.42, size * 0.36, colour)
    elif season == "fall":
        canvas.ellipse(x + (chance - 0.5) * size, y - size * 0.9, size * 0.5, size * 0.3, (206, 150, 62))
    else:
        canvas.ellipse(x, y, size * 1.1, size * 0.35, (255, 255, 255))

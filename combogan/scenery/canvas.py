"""Shapes drawn on a picture of any size, in coordinates that are shares of its side (0..1)."""

from dataclasses import dataclass

from PIL import Image, ImageDraw

from combogan.scenery.colours import Colour, mix

WHITE: Colour = (255, 255, 255)


def ink(colour: Colour) -> tuple[int, int, int]:
    return (int(colour[0] + 0.5), int(colour[1] + 0.5), int(colour[2] + 0.5))


def tinted(colour: Colour, by: float) -> Colour:
    """Darker and cooler below 0, lighter and warmer above."""
    if by < 0:
        return mix(colour, (18, 30, 62), -by)
    return mix(colour, (255, 244, 190), by)


@dataclass
class Canvas:
    """A picture to draw on; `side` is in pixels. Colours have three numbers, or a fourth for opacity in 0..255."""

    picture: Image.Image
    side: int

    def __post_init__(self) -> None:
        self.opaque = ImageDraw.Draw(self.picture, "RGB")
        self.translucent = ImageDraw.Draw(self.picture, "RGBA")

    def ellipse(self, x: float, y: float, wide: float, tall: float, colour: tuple[int, ...]) -> None:
        side = self.side
        draw = self.opaque if len(colour) == 3 else self.translucent
        draw.ellipse(((x - wide) * side, (y - tall) * side, (x + wide) * side, (y + tall) * side), colour)

    def polygon(self, points: list[tuple[float, float]], colour: tuple[int, ...]) -> None:
        side = self.side
        draw = self.opaque if len(colour) == 3 else self.translucent
        draw.polygon([(x * side, y * side) for x, y in points], colour)

    def line(self, points: list[tuple[float, float]], wide: float, colour: tuple[int, ...]) -> None:
        side = self.side
        draw = self.opaque if len(colour) == 3 else self.translucent
        draw.line([(x * side, y * side) for x, y in points], colour, max(1, round(wide * side)))

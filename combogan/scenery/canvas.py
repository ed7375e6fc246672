"""Shapes and colours on a picture, in shares of its side, whatever its size."""

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

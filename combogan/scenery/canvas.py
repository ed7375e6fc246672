"""Shapes drawn on a picture of any size, in coordinates that are shares of its side (0..1)."""

from collections.abc import Iterator
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
    labels: Image.Image | None = None
    """A label map of the same size, of one byte per pixel, on which every shape is drawn too, as `label`."""
    label: int | None = None
    """The class of the shapes that follow; None where they only tint what is there, as shadows do."""

    def __post_init__(self) -> None:
        self.opaque = ImageDraw.Draw(self.picture, "RGB")
        self.translucent = ImageDraw.Draw(self.picture, "RGBA")
        self.labelling = None if self.labels is None else ImageDraw.Draw(self.labels)

    def _layers(self, colour: tuple[int, ...]) -> Iterator[tuple[ImageDraw.ImageDraw, tuple[int, ...] | int]]:
        """What a shape is drawn on, and with which colour or class."""
        yield self.opaque if len(colour) == 3 else self.translucent, colour
        if self.labelling is not None and self.label is not None:
            yield self.labelling, self.label

    def ellipse(self, x: float, y: float, wide: float, tall: float, colour: tuple[int, ...]) -> None:
        side = self.side
        box = ((x - wide) * side, (y - tall) * side, (x + wide) * side, (y + tall) * side)
        for layer, fill in self._layers(colour):
            layer.ellipse(box, fill)

    def polygon(self, points: list[tuple[float, float]], colour: tuple[int, ...]) -> None:
        side = self.side
        corners = [(x * side, y * side) for x, y in points]
        for layer, fill in self._layers(colour):
            layer.polygon(corners, fill)

    def line(self, points: list[tuple[float, float]], wide: float, colour: tuple[int, ...]) -> None:
        side = self.side
        places = [(x * side, y * side) for x, y in points]
        for layer, fill in self._layers(colour):
            layer.line(places, fill, max(1, round(wide * side)))

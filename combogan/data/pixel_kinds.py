"""What the pixels of a picture file are: gray or colour, of 8 bits, 16 bits or floats; and gray at its own depth.

Gray at its own depth is an image of mode L where it has 8 bits, else of mode F: floats from 0, which is black, to 1,
which is white. A 16-bit value is divided by 65535, which float32 holds exactly enough to give the same value back.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from PIL import Image

from combogan.errors import PictureError

WHITE_16 = 65535
"""The value of white in 16 bits."""


class PixelKind(Enum):
    """What the pixels of a file are; the value is its name for people."""

    GRAY = "8-bit gray"
    COLOUR = "8-bit colour"
    GRAY_16 = "16-bit gray"
    FLOAT = "float gray"
    COLOUR_16 = "16-bit colour"
    """Pillow reads it in 8 bits."""
    CLEAR_16 = "16-bit gray with transparency"
    """Pillow reads it in 8 bits."""
    INTEGER = "gray of 32 bits or with a sign"
    """Without a known white."""

    def __str__(self) -> str:
        return self.value

    @property
    def keeps(self) -> tuple[int, int] | None:
        """(images.channels, images.depth) that keep what it has; None where nothing does."""
        return KEEP.get(self)

    @property
    def is_deep(self) -> bool:
        """Whether 8 bits would lose something of it."""
        return self not in (PixelKind.GRAY, PixelKind.COLOUR)

    def fits(self, channels: int, depth: int) -> bool:
        """Whether its pictures are trained with these images.channels and images.depth; 8-bit colour takes all."""
        return (channels, depth) in ((3, 8), self.keeps)


KEEP = {
    PixelKind.GRAY: (1, 8),
    PixelKind.COLOUR: (3, 8),
    PixelKind.GRAY_16: (1, 16),
    PixelKind.FLOAT: (1, 16),
}
HOLDS = {PixelKind.GRAY_16: ("PNG", "TIFF"), PixelKind.FLOAT: ("TIFF",)}
"""The formats that can store a deep kind."""


GRAY_ARRAYS = ("uint8", "uint16", "float32")
"""Types of arrays that are gray pictures."""


def kind_of(image: Image.Image) -> PixelKind:
    """The kind of a file whose header has been read, before its pixels are; or of a picture in memory."""
    if image.mode == "F":
        return PixelKind.FLOAT
    # Pillow before 10.4 opens gray of 16 bits in PNG as if it had 32.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return PixelKind.GRAY_16
    if image.mode == "I" or has_signed_bytes(image):
        return PixelKind.INTEGER
    if ";16" in (raw := _stored_as(image)):
        return PixelKind.CLEAR_16 if raw.startswith("LA") else PixelKind.COLOUR_16
    return PixelKind.GRAY if image.mode in ("1", "L", "LA") else PixelKind.COLOUR


def has_signed_bytes(image: Image.Image) -> bool:
    """Whether this is a TIFF of bytes with a sign, which Pillow takes for bytes without one."""
    return image.mode == "L" and getattr(image, "tag_v2", {}).get(SAMPLE_FORMAT) in (2, (2,))


def signed(image: Image.Image) -> Image.Image:
    """Bytes with a sign as what they are, of mode I."""
    found = Image.fromarray(np.asarray(image).view(np.int8).astype(np.int32))
    found.info = dict(image.info)
    return found


def _stored_as(image: Image.Image) -> str:
    """How Pillow calls the pixels in a PNG or TIFF, such as `RGB;16B`, where its header says so."""
    tile = getattr(image, "tile", [])
    if not tile or image.format not in ("PNG", "TIFF"):
        return ""
    arguments = tile[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def refuse_colour(kind: PixelKind, name: str) -> None:
    """PictureError for a file `name` of a kind that is not read in one channel."""
    if kind.keeps is None or kind is PixelKind.COLOUR:
        raise PictureError(
            f"'{name}' is {kind}, and networks of one channel take gray of 8 bits, 16 bits or floats; save it as such."
        )


def gray(image: Image.Image, kind: PixelKind, name: str) -> tuple[Image.Image, Image.Image | None]:
    """A decoded gray picture -> (gray at its own depth; its transparency, as `colour_profiles.split` gives it).

    An embedded colour profile is dropped: the numbers are what was measured. PictureError for floats that are not
    from 0 to 1.
    """
    if kind is PixelKind.GRAY:
        alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
        values = image.convert("L")
        values.info = {}
        return values, None if alpha is None or alpha.getextrema() == (255, 255) else alpha
    found = np.asarray(image)
    if kind is PixelKind.FLOAT:
        _refuse_range(found, name)
        return Image.fromarray(found.astype(np.float32).clip(0, 1)), None
    clear, alpha = image.info.get("transparency"), None
    if isinstance(clear, int) and (found == clear).any():
        alpha = Image.fromarray(np.where(found == clear, 0, 255).astype(np.uint8))
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0:  # Pillow inverts 8 bits of such a TIFF, and not 16
        found = WHITE_16 - found
    return Image.fromarray(found.astype(np.float32) / np.float32(WHITE_16)), alpha


SAMPLE_FORMAT = 339
"""The tag of a TIFF that is 2 where its numbers have a sign."""
PHOTOMETRIC = 262
"""The tag of a TIFF that is 0 where the number 0 is white."""
ROUNDED = 1e-6
"""How far beyond 0 and 1 floats may be, from rounding."""


def _refuse_range(values: np.ndarray, name: str) -> None:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise PictureError(f"'{name}' holds values that are no finite numbers; put other values there, or remove it.")
    if low < -ROUNDED or high > 1 + ROUNDED:
        raise PictureError(
            f"'{name}' holds floats from {low:g} to {high:g}, and they are read from 0 (black) to 1 (white); scale all "
            "pictures of all domains by the same two numbers."
        )


def stored(picture: Image.Image, kind: PixelKind) -> Image.Image:
    """Deep gray of mode F as the image that a file of its kind is written from; 16 bits are rounded."""
    if kind is PixelKind.FLOAT:
        return picture
    return Image.fromarray(np.rint(np.asarray(picture).clip(0, 1) * np.float32(WHITE_16)).astype(np.uint16))


def displayed(picture: Image.Image) -> Image.Image:
    """A picture as people see it: deep gray in 8 bits, any other as it is."""
    if picture.mode != "F":
        return picture
    return Image.fromarray(np.rint(np.asarray(picture).clip(0, 1) * np.float32(255)).astype(np.uint8))


def white(picture: Image.Image) -> Image.Image:
    """A white picture of the mode and size of another."""
    return Image.new(picture.mode, picture.size, 1.0 if picture.mode == "F" else "white")

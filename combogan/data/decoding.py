"""The bytes of a picture file -> colours and transparency; which formats there are, and which way is up.

A file is what its first bytes say it is, and only six decoders can ever be reached: no other of pillow's is asked, so
that a file cannot choose an old or rarely tested one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from combogan.data.colour_profiles import split
from combogan.errors import PictureError

__all__ = ["ENDINGS", "HEADER", "LARGEST", "Picture", "decode", "kind", "upright_size"]

HEADER = 32
"""Bytes of a file's start that `kind` wants to see."""

LARGEST = 178_000_000
"""Pixels of the largest picture that is decoded: far above any camera, far below what fills a memory."""

ENDINGS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".gif": "GIF",
}
"""File ending -> the format that is written under it."""

# The classes rather than Image.open, which warns of large pictures in a way that no thread can silence for itself, and
# takes a JPEG with a second picture behind the first (as phones write them) for another format.
_DECODERS: dict[str, Callable[[IO[bytes], str], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_UPRIGHT[orientation] for orientation in (5, 6, 7, 8)}
_ORIENTATION = 0x0112

# Damaged EXIF and TIFF tags are common and harmless, and would tear the progress display.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")


def kind(start: bytes) -> str | None:
    """The format of a file that starts with these HEADER bytes, or None."""
    if start[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    # "BM" alone also begins many a text; the size of the header that follows is one of these few.
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    return None


@dataclass(frozen=True)
class Picture:
    """An opened file: colours and transparency apart."""

    rgb: Image.Image
    """RGB, upright, sRGB; not blended with anything."""
    alpha: Image.Image | None
    """L, of the same size: 0 is transparent. None where the whole picture is opaque."""
    format: str
    """What the content is: one of the values of ENDINGS."""
    several: bool = False
    """Whether more frames or pages follow, of which nothing is used."""


def decode(file: IO[bytes], name: str) -> Picture:
    """The picture that an open file holds; `name` is what errors call it. Raises PictureError."""
    image = _identify(file, name)
    found = str(image.format)
    try:
        image.load()
        # Pillow before 10.4 opens gray of 16 bits in PNG as if it had 32.
        rgb, alpha = split(_upright(image), sixteen_bits=found == "PNG")
    except MemoryError:
        raise
    except Exception as error:  # decoders meet hostile bytes with almost any exception
        raise PictureError(_broken(name, error)) from error
    return Picture(rgb, alpha, found, several=_several(image))


def upright_size(file: IO[bytes], name: str) -> tuple[int, int]:
    """(width, height) of what `decode` would give, from the header. Raises PictureError.

    Two kinds are decoded all the same: a PNG without EXIF at its start, since that may come after its pixels, and a
    TIFF on its side, which pillow turns by itself, from some version on already in the header.
    """
    image = _identify(file, name)
    if _turn(image) not in _SIDEWAYS:
        return image.size
    if image.format == "TIFF":
        return decode(file, name).rgb.size
    return image.height, image.width


def _identify(file: IO[bytes], name: str) -> ImageFile:
    """The file's header, read by the one decoder that its first bytes call for."""
    file.seek(0)
    start = file.read(HEADER)
    decoder = _DECODERS.get(kind(start) or "")
    if decoder is None:
        found = f"it begins with {start[:8]!r}" if start else "it is empty"
        raise PictureError(f"'{name}' is no JPEG, PNG, WebP, BMP, TIFF or GIF ({found}); convert or remove it.")
    file.seek(0)
    try:
        image = decoder(file, "")
    except MemoryError:
        raise
    except Exception as error:  # as in `decode`
        raise PictureError(_broken(name, error)) from error
    if image.width * image.height > LARGEST:
        found = f"{image.width} x {image.height} pixels, at most {LARGEST // 10**6} million are read"
        raise PictureError(f"'{name}' is too large ({found}); scale it down or remove it.")
    return image


def _broken(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"'{name}' is broken or truncated ({reason}); replace or remove it."


def _upright(image: Image.Image) -> Image.Image:
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the pixels
        return None


def _several(image: ImageFile) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # damage behind the first picture, which is the one that counts
        return True

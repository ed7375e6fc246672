"""The bytes of a picture file -> colours and transparency: formats, EXIF orientation, damage.

A file's first bytes decide its format, and only six of Pillow's decoders are used, so that a file cannot choose an old
or rarely tested one.
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
from combogan.data.pixel_kinds import PixelKind, gray, has_signed_bytes, kind_of, refuse_colour, signed, white
from combogan.errors import PictureError

HEADER = 32
"""Bytes of a file's start that `kind` needs."""

LARGEST = 178_000_000
"""Pixels of the largest picture that is decoded: far above any camera, far below what fills the memory."""

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
"""File ending -> its format."""

# The classes, not Image.open: its warning about large pictures cannot be silenced per thread, and it takes a JPEG with
# a second picture behind the first (as phones write them) for another format.
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

# Damaged EXIF and TIFF tags are common and harmless; the warnings would break the progress display.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # LARGEST is the bound


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
    # Many texts begin with "BM" too; in a bitmap, a header of one of these sizes follows.
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    return None


@dataclass(frozen=True)
class Picture:
    """A decoded file: colours and, separately, transparency."""

    rgb: Image.Image
    """RGB, upright, sRGB; not blended with anything. Where one channel was asked for, L or F: see `pixel_kinds`."""
    alpha: Image.Image | None
    """L, of the same size: 0 is transparent. None where the whole picture is opaque."""
    format: str
    """What the content is: one of the values of ENDINGS."""
    several: bool = False
    """Whether more frames or pages follow; `animation` reads those of a GIF or WebP."""
    kind: PixelKind = PixelKind.COLOUR
    """What the pixels of the file are, however they were read."""


def decode(file: IO[bytes], name: str, *, largest: int = LARGEST, channels: int = 3) -> Picture:
    """The picture in an open file, of at most `largest` pixels; `name` is its name in errors. Raises PictureError.

    With 1 channel it is gray at its own depth, and a PictureError for what is not gray.
    """
    image = identify(file, name, largest)
    found, kind = str(image.format), kind_of(image)
    if channels == 1:
        refuse_colour(kind, name)
    try:
        image.load()
        if channels == 1:
            rgb, alpha = gray(upright(image), kind, name)
        else:
            # Pillow before 10.4 opens gray of 16 bits in PNG as if it had 32.
            whole = signed(upright(image)) if has_signed_bytes(image) else upright(image)
            rgb, alpha = split(whole, sixteen_bits=found == "PNG")
    except PictureError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes can raise almost anything in a decoder
        raise PictureError(_broken(name, error)) from error
    return Picture(rgb, alpha, found, several=_several(image), kind=kind)


def visible(picture: Picture) -> Image.Image:
    """The colours of a picture, white where it is fully transparent, so that hidden colours do not affect the rest.

    Half transparent pixels keep their own colours, because the transparency is put back afterwards.
    """
    if picture.alpha is None:
        return picture.rgb
    return Image.composite(picture.rgb, white(picture.rgb), picture.alpha.point([0] + [255] * 255))


def pixel_kind(file: IO[bytes], name: str) -> PixelKind:
    """What the pixels of an open file are, from its header. Raises PictureError."""
    return kind_of(identify(file, name))


def upright_size(file: IO[bytes], name: str) -> tuple[int, int]:
    """(width, height) of what `decode` would give, mostly from the header alone. Raises PictureError.

    Two kinds must be decoded: a PNG without EXIF at its start, as EXIF may follow the pixels, and a rotated TIFF, as
    only some versions of Pillow rotate the size in its header.
    """
    image = identify(file, name)
    if _turn(image) not in _SIDEWAYS:
        return image.size
    if image.format == "TIFF":
        return decode(file, name).rgb.size
    return image.height, image.width


def identify(file: IO[bytes], name: str, largest: int = LARGEST) -> ImageFile:
    """The file with its header read, by the decoder that its first bytes decide. Raises PictureError."""
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
    if image.width * image.height > largest:
        found = f"{image.width} x {image.height} pixels, at most {largest // 10**6} million are read"
        raise PictureError(f"'{name}' is too large ({found}); scale it down or remove it.")
    return image


def _broken(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if reason == "unknown pixel mode":
        return f"'{name}' has pixels of a kind that is not read; save it with 8 or 16 bits, or as 32-bit floats."
    return f"'{name}' is broken or truncated ({reason}); replace or remove it."


def upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF says."""
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
    except Exception:  # damage after the first picture, which is the only one used
        return True

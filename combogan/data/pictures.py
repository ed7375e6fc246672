"""File <-> image; the only place that knows formats, EXIF, alpha and colour.

What comes out is always RGB, upright and sRGB, whatever the file held. A file is what its first bytes say it is, and only
six decoders can ever be reached: no other of pillow's is asked, so a file cannot choose an old or rarely tested one.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, ImageCms
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from combogan.errors import DomainError, PictureError, StorageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ENDINGS",
    "FolderPictures",
    "LARGEST",
    "Picture",
    "PictureSet",
    "decode",
    "list_pictures",
    "open_picture",
    "over_white",
    "picture_size",
    "read_picture",
    "save_picture",
    "scale_short_side",
    "to_image",
    "to_picture",
]

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

# The classes rather than Image.open: it warns of large pictures in a way that no thread can silence for itself alone, and
# makes a JPEG with a second picture behind the first (as phones write them) another format.
_DECODERS: dict[str, Callable[[IO[bytes], str], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
}
_HOLD_ALPHA = {"PNG", "WEBP", "TIFF", "GIF"}
_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_lzw"},
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
_ORIENTATION = 0x0112

# Damaged EXIF and TIFF tags are common and harmless, and would tear the progress display.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")


class PictureSet(Protocol):
    """An ordered set of pictures: files of a folder, or drawn scenes."""

    @property
    def names(self) -> Sequence[str]:
        """Unique, in a stable order; '/'-separated relative file names."""

    def __len__(self) -> int: ...

    def picture(self, index: int, size: int) -> Image.Image:
        """RGB, upright, sRGB. `size` is the short side that the caller is going to scale to: drawn scenes are drawn at it."""

    def fingerprint(self) -> str:
        """A short hash of names and contents."""


@dataclass(frozen=True)
class FolderPictures:
    """The pictures `names` below `folder`, as a PictureSet."""

    folder: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, index: int, size: int) -> Image.Image:
        """RGB, upright, sRGB, at the file's own size. Raises PictureError."""
        return read_picture(self.folder / self.names[index])

    def fingerprint(self) -> str:
        """16 hex digits that change with any name, any content, and their order. Raises PictureError for a lost file."""
        with ThreadPoolExecutor() as pool:
            contents = list(pool.map(_content_hash, [self.folder / name for name in self.names]))
        whole = hashlib.sha256()
        for name, content in zip(self.names, contents, strict=True):
            whole.update(os.fsencode(name) + b"\0" + content)
        return whole.hexdigest()[:16]


def _content_hash(path: Path) -> bytes:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").digest()


def list_pictures(folder: Path) -> list[str]:
    """The picture files below `folder`, as sorted '/'-separated names relative to it.

    A picture is what begins like one, whatever its name; what is only named like one is listed too, so that `checking` can
    name it. Hidden files and folders are skipped, links are followed but not in a circle. Raises DomainError.
    """
    return sorted(_walk(Path(folder), "", ()))


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    try:
        here = folder.stat()
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise DomainError(f"The folder '{folder}' cannot be read ({error.strerror}); give one that can.") from error
    identity = (here.st_dev, here.st_ino)
    if identity in above:
        return
    for entry in entries:
        if entry.is_dir():
            yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", (*above, identity))
        elif entry.is_file() and _looks_like_a_picture(folder / entry.name):
            yield prefix + entry.name


def _looks_like_a_picture(path: Path) -> bool:
    if path.suffix.lower() in ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return _kind(file.read(32)) is not None
    except OSError:
        return False


def _kind(start: bytes) -> str | None:
    """The format that a file with these first 32 bytes has."""
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


def open_picture(path: str | Path) -> Picture:
    """The picture in a file, with its transparency kept apart. Raises PictureError."""
    with _opened(path) as file:
        return decode(file, str(path))


def read_picture(path: str | Path) -> Image.Image:
    """The picture in a file: RGB, upright, sRGB, over white where transparent. Raises PictureError."""
    picture = open_picture(path)
    return over_white(picture.rgb, picture.alpha)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Upright (width, height) from the header. Raises PictureError.

    Nothing is decoded, except for a PNG without EXIF at its start: that may come after its pixels.
    """
    with _opened(path) as file:
        image = _identify(file, str(path))
        try:
            # TIFF is turned by pillow itself, and its size says so already.
            turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
        except Exception:
            turned = False
        return (image.height, image.width) if turned else image.size


def _opened(path: str | Path) -> IO[bytes]:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise PictureError(f"'{path}' cannot be opened ({error.strerror}); check its name and permissions.") from error


def decode(file: IO[bytes], name: str) -> Picture:
    """The picture that an open file holds; `name` is what errors call it. Raises PictureError."""
    image = _identify(file, name)
    try:
        image.load()
        rgb, alpha = _split(_upright(image))
    except Exception as error:  # decoders meet hostile bytes with almost any exception
        raise PictureError(f"'{name}' is broken or truncated ({error}); replace or remove it.") from error
    rgb.info, rgb_alpha = {}, alpha  # a profile left there would be written into files saved from it
    return Picture(rgb, rgb_alpha, str(image.format))


def _identify(file: IO[bytes], name: str) -> ImageFile:
    """The file's header, read by the one decoder that its first bytes call for."""
    start = file.read(32)
    kind = _kind(start)
    if kind is None:
        found = f"it begins with {start[:8]!r}" if start else "it is empty"
        raise PictureError(f"'{name}' is no JPEG, PNG, WebP, BMP, TIFF or GIF ({found}); convert or remove it.")
    file.seek(0)
    try:
        image = _DECODERS[kind](file, name)
    except Exception as error:  # as in `decode`
        raise PictureError(f"'{name}' is broken or truncated ({error}); replace or remove it.") from error
    if image.width * image.height > LARGEST:
        found = f"{image.width} x {image.height} pixels"
        raise PictureError(f"'{name}' is too large ({found}, at most {LARGEST // 10**6} million); scale it down first.")
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Any mode -> sRGB colours, and transparency where there is some."""
    alpha = None
    colours = image
    if image.mode.startswith("I") or image.mode == "F":
        colours, alpha = _eight_bits(image)
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        colours = rgba.getchannel("R") if image.mode in ("1", "L", "LA") else rgba.convert("RGB")
    elif image.mode == "1":
        colours = image.convert("L")
    elif image.mode not in ("L", "CMYK"):
        colours = image.convert("RGB")
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    return _to_srgb(colours, image.info.get("icc_profile")), alpha


def _eight_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Gray of 16 or 32 bits, or of floats -> L, and transparency where one gray value stands for it.

    16 bits have a known white. Whole numbers and floats of 32 bits have none: theirs is the first of 1 (floats only), 255
    and 65535 that no pixel exceeds, and where values exceed all of these or fall below 0, the range found.
    """
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or image.format == "PNG":
        white = 65535.0
    elif low < 0 or high > 65535:
        values, white = values - low, high - low or 1.0
    else:
        white = next(w for w in (1.0, 255.0, 65535.0) if high <= w and (w > 1 or image.mode == "F"))
    gray = Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return gray, None
    return gray, Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8))


def _to_srgb(colours: Image.Image, profile: object) -> Image.Image:
    """L, RGB or CMYK -> RGB, by the embedded profile where there is a usable one."""
    transform = _transform(profile, colours.mode) if isinstance(profile, bytes) and profile else None
    if transform is not None:
        return ImageCms.applyTransform(colours, transform) or colours
    return colours.convert("RGB")


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From `profile` to sRGB; None for one that is broken, is for other colours, or is sRGB itself."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return transform
        # A profile that moves no colour by more than rounding would only cost time, and the exact values.
        steps = np.linspace(0, 255, 17).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(cube[..., 0] if mode == "L" else cube)
        moved = ImageCms.applyTransform(probe, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    distance = np.abs(np.asarray(moved, dtype=int) - np.asarray(probe.convert("RGB"), dtype=int))
    return transform if distance.max() > 2 else None


def over_white(rgb: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """`rgb` as it looks on white paper."""
    if alpha is None:
        return rgb
    return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)


def scale_short_side(picture: Image.Image, size: int) -> Image.Image:
    """Bicubic, to a short side of exactly `size` pixels; the long one is cut as by torchvision.transforms.Resize."""
    width, height = picture.size
    if width <= height:
        scaled = (size, int(size * height / width))
    else:
        scaled = (int(size * width / height), size)
    return picture if scaled == picture.size else picture.resize(scaled, Image.Resampling.BICUBIC)


def to_image(picture: Image.Image) -> Tensor:
    """An RGB picture -> image (3, h, w), float32 in [-1, 1]."""
    import torch

    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(127.5).sub_(1)


def to_picture(image: Tensor) -> Image.Image:
    """Image (3, h, w), of any float type and on any device -> RGB, rounded; what lies outside [-1, 1] is clamped."""
    import torch

    pixels = image.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def save_picture(picture: Image.Image, path: str | Path, alpha: Image.Image | None = None) -> None:
    """Write RGB, with `alpha` (L, of the same size) where the format of the file's ending holds it, else over white.

    The file appears whole or not at all. Raises StorageError.
    """
    path = Path(path)
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(ENDINGS)
        raise StorageError(f"'{path}' cannot be written: '{path.suffix}' is no picture ending; use one of {known}.")
    if alpha is not None and kind in _HOLD_ALPHA:
        picture = picture.convert("RGB")
        picture.putalpha(alpha)
    else:
        picture = over_white(picture.convert("RGB"), alpha)
    picture.info = {}
    encoded = io.BytesIO()
    try:
        picture.save(encoded, format=kind, **_OPTIONS.get(kind, {}))
    except (OSError, ValueError) as error:
        raise StorageError(f"'{path}' cannot be written as {kind} ({error}); choose another ending.") from error
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(encoded.getbuffer())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"'{path}' cannot be written ({error.strerror}); choose another folder.") from error

"""Picture sets, and file <-> picture <-> image. A picture that is read is RGB, upright and sRGB.

Where one channel is asked for, it is upright and of mode L or F: gray at its own depth, see `pixel_kinds`. Formats and
EXIF are handled in `decoding`, colours and transparency in `colour_profiles`.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combogan import storage
from combogan.data.colour_profiles import over_white
from combogan.data.decoding import ENDINGS, HEADER, LARGEST, Picture, decode, kind, pixel_kind, upright_size
from combogan.data.pixel_kinds import HOLDS, PixelKind, stored
from combogan.errors import DomainError, PictureError, StorageError

if TYPE_CHECKING:
    from torch import Tensor

_HOLD_ALPHA = {"PNG", "WEBP", "TIFF", "GIF"}
_OPTIONS: dict[str, dict[str, object]] = {
    "PNG": {"compress_level": 2},  # a fourth of the time of 6, the default; files grow by a tenth
    "JPEG": {"quality": 95},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_lzw"},
}


class PictureSet(Protocol):
    """An ordered set of pictures: files of a folder, or drawn scenes."""

    @property
    def names(self) -> Sequence[str]:
        """Unique, in a stable order; '/'-separated relative file names."""

    @property
    def folder(self) -> Path | None:
        """The folder that the names are relative to; None for drawn scenes."""

    def __len__(self) -> int: ...

    def named(self, names: Sequence[str]) -> PictureSet:
        """The set of the pictures of these names; drawn scenes need not be in this set."""

    def picture(self, index: int, size: int) -> Image.Image:
        """RGB, upright, sRGB; of a set in one channel, gray at its own depth.

        Scenes are drawn at `size`, the short side the caller will scale to; files ignore it.
        """

    def fingerprint(self) -> str:
        """A short hash of names and contents."""


@runtime_checkable
class LabelledPictures(PictureSet, Protocol):
    """A PictureSet of which it is known what every pixel shows."""

    def labels(self, index: int, size: int) -> NDArray[np.uint8]:
        """A class per pixel (h, w) of `picture(index, size)`: a number of `combogan.scenery.labels.CLASSES`."""


@dataclass(frozen=True)
class FolderPictures:
    """The pictures `names` below `folder`, as a PictureSet."""

    folder: Path
    names: tuple[str, ...]
    channels: int = 3
    """3, or 1 to read gray at its own depth."""

    def __len__(self) -> int:
        return len(self.names)

    def named(self, names: Sequence[str]) -> FolderPictures:
        """The pictures of these names in the same folder."""
        return replace(self, names=tuple(names))

    def picture(self, index: int, size: int) -> Image.Image:
        """RGB, upright, sRGB, or gray at its own depth, at the file's own size. Raises PictureError."""
        return read_picture(self.folder / self.names[index], self.channels)

    def fingerprint(self) -> str:
        """16 hex digits that change with any name, any content and the order. Raises PictureError for a lost file."""
        with ThreadPoolExecutor() as pool:
            contents = list(pool.map(_content_hash, [self.folder / name for name in self.names]))
        whole = hashlib.sha256()
        for name, content in zip(self.names, contents, strict=True):
            whole.update(os.fsencode(name) + b"\0" + content)
        return whole.hexdigest()[:16]


def _content_hash(path: Path) -> bytes:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").digest()


def list_pictures(folder: Path, also: Collection[str] = ()) -> list[str]:
    """The picture files below `folder`, as sorted '/'-separated names relative to it; `also` files with these endings.

    A picture is a file that begins like one, or has the ending of one (then `checking` reports that it is none). Hidden
    files and folders are skipped; links are followed, but not in a circle. Raises DomainError.
    """
    return sorted(_walk(Path(folder), "", (), {*ENDINGS, *also}))


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...], endings: Collection[str]) -> Iterator[str]:
    try:
        here = folder.stat()
        inside = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise DomainError(f"the folder '{folder}' cannot be read ({error.strerror}); give one that can.") from error
    identity = (here.st_dev, here.st_ino)
    if identity in above:
        return
    for name in inside:
        path = folder / name
        if os.path.isdir(path):  # unlike Path.is_dir, no error for a broken link
            yield from _walk(path, f"{prefix}{name}/", (*above, identity), endings)
        elif os.path.isfile(path) and _looks_like_a_picture(path, endings):
            yield prefix + name


def _looks_like_a_picture(path: Path, endings: Collection[str]) -> bool:
    if path.suffix.lower() in endings:
        return True
    try:
        with path.open("rb") as file:
            return kind(file.read(HEADER)) is not None
    except OSError:
        return False


def open_picture(path: str | Path, channels: int = 3) -> Picture:
    """The picture in a file, its transparency separately; with 1 channel, gray at its own depth. PictureError."""
    with open_file(path) as file:
        return decode(file, str(path), channels=channels)


def read_picture(path: str | Path, channels: int = 3) -> Image.Image:
    """The picture in a file as `open_picture` gives it, over white where transparent. Raises PictureError."""
    picture = open_picture(path, channels)
    return over_white(picture.rgb, picture.alpha)


def kind_in(path: str | Path) -> PixelKind:
    """What the pixels of a picture file are, from its header. Raises PictureError."""
    with open_file(path) as file:
        return pixel_kind(file, str(path))


def picture_size(path: str | Path) -> tuple[int, int]:
    """Upright (width, height), from the header. Raises PictureError."""
    with open_file(path) as file:
        return upright_size(file, str(path))


def open_file(path: str | Path) -> io.BufferedReader:
    """A file that is read. Raises PictureError."""
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise PictureError(f"'{path}' cannot be opened ({error.strerror}); check its name and permissions.") from error


def scale_short_side(picture: Image.Image, size: int) -> Image.Image:
    """Bicubic, to a short side of exactly `size`; the long one is rounded down, as by torchvision.transforms.Resize.

    PictureError where the result would have more pixels than any picture that is read.
    """
    scaled = scaled_size(picture.size, size)
    if scaled[0] * scaled[1] > LARGEST:
        raise PictureError(
            f"a picture of {picture.width} x {picture.height} pixels would have {scaled[0]} x {scaled[1]} with a short "
            f"side of {size}; choose a smaller size, or cut the picture."
        )
    return picture if scaled == picture.size else resized(picture, scaled)


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Bicubic, to (width, height); beside edges, floats too stay from black to white."""
    scaled = picture.resize(size, Image.Resampling.BICUBIC)
    return Image.fromarray(np.asarray(scaled).clip(0, 1)) if scaled.mode == "F" else scaled


def scaled_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """(width, height) with the short side given; the long one is rounded down."""
    width, height = size
    if width <= height:
        return short_side, int(short_side * height / width)
    return int(short_side * width / height), short_side


def middle_square(picture: Image.Image, size: int) -> Image.Image:
    """The middle of a picture as a square of `size` pixels: its short side scaled, its long one cut."""
    scaled = scale_short_side(picture, size)
    left, top = (scaled.width - size) // 2, (scaled.height - size) // 2
    return scaled.crop((left, top, left + size, top + size))


def to_image(picture: Image.Image) -> Tensor:
    """A picture -> image (3, h, w) of RGB, (1, h, w) of gray at its own depth: float32 in [-1, 1]."""
    import torch

    values = values_of(picture)
    pixels = torch.from_numpy(values).permute(2, 0, 1).contiguous()  # as bytes: 5 x as fast
    return pixels.float().div_(black_to_white(values) / 2).sub_(1)


def values_of(picture: Image.Image) -> NDArray[Any]:
    """The values of a picture, (h, w, channels): uint8, or float32 from 0 to 1."""
    values = np.array(picture)
    return values[..., None] if values.ndim == 2 else values


def black_to_white(values: NDArray[Any]) -> float:
    """The distance from black to white in values that `values_of` gives."""
    return 1.0 if values.dtype == np.float32 else 255.0


def to_picture(image: Tensor, *, deep: bool = False) -> Image.Image:
    """Image (3 or 1, h, w), of any float type, on any device -> RGB or L, rounded; where `deep`, gray of mode F.

    Values outside [-1, 1] are clamped.
    """
    import torch

    if deep:
        return Image.fromarray(image[0].detach().float().add(1).div(2).clamp(0, 1).contiguous().cpu().numpy())
    pixels = image.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    if len(pixels) == 1:
        return Image.fromarray(pixels[0].contiguous().cpu().numpy())
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def refuse_lost_depth(name: str, path: Path, kind: PixelKind) -> None:
    """PictureError where a translation of the picture `name` would lose the depth of its kind in the file `path`."""
    formats = HOLDS.get(kind)
    if formats is not None and ENDINGS.get(path.suffix.lower()) not in formats:
        known = " or ".join(ending for ending in (".png", ".tif") if ENDINGS[ending] in formats)
        raise PictureError(
            f"'{name}' is {kind}, which '{path.name}' cannot hold; give the picture a name that ends in {known}."
        )


def save_picture(
    picture: Image.Image,
    path: str | Path,
    alpha: Image.Image | None = None,
    kind: PixelKind = PixelKind.GRAY_16,
) -> None:
    """Write RGB or gray, with `alpha` (L, of the same size) where the file's format can store it, else over white.

    Gray of mode F is written as the deep `kind`, over white. The file appears whole or not at all. Raises StorageError.
    """
    path = Path(path)
    format = ENDINGS.get(path.suffix.lower())
    if format is None:
        known = ", ".join(ENDINGS)
        raise StorageError(f"'{path}' cannot be written: '{path.suffix}' is no picture ending; use one of {known}.")
    if picture.mode == "F":
        picture = stored(over_white(picture, alpha), kind)
    elif alpha is not None and format in _HOLD_ALPHA:
        picture = picture.convert("L" if picture.mode == "L" else "RGB")
        picture.putalpha(alpha)
    else:
        picture = over_white(picture if picture.mode == "L" else picture.convert("RGB"), alpha)
    picture.info = {}
    encoded = io.BytesIO()
    try:
        picture.save(encoded, format, **_OPTIONS.get(format, {}))
    except (OSError, ValueError) as error:
        raise StorageError(f"'{path}' cannot be written as {format} ({error}); choose another ending.") from error
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    with storage.explained(path):
        try:
            temporary.write_bytes(encoded.getbuffer())
            temporary.replace(path)
        finally:  # after Ctrl-C too
            with suppress(OSError):
                temporary.unlink()

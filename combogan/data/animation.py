"""Animated GIF and WebP: their frames, how long each is shown, and how often all are."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile

from combogan import storage
from combogan.data.colour_profiles import split
from combogan.data.decoding import identify, upright, upright_size
from combogan.data.pictures import open_file
from combogan.errors import PictureError, StorageError

FORMATS = {".gif": "GIF", ".webp": "WEBP"}
"""File ending -> the format of an animation that can be read and written."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "GIF": {"disposal": 2, "optimize": False},
    "WEBP": {"quality": 95, "background": (0, 0, 0, 0)},
}


@dataclass(frozen=True)
class AnimationFrame:
    """A whole picture, as it is shown."""

    rgb: Image.Image
    """RGB, upright, sRGB; not blended with anything."""
    alpha: Image.Image | None
    """L, of the same size: 0 is transparent. None where all is opaque."""
    milliseconds: int
    readable: bool = True
    """False where the file is damaged: then this is the frame before."""


class Animation:
    """An animated picture file."""

    def __init__(self, path: Path) -> None:
        """Raises PictureError for what is no picture that can be read."""
        self.path = path
        with open_file(path) as file:
            self.size = upright_size(file, str(path))
            """(width, height), upright."""
            image = identify(file, str(path))
            self.count = _count(image)
            self.loop: int | None = image.info.get("loop")
            """How often all frames are repeated, 0 for ever; None where the file does not say, which is once."""

    def frames(self) -> Iterator[AnimationFrame]:
        """All frames in their order. PictureError where not even the first can be read."""
        with open_file(self.path) as file:
            image = identify(file, str(self.path))
            before = None
            for number in range(self.count):
                try:
                    before = _frame(image, number)
                except MemoryError:
                    raise
                except Exception as error:  # damaged bytes can raise almost anything in a decoder
                    if before is None:
                        raise PictureError(
                            f"the first frame of '{self.path}' is broken or truncated ({error}); replace or remove it."
                        ) from error
                    shown = int(image.info.get("duration", before.milliseconds))
                    before = AnimationFrame(before.rgb, before.alpha, shown, readable=False)
                yield before


def _count(image: ImageFile) -> int:
    """How many frames there are, with the first that is damaged; 1 for a picture of another format."""
    if image.format not in FORMATS.values():
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # frames behind a damaged one cannot be found
        return image.tell() + 2


def _frame(image: ImageFile, number: int) -> AnimationFrame:
    image.seek(number)
    image.load()
    rgb, alpha = split(upright(image))
    return AnimationFrame(rgb, alpha, int(image.info.get("duration", 0)))


def save_animation(frames: Sequence[AnimationFrame], path: Path, loop: int | None) -> None:
    """Write an animated GIF or WebP, whole or not at all. Raises StorageError."""
    format = FORMATS[path.suffix.lower()]
    clear = any(frame.alpha is not None for frame in frames)
    pictures = [_with_alpha(frame) if clear else frame.rgb for frame in frames]
    options = _OPTIONS[format] | ({} if loop is None else {"loop": loop})
    if format == "GIF" and not clear:
        options = options | {"disposal": 0}
    encoded = io.BytesIO()
    try:
        pictures[0].save(
            encoded,
            format,
            save_all=True,
            append_images=pictures[1:],
            duration=[frame.milliseconds for frame in frames],
            **options,
        )
    except (OSError, ValueError) as error:
        raise StorageError(f"'{path}' cannot be written as {format} ({error}); choose another ending.") from error
    storage.write(path, encoded.getvalue())


def _with_alpha(frame: AnimationFrame) -> Image.Image:
    picture = frame.rgb.copy()
    picture.putalpha(frame.alpha or Image.new("L", picture.size, 255))
    return picture

"""Moving pictures of either kind, films and animations: how large they are, and what translates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from PIL import Image

from combogan.data.animation import FORMATS, Animation
from combogan.data.pictures import open_picture
from combogan.translation.animations import animation_size, translate_animation
from combogan.translation.film import Film, is_film
from combogan.translation.films import film_size, translate_film
from combogan.translation.frames import Progress, quiet
from combogan.translation.sources import Source
from combogan.translation.translator import Translator


class Translation(Protocol):
    """Translates moving pictures into files, by (target, whether it is the way back from there); gives notes."""

    def __call__(
        self,
        translator: Translator,
        source: str,
        outputs: Mapping[tuple[str, bool], Path],
        *,
        progress: Progress = quiet,
    ) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Moving:
    """A film or an animation that is to be translated."""

    path: Path
    size: tuple[int, int]
    """(width, height) of the translations."""
    translate: Translation


def moving_pictures(source: Source, name: str, short_side: int | None, *, steady: float, resume: bool) -> Moving | None:
    """What translates a source into files of this name, if it moves; None for a picture. Raises PictureError."""
    if source.path is None:
        return None
    if source.is_film:
        film = Film.open(source.path)
        size = film_size(film, short_side)
        return Moving(film.path, size, partial(translate_film, film=film, size=size, keep=steady, resume=resume))
    if PurePosixPath(name).suffix.lower() in FORMATS:
        animation = Animation(source.path)
        if animation.count > 1:
            size = animation_size(animation, short_side)
            return Moving(
                animation.path, size, partial(translate_animation, animation=animation, size=size, keep=steady)
            )
    return None


def first_picture(path: Path) -> Image.Image:
    """The first picture of a film or an animation, for a contact sheet. Raises PictureError."""
    return Image.fromarray(next(Film.open(path).frames()).picture) if is_film(path) else open_picture(path).rgb

"""Sources: the pictures to translate, from files, folders or a domain's test pictures; and names of the outputs."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from combogan.data.catalog import DomainPictures, reopen, resolve
from combogan.data.decoding import ENDINGS, Picture
from combogan.data.paired_split import with_truth
from combogan.data.pictures import PictureSet, list_pictures, open_picture, scale_short_side
from combogan.data.pixel_kinds import PixelKind, refuse_colour
from combogan.errors import DomainError, PictureError
from combogan.registry.pack import Pack
from combogan.registry.registry import RUN_CARD, home
from combogan.translation.film import ENDINGS as FILM_ENDINGS
from combogan.translation.film import is_film
from combogan.translation.segments import film_name


@dataclass(frozen=True)
class Source:
    """A picture or film to translate: a file, or one of a set of drawn pictures."""

    name: str
    """'/'-separated, relative to the output folder; its ending may change for the output."""
    path: Path | None
    pictures: PictureSet | None = None
    index: int = 0
    size: int = 0
    """Short side at which it is drawn."""

    def open(self, channels: int = 3) -> Picture:
        """The picture; with 1 channel, gray at its own depth. Raises PictureError."""
        if self.pictures is not None:
            if channels == 1:
                refuse_colour(PixelKind.COLOUR, self.name)
            drawn = self.pictures.picture(self.index, self.size)
            return Picture(scale_short_side(drawn, self.size), None, "PNG")
        assert self.path is not None
        return open_picture(self.path, channels)

    @property
    def is_film(self) -> bool:
        """Whether it is a film, by its name; a film is not opened as a picture."""
        return is_film(self.path)

    def __str__(self) -> str:
        return self.name if self.path is None else str(self.path)


def gather(paths: Iterable[Path], *, out: Path) -> list[Source]:
    """The pictures and films in files and folders, each once; names keep sub-folders; `out` inside a folder is skipped.

    PictureError for what does not exist, and for a folder without pictures.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        if not os.path.exists(path):  # unlike Path's, no error for a name that is too long
            raise PictureError(f"there is no file or folder '{path}'; check its name.")
        if path.is_file():
            found.setdefault(path.resolve(), Source(path.name, path))
            continue
        if not path.is_dir():
            raise PictureError(f"'{path}' is neither a file nor a folder; give pictures or folders of them.")
        names = list_pictures(path, also=FILM_ENDINGS)
        if path.resolve() in out.resolve().parents:
            names = [name for name in names if out.resolve() not in (path / name).resolve().parents]
        if not names:
            raise PictureError(f"the folder '{path}' holds no picture; give one that does.")
        for name in names:
            found.setdefault((path / name).resolve(), Source(name, path / name))
    return list(found.values())


def own_pictures(pack: Pack, size: int | None = None) -> list[Source]:
    """The test pictures of a pack's domain; drawn ones at `size`, by default the pack's training size.

    DomainError where they cannot be found.
    """
    try:
        pictures = _domain(pack).test
    except DomainError as error:
        reason = str(error).rstrip(".")
        raise DomainError(
            f"the test pictures of '{pack.domain}' cannot be had ({reason}); name pictures to translate."
        ) from None
    if pictures.folder is not None:
        return [Source(name, pictures.folder / name) for name in pictures.names]
    side = size or pack.image_size
    return [Source(name, None, pictures, index, side) for index, name in enumerate(pictures.names)]


def _domain(pack: Pack) -> DomainPictures:
    """The pictures where the pack's run says they are, else where its card says, else what its domain's name means."""
    origins: list[object] = [pack.about.get("origin")]
    run: dict[str, dict[str, Any]] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        run = tomllib.loads((home(pack) / RUN_CARD).read_text("utf-8"))
        origins.insert(0, run["domains"][pack.domain])
    for origin in origins:
        if isinstance(origin, str):
            return _as_in_training(reopen(pack.domain, origin), run)
    return resolve([pack.domain], needed=1)[0]


def _as_in_training(source: DomainPictures, run: Mapping[str, Mapping[str, Any]]) -> DomainPictures:
    """The pictures of a domain, with the test pictures that its run, the content of settings.toml, held out.

    They depend on the other domains where none has a test folder and the run was trained on pairs.
    """
    if not source.holds_out_tests or not run.get("losses", {}).get("paired"):
        return source
    others = []
    for name, origin in run["domains"].items():
        with suppress(DomainError):
            others += [] if name == source.name else [reopen(name, origin)]
    return with_truth([source, *others], trained=True)[0]


def output_names(sources: Sequence[Source], *, taken: Collection[str] = ()) -> list[str]:
    """A name for each picture's translations: its own, with .png (films: .mkv) where its format cannot be written.

    A number is added to a name that is `taken`, or used before, or the name of a reconstruction; capitals do not count.
    """
    used = {name.lower() for name in taken}
    names = []
    for source in sources:
        path = PurePosixPath(source.name)
        wanted = path if path.suffix.lower() in ENDINGS else path.with_suffix(".png")
        if source.is_film:
            wanted = film_name(path)
        name, number = wanted, 1
        while {str(name).lower(), str(reconstruction(name)).lower()} & used:
            number += 1
            name = wanted.with_stem(f"{wanted.stem}-{number}")
        used |= {str(name).lower(), str(reconstruction(name)).lower()}
        names.append(str(name))
    return names


def reconstruction(name: PurePosixPath) -> PurePosixPath:
    """The file name of a picture's way back."""
    return name.with_stem(f"{name.stem}-rec")

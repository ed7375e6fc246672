"""Translates picture files into picture files; one that cannot be translated does not stop the others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image
from torch import Tensor

from combogan import storage
from combogan.data.pictures import save_picture, scale_short_side, to_image, to_picture
from combogan.data.sheets import grid
from combogan.errors import PictureError, StorageError
from combogan.translation import memory
from combogan.translation.large_pictures import Translated, in_tiles
from combogan.translation.sources import Source, output_names, reconstruction
from combogan.translation.translator import Translator, visible

SHEET = "grid.png"
CELL = 256
"""Largest side of a contact sheet's cells, in pixels."""
MOST_ROWS = 100
"""Rows of a contact sheet, at most."""
FAR = 3
"""A hint is given for pictures that are larger than this many times the training size."""


@dataclass(frozen=True)
class Job:
    """Pictures of one domain, the domains to translate them into, and where to write the results."""

    source: str
    targets: tuple[str, ...]
    pictures: Sequence[Source]
    out: Path
    """One target: out/NAME; several: out/TARGET/NAME."""
    reconstruct: bool = False
    """Also write the way back, NAME-rec."""
    taken: Collection[str] = ()
    """Names in `out` that no translation may get."""

    def names(self) -> list[str]:
        """The file name of each picture's translations."""
        return output_names(self.pictures, taken=self.taken if len(self.targets) == 1 else ())

    def path(self, target: str, name: str, *, back: bool = False) -> Path:
        """Where a translation is written, or the way back from it."""
        folder = self.out if len(self.targets) == 1 else self.out / target
        return folder / (reconstruction(PurePosixPath(name)) if back else name)

    def outputs(self) -> list[Path]:
        """Everything that will be written."""
        return [path for name in self.names() for path in self.outputs_of(name)]

    def outputs_of(self, name: str) -> list[Path]:
        """Everything that will be written for one picture."""
        ways = (False, True) if self.reconstruct else (False,)
        return [self.path(target, name, back=way) for target in self.targets for way in ways]


@dataclass(frozen=True)
class Row:
    """A picture and its translations, small, for a contact sheet."""

    source: str
    name: str
    picture: Image.Image
    translations: Mapping[str, Image.Image]
    """By target, or `target > source` for the way back."""


@dataclass
class Outcome:
    """The results of a job."""

    written: list[Path] = field(default_factory=list)
    failures: list[PictureError] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    largest: int = 0
    """Short side of the largest picture, in pixels, if it is more than FAR times the training size; else 0."""


def check_outputs(jobs: Sequence[Job], sheet: Path | None = None) -> None:
    """Make the output folders, before any work. StorageError where a translation would overwrite an input.

    Sub-folders whose names are too long are left out: `translate_files` reports every picture in them.
    """
    read = [source.path for job in jobs for source in job.pictures if source.path is not None]
    inputs = {_identity(path): path for path in read}
    outputs = [path for job in jobs for path in job.outputs()] + ([] if sheet is None else [sheet])
    for output in outputs:
        if os.path.exists(output) and _identity(output) in inputs:
            lost = inputs[_identity(output)]
            raise StorageError(f"'{lost}' would be overwritten by a translation; choose another folder with -o.")
    chosen = {job.out for job in jobs}
    for folder in sorted(chosen | {output.parent for output in outputs}):
        with storage.explained(folder):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG or folder in chosen:
                    raise


def _refuse_long_names(source: Source, outputs: Sequence[Path]) -> None:
    """PictureError where an output's name is too long for the file system."""
    for output in outputs:
        try:
            output.lstat()
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise PictureError(
                    f"the translation of '{source}' cannot be written, because its name would be too long for the file "
                    "system; give the picture a shorter one."
                ) from None


def _identity(path: Path) -> tuple[int, int]:
    """Equal for all names of a file: through links, and in other capitals where the file system ignores them."""
    status = path.stat()
    return status.st_dev, status.st_ino


def translate_files(
    translator: Translator,
    job: Job,
    *,
    size: int | None = None,
    rows: int = 0,
    room: int | None = None,
    tiled: bool = False,
    advance: Callable[[], None] = lambda: None,
    report: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Outcome:
    """Translate the pictures of a job into all of its targets; small copies of the first `rows` go on a contact sheet.

    `size` scales the short side first. A picture that needs more than `room` bytes of memory, by default half of what
    is free, is translated in tiles; `tiled` does so with all. `report` gets such a picture's name and its tiles, done
    and in total. A picture's PictureError goes into `failures`. Raises PackError, SpaceError, StorageError.
    """
    way = _Way(room, tiled, report)
    outcome = Outcome()
    for source, name in zip(job.pictures, job.names(), strict=True):
        try:
            _translate_file(translator, job, source, name, size, way, len(outcome.rows) < rows, outcome)
        except PictureError as error:
            outcome.failures.append(error)
        advance()
    return outcome


@dataclass(frozen=True)
class _Way:
    """How pictures are translated: see `translate_files`."""

    room: int | None
    tiled: bool
    report: Callable[[str, int, int], None]


def _translate_file(
    translator: Translator,
    job: Job,
    source: Source,
    name: str,
    size: int | None,
    way: _Way,
    shown: bool,
    outcome: Outcome,
) -> None:
    _refuse_long_names(source, job.outputs_of(name))
    opened = source.open()
    rgb, alpha = visible(opened), opened.alpha
    if size is not None:
        rgb = scale_short_side(rgb, size)
        alpha = alpha and scale_short_side(alpha, size)
    image_size = translator.choose(job.source, job.targets).source.image_size
    if min(rgb.size) > FAR * image_size:
        outcome.largest = max(outcome.largest, min(rgb.size))
    small = {}
    for target, back, picture in _pictures(translator, job, str(source), rgb, way):
        path = job.path(target, name, back=back)
        save_picture(picture, path, alpha)
        outcome.written.append(path)
        if shown:
            small[back_label(target, job.source) if back else target] = _small(picture)
    if shown:
        outcome.rows.append(Row(job.source, name, _small(rgb), small))


def _pictures(
    translator: Translator, job: Job, name: str, rgb: Image.Image, way: _Way
) -> Iterator[tuple[str, bool, Image.Image]]:
    """(target, whether it is the way back from there, picture) for every translation of a picture."""
    translate = partial(_translations, translator, job)
    room = way.room or memory.half_of_free(translator.device)
    with memory.explained(name, rgb.size):
        if way.tiled or (room is not None and _needed(translator, job, rgb.size) > room):
            yield from in_tiles(
                translate,
                rgb,
                name=name,
                folder=job.out,
                room=room,
                device=translator.device,
                report=partial(way.report, name),
            )
            return
        for target, back, image in translate(to_image(rgb).unsqueeze(0)):
            yield target, back, to_picture(image[0])


def _needed(translator: Translator, job: Job, size: tuple[int, int]) -> int:
    """Bytes of memory that a picture of (width, height) takes as a whole."""
    choice = translator.choose(job.source, job.targets)
    assert choice.source.encoder is not None
    kind = str(choice.source.encoder.shape.get("kind", "resnet"))
    width = choice.latent.channels // min(choice.latent.stride, 8)  # three halvings of the size double the channels
    return memory.needed(size[0] * size[1], width=width, targets=len(job.targets), kind=kind)


def _translations(translator: Translator, job: Job, image: Tensor) -> Iterator[Translated]:
    """(target, whether it is the way back from there, image) for every translation of an image (1, 3, h, w)."""
    for target, fake in translator.translations(job.source, job.targets, image):
        yield target, False, fake
        if job.reconstruct:
            yield target, True, translator.translate(target, [job.source], fake)[job.source]


def columns(jobs: Sequence[Job]) -> list[str]:
    """The columns of a contact sheet: targets that are sources too, in their order; other targets; the ways back."""
    targets = dict.fromkeys([job.source for job in jobs] + [target for job in jobs for target in job.targets])
    wanted = [name for name in targets if any(name in job.targets for job in jobs)]
    return wanted + [back_label(target, job.source) for job in jobs if job.reconstruct for target in job.targets]


def back_label(target: str, source: str) -> str:
    """The label of the way back on a contact sheet."""
    return f"{target} > {source}"


def save_sheet(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write a contact sheet: pictures at the left, a column per target, a green border where target and source are one.

    Rows are labelled with their picture, or with their domain where there are several. Raises StorageError.
    """
    several = len({row.source for row in rows}) > 1
    cells = [[row.picture, *(row.translations.get(column) for column in columns)] for row in rows]
    marked = [
        (number, place)
        for number, row in enumerate(rows)
        for place, column in enumerate(columns, start=1)
        if column == row.source
    ]
    labels = [row.source if several else row.name for row in rows]
    size = max(128, *(max(row.picture.size) for row in rows))
    save_picture(grid(cells, size=size, row_labels=labels, column_labels=["source", *columns], marked=marked), path)


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((CELL, CELL))
    return small

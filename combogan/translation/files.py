"""Translates picture files into picture files; one that cannot be translated does not stop the others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from combogan import storage
from combogan.data.decoding import visible
from combogan.data.pictures import refuse_lost_depth, save_picture, scale_short_side
from combogan.data.pixel_kinds import displayed
from combogan.data.sheets import grid
from combogan.errors import PictureError, StorageError
from combogan.translation import memory
from combogan.translation.film import refuse_without_pyav
from combogan.translation.films import parts_of
from combogan.translation.large_pictures import Room
from combogan.translation.moving import Moving, first_picture, moving_pictures
from combogan.translation.sources import Source, output_names, reconstruction
from combogan.translation.steady import STEADY
from combogan.translation.translator import Translator

SHEET = "grid.png"
CELL = 256
"""Largest side of a contact sheet's cells, in pixels."""
MOST_ROWS = 12
"""Rows of a contact sheet of one domain, at most, so that it can be looked at as a whole."""
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
        return list(self.ways(name).values())

    def ways(self, name: str) -> dict[tuple[str, bool], Path]:
        """(target, whether it is the way back from there) -> the file that will be written for one picture."""
        ways = (False, True) if self.reconstruct else (False,)
        return {(target, way): self.path(target, name, back=way) for target in self.targets for way in ways}


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
    notes: list[str] = field(default_factory=list)
    """Sentences on films: what could not be read, and how much they flicker."""


def check_outputs(jobs: Sequence[Job], sheet: Path | None = None) -> None:
    """Make the output folders, before any work. StorageError where a translation would overwrite an input.

    PictureError where there are films and PyAV is not installed. Sub-folders whose names are too long are left out:
    `translate_files` reports every picture in them.
    """
    if any(source.is_film for job in jobs for source in job.pictures):
        refuse_without_pyav()
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
    """PictureError where an output's name, or a film's while it is made, is too long for the file system."""
    unfinished = [parts_of(output) for output in outputs] if source.is_film else []
    for output in [*outputs, *unfinished]:
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
    steady: float = STEADY,
    resume: bool = False,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Outcome:
    """Translate the pictures of a job into all of its targets; small copies of the first `rows` go on a contact sheet.

    `size` scales the short side first. A picture that needs more than `room` bytes of memory, by default half of what
    is free, is translated in tiles; `tiled` does so with all. A film whose frames need more than `room`, by default
    what is free, fails. `steady` and `resume` are for films and animations (see `translate_film`). `progress` gets the
    name of a film or of a picture in tiles, how many frames or tiles are done, and of how many. A picture's
    PictureError goes into `failures`. Raises PackError, SpaceError, StorageError.
    """
    allowed = Room(room, folder=job.out, tiled=tiled)
    outcome = Outcome()
    for source, name in zip(job.pictures, job.names(), strict=True):
        shown = len(outcome.rows) < rows
        try:
            _refuse_long_names(source, job.outputs_of(name))
            moving = moving_pictures(source, name, size, steady=steady, resume=resume)
            report = partial(progress, str(source))
            if moving is None:
                _translate_file(translator, job, source, name, size, allowed, shown, outcome, report)
            else:
                _translate_moving(translator, job, name, moving, allowed, shown, outcome, report)
        except PictureError as error:
            outcome.failures.append(error)
        advance()
    return outcome


def _translate_file(
    translator: Translator,
    job: Job,
    source: Source,
    name: str,
    size: int | None,
    room: Room,
    shown: bool,
    outcome: Outcome,
    report: Callable[[int, int], None],
) -> None:
    opened = source.open(translator.choose(job.source, job.targets).channels)
    rgb, alpha = visible(opened), opened.alpha
    if rgb.mode == "F":
        refuse_lost_depth(str(source), Path(name), opened.kind)
    if size is not None:
        rgb = scale_short_side(rgb, size)
        alpha = alpha and scale_short_side(alpha, size)
    _note_far(translator, job, rgb.size, outcome)
    small = {}
    made = translator.pictures(
        job.source, job.targets, rgb, name=str(source), reconstruct=job.reconstruct, room=room, report=report
    )
    for target, back, picture in made:
        path = job.path(target, name, back=back)
        save_picture(picture, path, alpha, opened.kind)
        outcome.written.append(path)
        if shown:
            small[_label(job, target, back)] = _small(picture)
    if shown:
        outcome.rows.append(Row(job.source, name, _small(rgb), small))


def _translate_moving(
    translator: Translator,
    job: Job,
    name: str,
    moving: Moving,
    room: Room,
    shown: bool,
    outcome: Outcome,
    progress: Callable[[int, int], None],
) -> None:
    if translator.choose(job.source, job.targets).channels == 1:
        raise PictureError(
            f"'{moving.path}' is a film or an animation, which is in colour, and networks of one channel take gray "
            "pictures; translate single pictures."
        )
    _note_far(translator, job, moving.size, outcome)
    limits = [size for size in (room.memory, memory.available(translator.device)) if size is not None]
    needs = translator.needs(job.source, job.targets)
    memory.refuse_too_large(str(moving.path), moving.size, needs, allowed=min(limits, default=None))
    outputs = job.ways(name)
    with memory.explained(str(moving.path), moving.size, tiles=False):
        outcome.notes += moving.translate(translator, job.source, outputs, progress=progress)
    outcome.written += outputs.values()
    if shown:
        small = {_label(job, *way): _small(first_picture(path)) for way, path in outputs.items()}
        outcome.rows.append(Row(job.source, name, _small(first_picture(moving.path)), small))


def _note_far(translator: Translator, job: Job, size: tuple[int, int], outcome: Outcome) -> None:
    """Note the size of a picture that is far from the training size."""
    if min(size) > FAR * translator.choose(job.source, job.targets).source.image_size:
        outcome.largest = max(outcome.largest, min(size))


def columns(jobs: Sequence[Job]) -> list[str]:
    """The columns of a contact sheet: targets that are sources too, in their order; other targets; the ways back."""
    targets = dict.fromkeys([job.source for job in jobs] + [target for job in jobs for target in job.targets])
    wanted = [name for name in targets if any(name in job.targets for job in jobs)]
    return wanted + [back_label(target, job.source) for job in jobs if job.reconstruct for target in job.targets]


def back_label(target: str, source: str) -> str:
    """The label of the way back on a contact sheet."""
    return f"{target} > {source}"


def _label(job: Job, target: str, back: bool) -> str:
    return back_label(target, job.source) if back else target


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
    small = displayed(picture).copy()
    small.thumbnail((CELL, CELL))
    return small

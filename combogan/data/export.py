"""A domain -> PNG files in `train` and `test`, as `--data` finds them; label maps of drawn scenes lie beside them."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from PIL import Image

from combogan import storage
from combogan.data.catalog import DomainPictures
from combogan.data.kind_checks import kinds
from combogan.data.pictures import LabelledPictures, PictureSet, save_picture, scale_short_side
from combogan.errors import DomainError
from combogan.scenery.labels import BENEATH, CLASSES, COLOURS, Label, Labels

CLASSES_FILE = "classes.csv"
DRAWN_SIDE = 64
"""Pixels a side at which scenes are drawn where no size is asked for."""


@dataclass(frozen=True)
class Exported:
    """Where the pictures of a domain are, and its label maps if they were asked for."""

    domain: str
    pictures: Path
    labels: Path | None
    train: int
    """Number of training pictures."""
    test: int


def export(
    domains: Sequence[DomainPictures],
    out: Path,
    *,
    labels: bool = False,
    size: int | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> list[Exported]:
    """Write the pictures of each domain into out/NAME/train and out/NAME/test; NAME is the last part of its name.

    `labels` adds out/NAME-labels with label maps of the same names, and what their numbers mean in classes.csv. Short
    sides are scaled to `size`; by default files keep theirs. Nothing is left where it fails: DomainError for folders
    that exist, domains without labels and pictures of more than 8 bits; PictureError for what cannot be read;
    StorageError.
    """
    planned = [_plan(domain, out, labels) for domain in domains]
    _refuse_existing(planned)
    total, done = sum(one.train + one.test for one in planned), 0
    with storage.explained(out):
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out, prefix=".") as unfinished:
            for domain, one in zip(domains, planned, strict=True):
                for _ in _write(domain, one, Path(unfinished), size):
                    done += 1
                    advance(done, total)
            for folder in _folders(planned):
                Path(unfinished, folder.name).rename(folder)
    return planned


def _plan(domain: DomainPictures, out: Path, labels: bool) -> Exported:
    if labels and not isinstance(domain.train, LabelledPictures):
        raise DomainError(
            f"'{domain.name}' has no labels, because only drawn scenes know what their pixels show; leave out --labels."
        )
    if deep := next((kind for kind in kinds(domain) if kind.is_deep), None):
        raise DomainError(
            f"a picture of '{domain.name}' is {deep}, of which an export would keep 8 bits; use its files as they are."
        )
    name = PurePosixPath(domain.name).name
    folder = out / f"{name}-labels" if labels else None
    return Exported(domain.name, out / name, folder, len(domain.train), len(domain.test))


def _folders(planned: Sequence[Exported]) -> list[Path]:
    return [folder for one in planned for folder in (one.pictures, one.labels) if folder is not None]


def _refuse_existing(planned: Sequence[Exported]) -> None:
    """DomainError where a folder would be written twice, or over another one."""
    taken: set[str] = set()
    for folder in _folders(planned):
        if folder.name.lower() in taken:
            raise DomainError(f"two domains would be written to {folder}; rename one with NAME={folder.name}.")
        if os.path.lexists(folder):
            raise DomainError(f"{folder} exists already, and nothing is overwritten; give another folder with -o.")
        taken.add(folder.name.lower())


def _write(domain: DomainPictures, one: Exported, unfinished: Path, size: int | None) -> Iterator[None]:
    """Write all files of a domain into a folder for unfinished ones, and yield after each picture."""
    for split, pictures in (("train", domain.train), ("test", domain.test)):
        for index, name in enumerate(_png_names(pictures)):
            path = unfinished / one.pictures.name / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = pictures.picture(index, size or DRAWN_SIDE)
            save_picture(scale_short_side(picture, size) if size else picture, path)
            if one.labels is not None and isinstance(pictures, LabelledPictures):
                path = unfinished / one.labels.name / split / name
                path.parent.mkdir(parents=True, exist_ok=True)
                _save_labels(pictures.labels(index, size or DRAWN_SIDE), path)
            yield
    if one.labels is not None:
        _save_classes(unfinished / one.labels.name / CLASSES_FILE)


def _png_names(pictures: PictureSet) -> list[str]:
    """The names of the files to write; DomainError where two would be equal."""
    names = [PurePosixPath(name).with_suffix(".png").as_posix() for name in pictures.names]
    first: dict[str, str] = {}
    for name, old in zip(names, pictures.names, strict=True):
        if first.setdefault(name.lower(), old) != old:
            raise DomainError(f"'{first[name.lower()]}' and '{old}' would both become {name}; rename one of them.")
    return names


def _save_labels(labels: Labels, path: Path) -> None:
    """A PNG whose pixels are numbers of classes, which are shown in the classes' colours."""
    picture = Image.fromarray(labels)
    picture.putpalette([value for colour in COLOURS for value in colour])
    picture.save(path)


def _save_classes(path: Path) -> None:
    """Number, name and colour of every class, and the number of what snow or ice lies on (of others, their own)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["number", "name", "without_snow", "red", "green", "blue"])
        for label, name, colour in zip(Label, CLASSES, COLOURS, strict=True):
            rows.writerow([int(label), name, int(BENEATH.get(label, label)), *colour])

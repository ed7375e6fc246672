"""Checks of pictures before training: unreadable, duplicate, small and suspicious ones."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from PIL import Image

from combogan.data.catalog import DomainPictures
from combogan.data.colour_profiles import over_white
from combogan.data.decoding import ENDINGS
from combogan.data.kind_checks import hint, refuse_other_kinds
from combogan.data.pictures import FolderPictures, PictureSet, black_to_white, open_picture, values_of
from combogan.data.pixel_kinds import PixelKind
from combogan.errors import DomainError, PictureError

Problem = Literal["unreadable", "duplicate", "small", "suspicious"]

MANY = 500
"""Number of pictures of a domain above which reading them is announced."""
FEW = 10
"""Most unreadable pictures of a set that are reported one by one."""
_LONGEST = 4.0
"""Long side / short side above which most of a picture is lost by the crop."""
_FLAT = 2.0
"""Standard deviation, of 255, up to which a picture counts as one colour."""
_DARK = 0.25
"""Share of the range above which no value of a domain of one channel is, where that is told."""
_GRAY = 3
"""Difference between colour channels, of 255, up to which a picture counts as gray (JPEG rounds)."""


@dataclass(frozen=True)
class Finding:
    """One problem of one picture."""

    name: str
    problem: Problem
    detail: str
    """The sentence after the name: `is broken or truncated (...); replace or remove it.`"""

    def __str__(self) -> str:
        return f"'{self.name}' {self.detail}"


@dataclass(frozen=True)
class Sizes:
    """(width, height) of the pictures with the fewest, the median and the most pixels."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True)
class Report:
    """What `check` found."""

    usable: tuple[str, ...]
    """Names of the pictures that can be trained on: all but the unreadable, in the order given."""
    findings: tuple[Finding, ...]
    """In the order of the names; one picture may have several."""
    sizes: Sizes | None
    """Of the usable pictures; None if there are none."""
    formats: Mapping[str, int]
    """How many of the usable pictures are JPEG, PNG, ..., most first."""
    kinds: tuple[PixelKind, ...] = ()
    """Of the usable pictures, in the order in which they are found first."""
    brightest: float = 1.0
    """The largest value in the usable pictures; white is 1."""

    def named(self, problem: Problem) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.problem == problem)


@dataclass(frozen=True)
class _Look:
    """What `check` keeps of one opened picture."""

    size: tuple[int, int]
    format: str
    pixels: bytes
    """Hash of the decoded colours; equal for the same picture in two files, even of different formats."""
    several: bool
    flat: bool
    gray: bool
    kind: PixelKind
    brightest: float
    """The largest value; white is 1."""


def check(folder: Path, names: Sequence[str], *, crop: int | None, channels: int = 3) -> Report:
    """Open every picture of `names` below `folder` and report unreadable, duplicate, small and suspicious ones.

    `crop` is the side in pixels of the crops to train on, None if unknown; with 1 channel, pictures are read as gray at
    their own depth. A picture that cannot be read is a finding, not an error.
    """
    # Decoding releases Python's lock; more threads than this would only hold more large pictures in memory.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        looks = dict(zip(names, pool.map(lambda name: _look(Path(folder) / name, channels), names), strict=True))
    seen = {name: look for name, look in looks.items() if isinstance(look, _Look)}
    gray_is_odd = 2 * sum(look.gray for look in seen.values()) < len(seen)
    first: dict[bytes, str] = {}
    findings: list[Finding] = []
    for name, look in looks.items():
        if isinstance(look, str):
            findings.append(Finding(name, "unreadable", look))
            continue
        same = first.setdefault(look.pixels, name)
        if same != name:
            findings.append(Finding(name, "duplicate", f"shows the same as '{same}'; keep one of them."))
        if crop is not None and min(look.size) < crop:
            findings.append(
                Finding(name, "small", f"is {_pixels(look.size)}, below the crop of {crop}; it is scaled up.")
            )
        findings += [Finding(name, "suspicious", detail) for detail in _oddities(name, look, gray_is_odd)]
    formats = Counter(look.format for look in seen.values())
    return Report(
        tuple(seen),
        tuple(findings),
        _sizes(look.size for look in seen.values()),
        dict(formats.most_common()),
        tuple(dict.fromkeys(look.kind for look in seen.values())),
        max((look.brightest for look in seen.values()), default=1.0),
    )


def usable(
    sources: Iterable[DomainPictures],
    *,
    crop: int,
    tell: Callable[[str], object],
    channels: int = 3,
    depth: int = 8,
) -> dict[str, DomainPictures]:
    """The sources by name without unreadable pictures, which `tell` reports, to be read in so many channels.

    DomainError where none is left, and where pictures are not of the one kind that `channels` and `depth` ask for.
    """
    found, sources = {}, list(sources)
    refuse_other_kinds(sources, channels=channels, depth=depth)
    for source in sources:
        count = sum(len(part) for part in (source.train, source.test) if part.folder is not None)
        if count > MANY:
            tell(f"Reading {count:,} pictures of '{source.name}' ...")
        train, trained = _readable(source.name, source.train, crop, channels, tell)
        test, tested = _readable(source.name, source.test, crop, channels, tell)
        kinds = tuple(dict.fromkeys(kind for report in (trained, tested) if report for kind in report.kinds))
        if channels == 3 and (lost := hint(source.name, kinds)):
            tell(lost)
        if channels == 1 and trained is not None and trained.brightest < _DARK:
            tell(
                f"'{source.name}': no value is above {trained.brightest:.1%} of white; the networks see more if all "
                "pictures of all domains are multiplied by the same number."
            )
        if not len(train):
            raise DomainError(f"'{source.name}' has no usable picture in {source.origin}; check that folder.")
        found[source.name] = replace(source, train=train, test=test)
    return found


def _readable(
    name: str, pictures: PictureSet, crop: int, channels: int, tell: Callable[[str], object]
) -> tuple[PictureSet, Report | None]:
    """The pictures that can be read, and what was found; `tell` reports the others. None where pictures are drawn."""
    if pictures.folder is None:
        return pictures, None
    report = check(pictures.folder, pictures.names, crop=crop, channels=channels)
    unreadable = report.named("unreadable")
    for finding in unreadable[:FEW]:
        tell(f"'{name}': skipping a picture: {finding}")
    if more := len(unreadable[FEW:]):
        tell(f"'{name}': skipping {more} more pictures that cannot be read; `combogan domains check` names them.")
    if small := len(report.named("small")):
        tell(f"'{name}': {small} of {len(pictures)} pictures are smaller than the crop of {crop} px; scaling them up.")
    return FolderPictures(pictures.folder, report.usable, channels), report


def _look(path: Path, channels: int) -> _Look | str:
    """Open one picture; a str says why it cannot be read."""
    try:
        picture = open_picture(path, channels)
    except PictureError as error:
        return str(error).removeprefix(f"'{path}' ")
    rgb = over_white(picture.rgb, picture.alpha)
    pixels = hashlib.blake2b(repr(rgb.size).encode(), digest_size=16)
    pixels.update(rgb.tobytes())
    # Nearest pixels: averages would make fine textures look flat.
    sample = values_of(rgb.resize((64, 64), Image.Resampling.NEAREST))
    white = black_to_white(sample)
    sample = sample.astype(np.float32) * (255 / white)
    return _Look(
        size=rgb.size,
        format=picture.format,
        pixels=pixels.digest(),
        several=picture.several,
        flat=float(sample.std(axis=(0, 1)).max()) <= _FLAT,
        gray=float(np.ptp(sample, axis=2).max()) <= _GRAY,
        kind=picture.kind,
        brightest=float(np.max(rgb.getextrema())) / white,
    )


def _oddities(name: str, look: _Look, gray_is_odd: bool) -> Iterator[str]:
    """Why a picture is suspicious, as details of findings."""
    ending = PurePosixPath(name).suffix
    if ENDINGS.get(ending.lower()) != look.format:
        yield f"is {look.format} inside; it is read as that, whatever its ending '{ending}' says."
    if look.several:
        yield "holds several pictures; only the first is used."
    if max(look.size) > _LONGEST * min(look.size):
        yield f"is {_pixels(look.size)}, long and narrow; most of it falls outside the crop."
    if look.flat:
        yield "is nearly one colour; look whether it belongs here."
    elif look.gray and gray_is_odd:
        yield "is gray among colour pictures; look whether it belongs here."


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"


def _sizes(sizes: Iterable[tuple[int, int]]) -> Sizes | None:
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    if not ordered:
        return None
    return Sizes(ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])

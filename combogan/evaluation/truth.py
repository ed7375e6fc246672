"""Truth: which test pictures of two domains show the same thing, as declared or found by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from combogan.data.alignment import common_name
from combogan.data.catalog import DomainPictures
from combogan.data.pictures import PictureSet


@dataclass(frozen=True)
class Renamed:
    """A PictureSet under other names, in the same order."""

    pictures: PictureSet
    names: tuple[str, ...]

    @property
    def folder(self) -> Path | None:
        return self.pictures.folder

    def __len__(self) -> int:
        return len(self.names)

    def named(self, names: Sequence[str]) -> PictureSet:
        old = dict(zip(self.names, self.pictures.names, strict=True))
        return Renamed(self.pictures.named([old[name] for name in names]), tuple(names))

    def picture(self, index: int, size: int) -> Image.Image:
        return self.pictures.picture(index, size)

    def fingerprint(self) -> str:
        return self.pictures.fingerprint()


def paired(sources: Iterable[DomainPictures], listed: Iterable[DomainPictures] | None = None) -> list[DomainPictures]:
    """The sources; those whose test pictures pair up by name are given a truth and common names.

    Test pictures pair up where all file names of the domains' `test` folders are equal, apart from the ending and a
    last `_A` or `_B`; where only some are equal, that may be chance, as in numbered sets. Pictures held out of a
    training folder never pair up. Sources that have a truth already stay as they are. `listed` are the same sources
    before unreadable pictures were left out: their names decide.
    """
    sources = list(sources)
    groups = [frozenset(names) if (names := _common(source)) else None for source in listed or sources]
    found = []
    for source, group in zip(sources, groups, strict=True):
        names = _common(source)
        if names and group and groups.count(group) > 1:
            truth = f"the names in {sources[groups.index(group)].name}"
            source = replace(source, test=Renamed(source.test, tuple(names)), truth=truth)
        found.append(source)
    return found


def is_paired(source: DomainPictures) -> bool:
    """Whether its truth was found by names."""
    return source.truth is not None and source.test.folder is not None


def shared(source: DomainPictures, target: DomainPictures) -> dict[str, int]:
    """Names that both test sets have -> their indices in the target's; none where the two have no common truth."""
    if source.truth is None or source.truth != target.truth:
        return {}
    known = set(source.test.names)
    return {name: index for index, name in enumerate(target.test.names) if name in known}


def _common(source: DomainPictures) -> Sequence[str] | None:
    """The names of the test pictures without ending and last `_A` or `_B`; None where they cannot pair up."""
    train, test = source.train, source.test
    if source.truth is not None or test.folder is None or test.folder == train.folder:
        return None
    names = [common_name(name) for name in test.names]
    return names if len(set(names)) == len(names) else None

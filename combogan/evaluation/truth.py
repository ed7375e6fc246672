"""Truth where nobody declared it: test pictures of different domains that pair up by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import PictureSet

# The published pairs are called 1_A.jpg in testA and 1_B.jpg in testB.
_SIDE = re.compile(r"_[AB]$")


@dataclass(frozen=True)
class Renamed:
    """A set of pictures under other names, in the same order."""

    pictures: PictureSet
    names: tuple[str, ...]

    @property
    def folder(self) -> Path | None:
        return self.pictures.folder

    def __len__(self) -> int:
        return len(self.names)

    def named(self, names: Sequence[str]) -> PictureSet:
        places = [self.names.index(name) for name in names]
        return Renamed(self.pictures.named([self.pictures.names[place] for place in places]), tuple(names))

    def picture(self, index: int, size: int) -> Image.Image:
        return self.pictures.picture(index, size)

    def fingerprint(self) -> str:
        return self.pictures.fingerprint()


def paired(domains: Iterable[DomainPictures], listed: Iterable[DomainPictures] | None = None) -> list[DomainPictures]:
    """The domains, those whose test pictures pair up by name with a truth and common names.

    They do where the `test` folders of domains have the same file names throughout, but for the ending and a last `_A`
    or `_B`: some equal names may be chance, as where all sets are numbered. A tenth held out of a training set never
    does. Domains that have a truth already are left as they are. `listed` are the same domains with all their pictures,
    where some were left out: it is those that have to pair up.
    """
    domains = list(domains)
    names = [_common(domain) for domain in domains]
    groups = [frozenset(own) if (own := _common(domain)) else None for domain in listed or domains]
    return [
        replace(
            domain,
            test=Renamed(domain.test, tuple(own)),
            truth=f"the names in {domains[groups.index(group)].name}",
        )
        if own and group and groups.count(group) > 1
        else domain
        for domain, own, group in zip(domains, names, groups, strict=True)
    ]


def is_paired(domain: DomainPictures) -> bool:
    """Whether its truth is a matter of names alone."""
    return domain.truth is not None and domain.test.folder is not None


def shared(source: DomainPictures, target: DomainPictures) -> dict[str, int]:
    """The names of test pictures that the two have in common -> their places in the target's; none without truth."""
    if source.truth is None or source.truth != target.truth:
        return {}
    known = set(source.test.names)
    return {name: place for place, name in enumerate(target.test.names) if name in known}


def _common(domain: DomainPictures) -> Sequence[str] | None:
    """The names of the test pictures without what may differ; None where they cannot pair up."""
    train, test = domain.train, domain.test
    if domain.truth is not None or test.folder is None or test.folder == train.folder:
        return None
    names = [_SIDE.sub("", PurePosixPath(name).with_suffix("").as_posix()) for name in test.names]
    return names if len(set(names)) == len(names) else None

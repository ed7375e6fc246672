"""Whether the pictures of domains are of one kind, and of the kind that a run trains on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import kind_in
from combogan.data.pixel_kinds import PixelKind
from combogan.errors import DomainError, PictureError

Kinds = Mapping[PixelKind, str]
"""Kind -> the name of the first picture that is of it."""


def kinds(domain: DomainPictures) -> dict[PixelKind, str]:
    """The kinds of a domain's files, from their headers, without those that cannot be read; drawings are in colour."""
    paths: list[tuple[str, Path]] = []
    found: dict[PixelKind, str] = {}
    for pictures in (domain.train, domain.test, *([] if domain.validation is None else [domain.validation])):
        if pictures.folder is None:
            return {PixelKind.COLOUR: pictures.names[0]}
        paths += [(name, pictures.folder / name) for name in pictures.names]

    def look(path: Path) -> PixelKind | None:
        with suppress(PictureError):
            return kind_in(path)
        return None

    with ThreadPoolExecutor() as pool:
        for (name, _), kind in zip(paths, pool.map(look, [path for _, path in paths]), strict=True):
            if kind is not None:
                found.setdefault(kind, name)
    return found


def mixture(found: Kinds) -> str:
    """The first file of each kind, for people; empty where there is only one kind."""
    if len(found) < 2:
        return ""
    named = [f"'{name}' is {kind}" for kind, name in found.items()]
    return f"{', '.join(named[:-1])} and {named[-1]}"


def differing(found: Mapping[str, Kinds]) -> str:
    """The kinds of domains that are each of one kind, and not all of the same, for people; empty where they are."""
    of_domains = {name: next(iter(kinds)) for name, kinds in found.items() if len(kinds) == 1}
    if len(set(of_domains.values())) < 2:
        return ""
    return ", ".join(f"'{name}' is {kind}" for name, kind in of_domains.items())


def refuse_other_kinds(domains: Iterable[DomainPictures], *, channels: int, depth: int) -> None:
    """DomainError where pictures of a domain, or two domains, are of different kinds, or not of the kind trained on.

    `channels` and `depth` are those of the settings; in 8-bit colour pictures of every kind can be trained on.
    """
    if (channels, depth) == (3, 8):
        return
    of_domains: dict[str, PixelKind] = {}
    for domain in domains:
        found = kinds(domain)
        if mixed := mixture(found):
            raise DomainError(
                f"the pictures of '{domain.name}' are of different kinds: {mixed}; give pictures of one kind."
            )
        of_domains.update((domain.name, kind) for kind in found)
    (first, kind), *others = of_domains.items() or [("", PixelKind.GRAY)]
    for name, other in others:
        if other is not kind:
            raise DomainError(
                f"the pictures of '{first}' are {kind} and those of '{name}' {other}; convert one of the domains, so "
                "that both are of one kind."
            )
    if of_domains and not kind.fits(channels, depth):
        raise _unfit(first, kind, channels, depth)


def _unfit(name: str, kind: PixelKind, channels: int, depth: int) -> DomainError:
    remedy = "train on them with the default, images.channels = 3 and images.depth = 8, or convert them"
    if kind.keeps is not None:
        remedy = "set images.channels = {} and images.depth = {}, or convert them".format(*kind.keeps)
    return DomainError(
        f"the pictures of '{name}' are {kind}, but images.channels is {channels} and images.depth is {depth}; {remedy}."
    )


def hint(name: str, kinds: Sequence[PixelKind]) -> str:
    """What is lost of a domain of these kinds in 8-bit colour; empty where nothing is."""
    deep = [kind for kind in kinds if kind.is_deep]
    if not deep:
        return ""
    kept = "; --set images.channels=1 --set images.depth=16 keeps them" if len(kinds) == 1 and deep[0].keeps else ""
    return f"'{name}': pictures that are {' or '.join(map(str, deep))} are trained on in 8-bit colour{kept}."

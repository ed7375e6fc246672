"""Cards of collections of domains (a TOML file each), and the folders of fetched collections.

A card gives a collection's title, source and licence, and says which of its folders is which domain. Where that is not
known, the card names no domains, and a domain is called like its published folder until a person renames it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from combogan.errors import DomainError, suggestion
from combogan.settings import bundled

DRAWN = "scenes"
"""The drawn collection: a bare name is looked up in it first, and it needs no fetching."""


@dataclass(frozen=True)
class DomainCard:
    """One domain of a collection: its title, and its published folders or its half of pictures side by side."""

    title: str
    train: str = ""
    test: str = ""
    half: Literal["", "left", "right"] = ""


@dataclass(frozen=True)
class Collection:
    """A card: domains that were published together, or that are drawn."""

    name: str
    title: str
    layout: Literal["drawn", "named", "unnamed", "side-by-side"]
    """`drawn`: by combogan; `named`: the card says which folder is which domain; `unnamed`: it does not;
    `side-by-side`: every picture shows two domains, and the card says which half is which."""
    licence: str
    citation: str
    domains: dict[str, DomainCard]
    url: str = ""
    source: str = ""
    draws: Literal["scenes", "things"] = "scenes"
    """What a drawn collection shows; all that show the same have the same test set."""
    pictures: int | None = None
    """Training pictures of each drawn domain, None for all; test pictures are always all."""
    paired: bool = False
    """Whether the training pictures of drawn domains show the same scenes."""
    count: int = 0
    """Expected number of domains in an unnamed collection."""

    @property
    def published(self) -> str:
        """The name under which the set was published, such as `summer2winter_yosemite`."""
        return self._file.partition(".")[0] or self.name

    @property
    def ending(self) -> str:
        """Of the published file: `.zip` or `.tar.gz`."""
        return "".join(self._file.partition(".")[1:])

    @property
    def _file(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def folder(self) -> Path:
        """The folder of the fetched pictures: a folder per domain with `train` and `test` in it."""
        return fetched_folder() / self.name

    @property
    def is_fetched(self) -> bool:
        return self.layout == "drawn" or self.folder.is_dir()

    def names(self) -> list[str]:
        """The domains: the folders once fetched, since a person may rename them, else those of the card."""
        if self.layout == "drawn" or not self.folder.is_dir():
            return list(self.domains)
        return sorted(path.name for path in self.folder.iterdir() if (path / "train").is_dir())

    def title_of(self, domain: str) -> str:
        card = self.domains.get(domain)
        return card.title if card else f"{domain}, of {self.title}"


def fetched_folder() -> Path:
    """The folder with all fetched collections."""
    return Path.home() / ".combogan" / "domains"


@cache
def collections() -> dict[str, Collection]:
    """All cards that come with combogan, by name, the drawn collection first."""
    cards = [_read(path) for path in sorted(bundled("domains").glob("*.toml"))]
    cards.sort(key=lambda card: card.name != DRAWN)
    return {card.name: card for card in cards}


def collection(name: str) -> Collection:
    """The collection with this name or published name. DomainError, with the nearest name, where there is none."""
    found = known_as(name)
    if found is not None:
        return found
    known = [word for card in collections().values() for word in (card.name, card.published)]
    raise DomainError(
        f"no collection is called '{name}'.{suggestion(name, known)} There are: {', '.join(collections())}."
    )


def known_as(name: str) -> Collection | None:
    """The collection with this name, else the first that was published under it; None where there is none."""
    cards = collections()
    return cards.get(name) or next((card for card in cards.values() if card.published == name), None)


def _read(path: Path) -> Collection:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    domains = {name: DomainCard(**card) for name, card in table.pop("domains", {}).items()}
    return Collection(name=path.stem, domains=domains, **table)

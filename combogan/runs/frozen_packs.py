"""The packs that a training must not change, because it adds to them: what the card in its folder says of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from pathlib import Path

from combogan import storage
from combogan.errors import PackError
from combogan.registry.pack import CARD, Pack


class FrozenPacks(ABC):
    """The packs that a domain is added to, or that a bridge connects."""

    files: dict[str, str]
    """SHA-256 of every file of the packs, which must not change."""

    @property
    @abstractmethod
    def trained(self) -> str:
        """What is trained, as text."""

    @abstractmethod
    def meets(self, one: str, other: str) -> bool:
        """Whether two domains are trained together."""

    @abstractmethod
    def fits(self, domains: Collection[str]) -> bool:
        """Whether these can be the domains of its training."""

    def changed_files(self) -> list[str]:
        """Files of the packs that have changed."""
        return [path for path, digest in self.files.items() if not storage.is_unchanged(Path(path), digest)]

    def refuse_changed(self, meanwhile: str) -> None:
        """PackError where a pack has changed while, as text, something was done."""
        if changed := self.changed_files():
            raise PackError(f"{changed[0]} has changed while {meanwhile}; something else wrote to it.")


def file_hashes(packs: Iterable[Pack]) -> dict[str, str]:
    """SHA-256 of every card and weight file of packs, by path."""
    return {
        str(path.resolve()): storage.file_hash(path)
        for pack in packs
        for path in sorted(pack.folder.glob("*"))
        if path.is_file() and (path.name == CARD or path.suffix == ".safetensors")
    }

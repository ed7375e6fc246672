"""The card of a growth: what a domain that is being added grows onto."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from combogan import storage
from combogan.errors import RunError
from combogan.registry.pack import CARD, Pack
from combogan.registry.registry import GROWTH_CARD


@dataclass(frozen=True)
class Growth:
    """What a growth's folder says beside its settings: what it grows onto.

    Paths are absolute. The card has those inside the run, or the growth's own folder, as seen from that folder, so that
    both can be moved.
    """

    name: str
    """The new domain."""
    space: str
    """Id of the latent space that it joins."""
    packs: dict[str, str]
    """Folder of each old domain's pack."""
    files: dict[str, str]
    """SHA-256 of every file of the old packs, which must be the same in the end."""
    target: str
    """Folder that the new pack is published as."""
    judges: str | None
    """The run whose last checkpoint the old discriminators are copied from; None where they begin fresh."""

    @classmethod
    def read(cls, folder: Path) -> Growth:
        """Raises RunError when the card is damaged."""
        try:
            growth = cls(**json.loads((folder / GROWTH_CARD).read_bytes()))
            return growth._with_paths(lambda path: os.path.normpath(folder.resolve() / path))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise RunError(f"{folder / GROWTH_CARD} is damaged ({error}); delete {folder} and add it again.") from None

    def write(self, folder: Path) -> None:
        """Raises StorageError."""
        here = folder.resolve()
        home = here if self.judges is None else Path(self.judges)

        def seen(path: str) -> str:
            inside = Path(path).is_relative_to(home)
            return Path(os.path.relpath(path, here)).as_posix() if inside else path

        storage.write(folder / GROWTH_CARD, json.dumps(asdict(self._with_paths(seen)), indent=1).encode())

    def changed_files(self) -> list[str]:
        """Files of the old packs that are not as they were."""
        return [path for path, digest in self.files.items() if not _is_still(Path(path), digest)]

    def _with_paths(self, change: Callable[[str], str]) -> Growth:
        return replace(
            self,
            packs={name: change(path) for name, path in self.packs.items()},
            files={change(path): digest for path, digest in self.files.items()},
            target=change(self.target),
            judges=None if self.judges is None else change(self.judges),
        )


def is_growth(path: Path) -> bool:
    """Whether a folder is one in which a domain is being added."""
    return (path / GROWTH_CARD).is_file()


def file_hashes(packs: Iterable[Pack]) -> dict[str, str]:
    """SHA-256 of every card and weight file of packs, by path."""
    return {
        str(path.resolve()): storage.file_hash(path)
        for pack in packs
        for path in sorted(pack.folder.glob("*"))
        if path.is_file() and (path.name == CARD or path.suffix == ".safetensors")
    }


def _is_still(path: Path, digest: str) -> bool:
    return path.is_file() and storage.file_hash(path) == digest

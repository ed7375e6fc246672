"""`growth.json`, the card in the folder of a domain that is being added: which packs it is added to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from combogan.errors import RunError
from combogan.registry.card import fault
from combogan.registry.pack import CARD
from combogan.registry.registry import GROWTH_CARD
from combogan.runs.frozen_packs import FrozenPacks

_RENAMED = {"judges": "discriminators"}
"""Keys of the file whose fields have been renamed since."""


@dataclass(frozen=True)
class Growth(FrozenPacks):
    """The domain that is being added, and what it is added to.

    Paths are absolute here. In the file, paths inside the run (inside the folder itself where there is no run) are
    relative to the folder, so that run and folder can be moved.
    """

    name: str
    """The new domain."""
    space: str
    """Id of the latent space that it joins."""
    packs: dict[str, str]
    """Folder of each old domain's pack."""
    files: dict[str, str]
    """SHA-256 of every file of the old packs, which must not change."""
    target: str
    """Folder that the new pack is written to."""
    discriminators: str | None
    """The run whose last checkpoint the old discriminators are copied from; None where they are new."""

    @classmethod
    def read(cls, folder: Path) -> Growth:
        """The card in a folder. Raises RunError when it is damaged."""
        try:
            fields = json.loads((folder / GROWTH_CARD).read_bytes())
            fields = {_RENAMED.get(key, key): value for key, value in fields.items()}
            growth = TypeAdapter(cls).validate_python(fields)
            if not growth.packs or any(f"{path}/{CARD}" not in growth.files for path in growth.packs.values()):
                raise ValueError("it does not name the old packs and their files")
            return growth._with_paths(lambda path: os.path.normpath(folder.resolve() / path))
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RunError(
                f"{folder / GROWTH_CARD} is damaged ({fault(error)}); delete {folder} and add it again."
            ) from None

    def content(self, folder: Path) -> bytes:
        """The content of the card in a folder."""
        here = folder.resolve()
        home = here if self.discriminators is None else Path(self.discriminators)

        def seen(path: str) -> str:
            inside = Path(path).is_relative_to(home)
            return Path(os.path.relpath(path, here)).as_posix() if inside else path

        keys = {field: key for key, field in _RENAMED.items()}
        fields = {keys.get(field, field): value for field, value in asdict(self._with_paths(seen)).items()}
        return json.dumps(fields, indent=1).encode()

    @property
    def trained(self) -> str:
        """The new domain."""
        return f"'{self.name}'"

    def meets(self, one: str, other: str) -> bool:
        """Whether two domains are trained together: the new one and another."""
        return self.name in (one, other)

    def _with_paths(self, change: Callable[[str], str]) -> Growth:
        return replace(
            self,
            packs={name: change(path) for name, path in self.packs.items()},
            files={change(path): digest for path, digest in self.files.items()},
            target=change(self.target),
            discriminators=None if self.discriminators is None else change(self.discriminators),
        )


def is_growth(path: Path) -> bool:
    """Whether this is the folder of a domain that is or was added."""
    return (path / GROWTH_CARD).is_file()

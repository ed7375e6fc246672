"""`growth.json`, the card in the folder of a domain that is being added: which packs it is added to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from combogan.errors import RunError
from combogan.registry.card import fault
from combogan.registry.pack import CARD, Pack
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
            fields = TypeAdapter(dict[str, Any]).validate_json((folder / GROWTH_CARD).read_bytes())
            fields = {_RENAMED.get(key, key): value for key, value in fields.items()}
            growth = TypeAdapter(cls).validate_python(fields)
            if not growth.packs or any(f"{path}/{CARD}" not in growth.files for path in growth.packs.values()):
                raise ValueError("it does not name the old packs and their files")
            growth = growth._with_paths(lambda path: os.path.normpath(folder.resolve() / path))
            if not Path(growth.target).match(f"packs/{growth.name}") or growth.target in growth.packs.values():
                raise ValueError("its target is not where the new pack belongs")
            return growth
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

        return json.dumps(asdict(self._with_paths(seen)), indent=1).encode()

    @property
    def space(self) -> str:
        """Id of the latent space that it joins. Raises PackError."""
        encoder = Pack.open(next(iter(self.packs.values()))).encoder
        assert encoder is not None
        return encoder.latent.space

    @property
    def trained(self) -> str:
        """The new domain."""
        return f"'{self.name}'"

    def meets(self, one: str, other: str) -> bool:
        """Whether two domains are trained together: the new one and another."""
        return self.name in (one, other)

    def fits(self, domains: Collection[str]) -> bool:
        """Whether the domains are the new one and old ones."""
        return self.name in domains and set(domains) <= {self.name, *self.packs}

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

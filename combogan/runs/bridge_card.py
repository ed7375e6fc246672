"""`bridging.json`, the card in the folder of a bridge that is being trained: which runs it connects."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from combogan.errors import RunError, WorkersError
from combogan.networks.latent import Latent
from combogan.registry.card import HalfCard, fault
from combogan.registry.pack import CARD, Pack
from combogan.runs.frozen_packs import FrozenPacks
from combogan.settings import Settings

BRIDGING_CARD = "bridging.json"


@dataclass(frozen=True)
class End:
    """A run at one end of a bridge."""

    run: str
    """Its folder, absolute."""
    packs: dict[str, str]
    """Folder of each domain's pack, absolute."""

    @property
    def latent(self) -> Latent:
        """What its encoders hand over. Raises PackError."""
        return self._half.latent

    @property
    def space(self) -> str:
        """Id of its latent space. Raises PackError."""
        return self.latent.space

    @property
    def channels(self) -> int:
        """Channels of its images: 3, or 1 for gray. Raises PackError."""
        return self._half.channels

    @property
    def _half(self) -> HalfCard:
        pack = Pack.open(next(iter(self.packs.values())))
        return next(iter(pack.halves.values()))


@dataclass(frozen=True)
class Bridging(FrozenPacks):
    """The two runs that a bridge connects. Latents of the first are adapted to the space of the second, and back."""

    a: End
    b: End
    files: dict[str, str]
    """SHA-256 of every file of the packs, which must not change."""

    @classmethod
    def read(cls, folder: Path) -> Bridging:
        """The card in a folder. Raises RunError when it is damaged."""
        try:
            bridging = TypeAdapter(cls).validate_json((folder / BRIDGING_CARD).read_bytes())
            packs = [path for end in bridging.ends for path in end.packs.values()]
            if not (bridging.a.packs and bridging.b.packs) or any(
                f"{path}/{CARD}" not in bridging.files for path in packs
            ):
                raise ValueError("it does not name the packs and their files")
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RunError(
                f"{folder / BRIDGING_CARD} is damaged ({fault(error)}); delete {folder} and build the bridge again."
            ) from None
        return bridging

    def content(self) -> bytes:
        """The content of the card."""
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def ends(self) -> tuple[End, End]:
        """Both ends."""
        return self.a, self.b

    @property
    def trained(self) -> str:
        """The bridge."""
        return "the bridge"

    def meets(self, one: str, other: str) -> bool:
        """Whether two domains are trained together: one of each run."""
        return (one in self.a.packs) != (other in self.a.packs)

    def fits(self, domains: Collection[str]) -> bool:
        """Whether the domains are those of the two runs."""
        return set(domains) <= self.a.packs.keys() | self.b.packs.keys()

    def pairs(self, names: list[str]) -> list[tuple[str, str]]:
        """The pairs of the named domains that are trained, one of the first run and one of the second."""
        ours, theirs = ([name for name in names if name in end.packs] for end in self.ends)
        return [(a, b) for a in ours for b in theirs]


def refuse_workers(settings: Settings) -> None:
    """WorkersError where a bridge would be trained by workers."""
    if settings.run.workers:
        raise WorkersError("a bridge is in every pair, so its training cannot be spread over workers; leave them out.")


def is_bridge(path: Path) -> bool:
    """Whether this is the folder of a bridge."""
    return (path / BRIDGING_CARD).is_file()


def refuse_bridge(path: Path) -> None:
    """RunError where a run is a bridge."""
    if is_bridge(path):
        bridging = Bridging.read(path)
        raise RunError(
            f"{path} is a bridge between {bridging.a.run} and {bridging.b.run}, which has no domains of its own; name "
            "one of these runs."
        )

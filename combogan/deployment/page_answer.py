"""What a visitor of the page may use, and gets: translations as files, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image

from combogan.deployment.page_files import BOUND
from combogan.translation.files import FAR

MOST = 20
"""Pictures that are translated at once."""
KEPT = BOUND // 2
"""Bytes of one answer's pictures, uncompressed, at most: the others are for its zip."""


@dataclass(frozen=True)
class Limits:
    """What a visitor may use."""

    file: int = 32 * 10**6
    """Bytes of an uploaded file."""
    pixels: int = 64 * 10**6
    """Pixels of an uploaded picture."""
    memory: int = 3 * 10**9 // 2
    """Bytes of memory that the translation of one picture may take; what needs more is translated in tiles."""
    disk: int = 12 * 10**9
    """Bytes of disk that it may take meanwhile, where it is in tiles."""


@dataclass(frozen=True)
class Result:
    """A picture and one of its translations, as files of the page."""

    target: str
    source_file: Path
    file: Path
    name: str
    """In a zip: TARGET/NAME.png."""
    trained: int
    """Side of the crops that its networks were trained on, in pixels."""

    @property
    def caption(self) -> str:
        """What is written below it."""
        return f"{self.target}: {PurePosixPath(self.name).stem}"


@dataclass
class Answer:
    """The answer to a visitor: translations, and what there is to say."""

    results: list[Result] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    domains: dict[Path, str] = field(default_factory=dict)
    """Where any domain was asked for: the one that each picture was translated from."""
    bytes: int = 0
    """Of its pictures, uncompressed."""


def hints(results: Sequence[Result]) -> list[str]:
    """A hint for all pictures that are far larger than those that their networks were trained on."""
    far: dict[int, int] = {}
    for result in results:
        with Image.open(result.file) as picture:
            side = min(picture.size)
        if side > FAR * result.trained:
            far[result.trained] = max(side, far.get(result.trained, 0))
    return [
        f"Hint: pictures of up to {side} px were translated by networks trained at {trained} px; size {2 * trained} px "
        "may look better."
        for trained, side in far.items()
    ]

"""Writes the packs of a published checkpoint, beside packs that are there already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import combogan
from combogan.errors import OriginalError
from combogan.published.checkpoint import Original
from combogan.registry.pack import CARD, NewPack, Pack, SharedPart, publish, write_pack
from combogan.registry.swap import recover


def write_packs(original: Original, folder: Path, *, origins: Mapping[str, str] | None = None) -> list[Pack]:
    """Write a pack for each domain below `folder`; `origins` says where their pictures are, if known.

    OriginalError where a name is taken by something else; StorageError. Both change nothing.
    """
    _refuse_losses(original, folder)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    packs = []
    for name in original.names:
        about = {"combogan": combogan.__version__, "date": date, "imported": dict(original.imported)}
        if origins and name in origins:
            about["origin"] = origins[name]
        halves = original.encoders.get(name), original.decoders.get(name)
        place = original.names.index(name)
        packs.append(NewPack(name, *halves, original.spaces[name], original.image_size, about, place))
    if not _holds_something(folder):
        return publish(folder, packs, shared=_shared_part(original))
    return [write_pack(folder / pack.domain, pack) for pack in packs]


def _refuse_losses(original: Original, folder: Path) -> None:
    """OriginalError where anything but an import of the same checkpoint would be lost."""
    if original.shared is not None and _holds_something(folder):
        raise OriginalError(
            f"{folder} is not empty, but these domains share blocks, which are stored beside their packs alone; import "
            "to an empty folder."
        )
    for name in original.names:
        path = folder / name
        recover(path)
        if not _holds_something(path):
            continue
        if not (path / CARD).is_file():
            raise OriginalError(f"{path} is taken by something that is no pack; import to another folder.")
        if _spaces(Pack.open(path)) != {space for space in original.spaces[name] if space}:
            raise OriginalError(
                f"{path} is a pack of another latent space, which would be lost; import to another folder."
            )


def _holds_something(path: Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def _spaces(pack: Pack) -> set[str]:
    return {half.latent.space for half in pack.halves.values()}


def _shared_part(original: Original) -> SharedPart | None:
    if original.shared is None:
        return None
    return SharedPart(*original.shared, original.spaces[original.names[0]][0])

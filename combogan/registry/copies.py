"""Copies of packs in another folder, the same to the byte, with the blocks that they share and bridges between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from combogan import storage
from combogan.errors import PackError
from combogan.registry.bridge import CARD as BRIDGE_CARD
from combogan.registry.bridge import Bridge, folder_name
from combogan.registry.pack import CARD, SHARED_CARD, Pack
from combogan.registry.registry import Registry
from combogan.registry.swap import replacing

FILES = "*.safetensors", "*.json", "preview.png"


def together(registry: Registry, domains: Sequence[str]) -> list[Pack]:
    """The packs of the newest latent space that holds all the domains; where none does, the newest of each.

    Raises PackError.
    """
    newest = [registry.pack(name) for name in domains]
    for packs in registry.spaces().values():
        held = {pack.domain: pack for pack in reversed(packs)}
        if held.keys() >= set(domains):
            return [held[name] for name in domains]
    return newest


def bridges_between(registry: Registry, packs: Sequence[Pack]) -> list[Bridge]:
    """The bridges that connect the latent spaces of packs, the newest between two of them."""
    spaces = {half.latent.space for pack in packs for half in pack.halves.values()}
    found: dict[frozenset[str], Bridge] = {}
    for bridge in registry.bridges:
        if spaces.issuperset(bridge.spaces):
            found.setdefault(frozenset(bridge.spaces), bridge)
    return list(found.values())


def copy_packs(packs: Sequence[Pack], folder: Path, bridges: Sequence[Bridge] = ()) -> list[Path]:
    """Copy packs to `folder/DOMAIN`, and bridges; gives the folders that were written, not those that were there.

    PackError where a pack is damaged, or a different one is there already (then nothing is copied); StorageError.
    """
    wanted: dict[Path, tuple[Path, str]] = {}
    for pack in packs:
        pack.verify()
        wanted[folder / pack.domain] = (pack.folder, CARD)
        shared = pack.shared_folder()
        if shared is not None:
            wanted[folder / "shared" / shared.name] = (shared, SHARED_CARD)
    for bridge in bridges:
        bridge.verify()
        wanted[folder / folder_name(bridge.spaces)] = (bridge.folder, BRIDGE_CARD)
    new = {target: source for target, (source, card) in wanted.items() if not _is_there(source, target, card)}
    for target, source in new.items():
        with replacing(target) as copy:
            for file in sorted(path for pattern in FILES for path in source.glob(pattern)):
                storage.write_synced(copy / file.name, file.read_bytes())
    for pack in packs:
        Pack.open(folder / pack.domain).verify()
    return list(new)


def _is_there(source: Path, target: Path, card: str) -> bool:
    """Whether `target` is this pack already. PackError where it is another one, or no pack at all."""
    if not target.exists():
        return False
    file = target / card
    if file.is_file() and file.read_bytes() == (source / card).read_bytes():
        return True
    what = "another pack" if file.is_file() else "something else"
    raise PackError(f"{target} is {what} already; copy to another folder, or move it away.")

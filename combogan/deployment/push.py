"""Packs to a folder anywhere: cards, weights, previews, a model card, and last the listing of them all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from combogan.data.fetching import Progress
from combogan.deployment import model_card
from combogan.deployment.listing import LARGEST_LISTING, LISTING, Entry, Listing, parse
from combogan.deployment.remote import Remote, is_url, shown
from combogan.errors import ComboganError, PackError
from combogan.evaluation.classifier import CLASSIFIER
from combogan.registry.card import PackCard, SharedCard, card_bytes, read_card
from combogan.registry.copies import together
from combogan.registry.pack import CARD, SHARED_CARD, Pack
from combogan.registry.registry import RUN_CARD, Registry, home
from combogan.settings import Settings


def chosen(registry: Registry, names: Sequence[str]) -> list[Pack]:
    """The packs of those domains or, where none are named, of the newest latent space. Raises PackError."""
    if not names:
        newest = next(iter(registry.spaces().values()), [])
        names = sorted({pack.domain for pack in newest})
    return together(registry, names)


def push(
    packs: Sequence[Pack],
    address: str,
    *,
    licence: str = "unknown",
    tell: Callable[[str], object] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> Listing:
    """Write packs, and a model card with this licence, to the folder at `address`; files that are there already stay.

    Where it holds packs of the same domains, they are replaced. PackError where a pack is damaged, or others would be
    lost; TransferError where the folder cannot be written.
    """
    remote = Remote(address)
    for pack in packs:
        pack.verify()
    before = _before(remote)
    lost = before.domains - {pack.domain for pack in packs} if before is not None else set()
    if lost:
        raise PackError(f"{remote.name} holds packs of {', '.join(sorted(lost))} too; push to another folder.")
    with TemporaryDirectory() as made:
        files = _files(packs, address, licence, Path(made), tell)
        listing = Listing(files={name: Entry.of(path) for name, path in files.items()})
        done = 0
        for name, path in files.items():
            entry = listing.files[name]
            if not _is_there(remote, name, entry, before):
                for written in remote.write(name, path):
                    progress("pushing", done + written, listing.size)
            done += entry.size
            progress("pushing", done, listing.size)
        last = Path(made, LISTING)
        last.write_bytes(listing.content())
        for _ in remote.write(LISTING, last):
            pass
    return listing


def _before(remote: Remote) -> Listing | None:
    """The listing that is there already; None where there is none, or nobody could use it."""
    try:
        content = b"".join(remote.read(LISTING)) if (remote.size(LISTING) or 0) <= LARGEST_LISTING else b""
        return parse(content, remote.name)
    except (FileNotFoundError, PackError):
        return None


def _is_there(remote: Remote, name: str, entry: Entry, before: Listing | None) -> bool:
    """Whether a file was pushed before: its listing says so or, where the transfer broke, its content does."""
    if remote.size(name) != entry.size:
        return False
    if before is not None and before.files.get(name) == entry:
        return True
    digest = hashlib.sha256()
    try:
        for chunk in remote.read(name):
            digest.update(chunk)
    except FileNotFoundError:
        return False
    return digest.hexdigest() == entry.sha256


def _files(
    packs: Sequence[Pack], address: str, licence: str, made: Path, tell: Callable[[str], object]
) -> dict[str, Path]:
    """Name -> file: weights first and cards last, so that a pack is seen when it is whole. Cards are made in `made`."""
    files: dict[str, Path] = {}
    for pack in packs:
        files |= {f"{pack.domain}/{half.file}": pack.folder / half.file for half in pack.halves.values()}
        if (preview := pack.folder / "preview.png").is_file():
            files[f"{pack.domain}/{preview.name}"] = preview
        if (shared := pack.shared_folder()) is not None:
            card = read_card(shared / SHARED_CARD, SharedCard)
            parts = [part.file for part in (card.encoder, card.decoder) if part is not None]
            files |= {f"shared/{shared.name}/{file}": shared / file for file in [*parts, SHARED_CARD]}
    for pack in packs:
        files[f"{pack.domain}/{CARD}"] = _write(made / pack.domain / CARD, _shared_card(pack))
    run = _run(packs)
    scores = None if run is None else _scores(run, packs, tell)
    if scores is not None:
        files["evaluation.json"] = scores
    if run is not None and (run / CLASSIFIER).is_file():
        files[CLASSIFIER] = run / CLASSIFIER
    if run is not None and (grid := _grid(run, packs)) is not None:
        files["grid.png"] = grid
    source = shown(address) if is_url(address) else "FOLDER"  # not where it is on this computer
    read_me = model_card.model_card(packs, source, licence, scores, with_grid="grid.png" in files)
    files["README.md"] = _write(made / "README.md", read_me.encode())
    return files


def _shared_card(pack: Pack) -> bytes:
    """The card of a pack, without the folder on this computer that its pictures were in."""
    card = read_card(pack.folder / CARD, PackCard)
    about = {key: value for key, value in card.about.items() if key != "origin" or not _is_folder(value)}
    return card_bytes(card.model_copy(update={"about": about}))


def _is_folder(origin: Any) -> bool:
    return not isinstance(origin, str) or Path(origin).is_absolute() or ":" in origin or "\\" in origin


def _run(packs: Sequence[Pack]) -> Path | None:
    """The run that all packs are of, if they are."""
    homes = {home(pack) for pack in packs}
    return next(iter(homes)) if len(homes) == 1 and all((one / RUN_CARD).is_file() for one in homes) else None


def _scores(run: Path, packs: Sequence[Pack], tell: Callable[[str], object]) -> Path | None:
    """evaluation.json of a run, if it is of these packs."""
    scores = run / "evaluation.json"
    if not scores.is_file():
        tell(f"{run} has no scores, so the model card has none; `combogan evaluate {run}` makes them.")
        return None
    if scores.stat().st_mtime < max(pack.published for pack in packs):
        tell(f"The scores of {run} are older than its packs, so the model card has none; `combogan evaluate {run}`.")
        return None
    return scores


def _grid(run: Path, packs: Sequence[Pack]) -> Path | None:
    """The newest sample grid of a run, if it shows these domains alone."""
    try:
        domains = Settings.load(run / RUN_CARD).domains
    except ComboganError:
        return None
    sheets = sorted((run / "samples").glob("*.png"))
    return sheets[-1] if sheets and domains.keys() <= {pack.domain for pack in packs} else None


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path

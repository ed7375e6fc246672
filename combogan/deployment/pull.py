"""Packs from a folder anywhere: checked before they are used; what a broken transfer has brought is kept."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from combogan import storage
from combogan.data.fetching import Progress
from combogan.deployment.listing import LARGEST_LISTING, LISTING, Entry, Listing, parse, refuse_unlisted
from combogan.deployment.remote import Remote, shown
from combogan.errors import PackError, StorageError, TransferError
from combogan.registry.pack import Pack
from combogan.registry.swap import replacing

SOURCE = ".source"
"""The file that says where a folder of packs was pulled from."""


def pull(
    address: str,
    folder: Path | None = None,
    *,
    progress: Progress = lambda *_: None,
) -> Path:
    """Bring the packs at `address` to a folder, by default that of `cache`; gives the folder.

    Files that are there already are kept, and nothing is seen before all is there and checked. PackError for packs that
    are damaged or dangerous, and for a folder that holds something else; TransferError where the transfer breaks off:
    calling again takes it up; StorageError.
    """
    remote = Remote(address)
    folder = (folder or cache(address)).expanduser().absolute()
    listing = _listing(remote)
    _refuse_other(folder, remote.name)
    part = folder.with_name(f".{folder.name}.part")
    with storage.explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f".{folder.name}.lock")):
            if not _is_there(listing, folder):
                _refuse_full_disk(listing, folder.parent)
                _fill(part, listing, folder, remote, progress)
                with replacing(folder) as new:
                    new.rmdir()
                    part.rename(new)
    return folder


def pulled(address: str, *, tell: Callable[[str], object], progress: Progress = lambda *_: None) -> Path:
    """As `pull` into the cache, but where `address` cannot be reached, the packs that were pulled before will do."""
    try:
        return pull(address, progress=progress)
    except TransferError as error:
        folder = cache(address)
        if not (folder / LISTING).is_file():
            raise
        tell(f"{error} The packs that were pulled from there before are used.")
        return folder


def cache(address: str) -> Path:
    """Where packs from an address are kept: a folder of ~/.combogan/packs, so that they are found by name later."""
    name = shown(address)
    short = re.sub(r"\W+", "-", name).strip("-_")[-60:].lstrip("-_")
    return Path.home() / ".combogan" / "packs" / f"{short}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _listing(remote: Remote) -> Listing:
    content = b""
    try:
        for chunk in remote.read(LISTING):
            content += chunk
            if len(content) > LARGEST_LISTING:
                raise PackError(f"{LISTING} of {remote.name} is larger than one can be; push the packs again.")
    except FileNotFoundError:
        raise PackError(
            f"there are no shared packs at {remote.name}: it has no {LISTING}; `combogan packs push` writes one, and "
            f"`combogan packs copy` copies packs from a run."
        ) from None
    return parse(content, remote.name)


def _refuse_other(folder: Path, source: str) -> None:
    """PackError where a folder holds anything but packs that were pulled from the same place."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        before = (folder / SOURCE).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise PackError(f"{folder} is not empty; pull to another folder.") from None
    if before != source:
        raise PackError(f"{folder} holds packs from {before}; pull to another folder.")


def _is_there(listing: Listing, folder: Path) -> bool:
    same = (folder / LISTING).is_file() and (folder / LISTING).read_bytes() == listing.content()
    return same and all(entry.fits(folder / name) for name, entry in listing.files.items())


def _refuse_full_disk(listing: Listing, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if listing.size > free:
        raise StorageError(
            f"the disk of {folder} is too full: {listing.size / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are "
            f"free; make room, then run the same command again."
        )


def _fill(part: Path, listing: Listing, old: Path, remote: Remote, progress: Progress) -> None:
    """Bring all files to the folder `part`: the cards first, which say what the others may be. Raises as `pull`."""
    done, cards = 0, listing.cards
    others = [name for name in listing.files if name not in cards]
    try:
        for names in (cards, others):
            for name in names:
                for size in _brought(part, name, listing.files[name], old, remote):
                    progress("pulling", done + size, listing.size)
                done += listing.files[name].size
                progress("pulling", done, listing.size)
            if names is cards:
                refuse_unlisted(listing, part, remote.name)
        for stray in _strays(part, listing):
            stray.unlink()
        for domain in sorted(listing.domains):
            Pack.open(part / domain).verify()
    except PackError:
        storage.remove_folder(part)
        raise
    storage.write_synced(part / LISTING, listing.content())
    storage.write_synced(part / SOURCE, remote.name.encode())


def _brought(part: Path, name: str, entry: Entry, old: Path, remote: Remote) -> Iterator[int]:
    """Bring a file, unless it is there or in the folder of the last time; yields the bytes that have arrived."""
    path = part / name
    if entry.fits(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.fits(old / name):
        shutil.copyfile(old / name, path)
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield from _received(partial, name, entry, remote)
        partial.replace(path)
    except FileNotFoundError:
        raise PackError(f"{remote.name} lacks {name}, which it lists; push the packs again.") from None
    finally:
        partial.unlink(missing_ok=True)


def _received(partial: Path, name: str, entry: Entry, remote: Remote) -> Iterator[int]:
    """Write a file as it arrives; yields its size so far. PackError unless it is what is listed; TransferError."""
    size, digest = 0, hashlib.sha256()
    with partial.open("wb") as out:
        for chunk in remote.read(name):
            size += len(chunk)
            if size > entry.size:
                raise PackError(f"{name} of {remote.name} is larger than its listing says; nothing was pulled.")
            digest.update(chunk)
            out.write(chunk)
            yield size
        out.flush()
        os.fsync(out.fileno())
    if size < entry.size:
        raise TransferError(
            f"the transfer of {name} from {remote.name} broke off after {size:,} of {entry.size:,} bytes; run the same "
            f"command again to take it up."
        )
    if digest.hexdigest() != entry.sha256:
        raise PackError(f"{name} of {remote.name} is damaged, or was replaced meanwhile; run the command again.")


def _strays(part: Path, listing: Listing) -> list[Path]:
    """Files of an earlier transfer that are no longer listed."""
    files = [path for path in part.rglob("*") if path.is_file()]
    return [path for path in files if path.relative_to(part).as_posix() not in listing.files]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process pulls into the same folder."""
    if os.name != "posix":  # other systems have no lock that ends with a killed process
        yield
        return
    import fcntl

    while True:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _leads_to(lock, file.fileno()):
                try:
                    yield
                finally:
                    lock.unlink()
                return


def _leads_to(path: Path, file: int) -> bool:
    """Whether a path is still that of an open file, which another process may have deleted when it was done."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False

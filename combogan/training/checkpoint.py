"""Checkpoints: save and find everything that a run needs to go on with the same bits.

    checkpoints/004000/manifest.json          what belongs to the checkpoint, with a hash of every file
    checkpoints/004000/summer.safetensors     the state of one domain (invariant 1)

A checkpoint is written under a temporary name, its manifest last, synced and renamed, so a half-written one is never
read. A domain that has not been updated since the previous checkpoint is not written again: the manifest refers to the
file there, which is kept as long as a manifest refers to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from combogan import storage
from combogan.errors import CheckpointError, StorageError

FORMAT = 1
MANIFEST = "manifest.json"
SHARED = "_shared"
"""The part of a checkpoint that holds what all domains share; no domain can have this name."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: its manifest has been read, its files not yet."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def iteration(self) -> int:
        """Iterations done when it was saved."""
        return int(self.manifest["iteration"])

    @property
    def record(self) -> dict[str, Any]:
        """What was recorded beside the states."""
        return dict(self.manifest["record"])

    def file(self, part: str) -> Path:
        """The file with the state of a part (a domain, or what all share)."""
        return self.folder.parent / str(self.manifest["parts"][part]["file"])

    def updates(self, part: str) -> int:
        """How often a part had been trained."""
        return int(self.manifest["parts"][part]["updates"])

    @property
    def parts(self) -> list[str]:
        """The names of the domains whose states it holds, and of what all share."""
        return list(self.manifest["parts"])

    def verify(self) -> None:
        """Raises CheckpointError if a file is missing or damaged, StorageError if it must not be read."""
        for part, saved in self.manifest["parts"].items():
            path = self.file(part)
            try:
                found = storage.file_hash(path)
            except PermissionError:
                raise _not_permitted(path) from None
            except OSError as error:
                raise self._damaged(f"{path} cannot be read ({error})") from None
            if found != saved["sha256"]:
                raise self._damaged(f"{path} is not what was saved")

    def state(self, part: str) -> dict[str, Tensor]:
        """The state of one part, on the CPU. Raises CheckpointError if its file is missing or damaged."""
        path = self.file(part)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise self._damaged(f"{path} cannot be read ({error})") from None
        if hashlib.sha256(content).hexdigest() != self.manifest["parts"][part]["sha256"]:
            raise self._damaged(f"{path} is not what was saved")
        return load(content)

    def _damaged(self, why: str) -> CheckpointError:
        return CheckpointError(f"checkpoint {self.folder} is damaged: {why}.")


class Checkpoints:
    """The checkpoints in a folder: the newest `keep`, and perhaps an older one that is kept too."""

    def __init__(self, folder: Path, *, keep: int) -> None:
        self.folder, self.keep = folder, keep
        self.last: Checkpoint | None = None

    def save(
        self,
        iteration: int,
        states: Mapping[str, Callable[[], dict[str, Tensor]]],
        updates: Mapping[str, int],
        record: Any,
        *,
        stays: int | None = None,
    ) -> Checkpoint:
        """Write a checkpoint of the parts whose `updates` have grown since the last one, then delete old ones.

        `states` gives each part's state when called, so that only one is in memory at a time. The checkpoint of the
        iteration `stays` is not deleted. Raises StorageError, and deletes nothing then.
        """
        final = self.folder / f"{iteration:06d}"
        partial = self.folder / f".{final.name}.partial"
        before = self.last.manifest["parts"] if self.last is not None and self.last.folder != final else {}
        storage.remove_folder(partial)
        try:
            with storage.explained(final):
                parts = {}
                for part, state in states.items():
                    if part in before and before[part]["updates"] == updates[part]:
                        parts[part] = before[part]
                        continue
                    content = save({name: value.cpu().contiguous() for name, value in state().items()})
                    path = partial / f"{part}.safetensors"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    storage.write_synced(path, content)
                    digest = hashlib.sha256(content).hexdigest()
                    file = f"{final.name}/{part}.safetensors"
                    parts[part] = {"file": file, "sha256": digest, "updates": updates[part]}
                partial.mkdir(parents=True, exist_ok=True)
                manifest = {"format": FORMAT, "iteration": iteration, "parts": parts, "record": record}
                storage.write_synced(partial / MANIFEST, json.dumps(manifest, indent=1).encode())
                storage.sync_folder(partial)
                storage.remove_folder(final)  # a damaged checkpoint of this iteration, if there is one
                partial.rename(final)
                storage.sync_folder(self.folder)
        finally:
            storage.remove_folder(partial)
        self.last = Checkpoint(final, manifest)
        self._prune(stays)
        return self.last

    def newest(self, tell: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint whose files are all as they were saved; None if there is none.

        `tell` gets a message for each damaged one that was passed over. Files are hashed as streams, not loaded.
        StorageError where one must not be read: it may be whole.
        """
        for checkpoint in reversed(self.complete()):
            try:
                checkpoint.verify()
            except CheckpointError as error:
                tell(f"{str(error).rstrip('.')}; falling back to the one before.")
                continue
            self.last = checkpoint
            return checkpoint
        return None

    def at(self, iteration: int) -> Checkpoint:
        """The checkpoint of an iteration; its files are not read. CheckpointError when there is none."""
        for checkpoint in self.complete():
            if checkpoint.iteration == iteration:
                return checkpoint
        raise CheckpointError(f"checkpoint {self.folder / f'{iteration:06d}'} is gone.")

    def complete(self) -> list[Checkpoint]:
        """The checkpoints with a manifest, oldest first; their files are not read.

        StorageError where a manifest must not be read.
        """
        found = []
        for path in self._manifests():
            try:
                manifest = json.loads(path.read_bytes())
                if manifest["format"] == FORMAT and _is_whole(manifest):
                    found.append(Checkpoint(path.parent, manifest))
            except PermissionError:
                raise _not_permitted(path) from None
            except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                continue
        return sorted(found, key=lambda checkpoint: checkpoint.iteration)

    def _manifests(self) -> list[Path]:
        try:
            folders = [path for path in self.folder.iterdir() if path.name[0].isdigit()]
        except PermissionError:
            raise _not_permitted(self.folder) from None
        except OSError:
            return []
        return [path / MANIFEST for path in folders]

    def _prune(self, stays: int | None) -> None:
        """Keep the newest `keep` checkpoints, that of `stays`, and all files that these refer to; delete the others.

        Checkpoints newer than the last one are deleted too: they are damaged, and an older one was loaded instead.
        """
        assert self.last is not None
        good = [found for found in self.complete() if found.iteration <= self.last.iteration]
        kept = [*good[-self.keep :], *(found for found in good[: -self.keep] if found.iteration == stays)]
        needed = {checkpoint.file(part) for checkpoint in kept for part in checkpoint.manifest["parts"]}
        needed |= {checkpoint.folder / MANIFEST for checkpoint in kept}
        for folder in [*self.folder.glob("[0-9]*"), *self.folder.glob(".*.partial")]:
            # The manifest is deleted first: a checkpoint without one is never read.
            for path in sorted(folder.rglob("*"), key=lambda path: path.name != MANIFEST):
                if path.is_file() and path not in needed:
                    path.unlink(missing_ok=True)
            if not any(path.is_file() for path in folder.rglob("*")):
                storage.remove_folder(folder)


def _not_permitted(path: Path) -> StorageError:
    return StorageError(f"{path} cannot be read, because its permissions forbid it; change them and try again.")


def _is_whole(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest holds what `Checkpoints.save` writes. KeyError and such where it does not."""
    parts = manifest["parts"].values()
    typed = all(
        isinstance(saved["file"], str) and isinstance(saved["sha256"], str) and isinstance(saved["updates"], int)
        for saved in parts
    )
    return bool(parts) and typed and isinstance(manifest["record"], dict) and int(manifest["iteration"]) >= 0

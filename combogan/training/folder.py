"""The folder that a run writes: settings, log, history, and a lock against a second process."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from combogan import storage
from combogan.errors import RunError, SettingsError
from combogan.registry.registry import RUN_CARD
from combogan.settings import Settings
from combogan.training.loggers import IDS

HISTORY = "history.jsonl"
LOCK = ".lock"
BEFORE_TRAINING = {RUN_CARD, HISTORY, LOCK, IDS, "tensorboard", "wandb"}
"""What a run writes before its first iteration."""
_LONGEST = 80
"""Longest folder name in characters: the joined names of many domains would be too long for a file system."""


class RunFolder:
    """A run on disk. `create` starts one, `open` finds one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.packs = path / "packs"
        self.start = path / "start"
        self.samples = path / "samples"
        self.added = path / "added"
        self.log = path / "log.jsonl"
        self.history = path / HISTORY
        self._began: bytes | None = None
        """The settings.toml that this process began the run with; None where the run existed before."""

    @classmethod
    def create(cls, path: Path, settings: Settings, cards: Mapping[str, bytes] | None = None) -> RunFolder:
        """Make the folder of a new run, or reuse that of a run that has saved nothing; `cards` are files by name.

        RunError when it is taken, StorageError when it cannot be written.
        """
        folder = cls(path)
        folder.refuse_taken(also=cards or ())
        with storage.explained(path):
            path.mkdir(parents=True, exist_ok=True)
        with folder.locked():
            folder.write_history({"iteration": 0, "event": "started"})  # first: `is_untrained` looks for it
            for name, content in (cards or {}).items():
                storage.write(path / name, content)
            folder.write_settings(settings)
        folder._began = settings.toml().encode()
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The run in a folder. RunError when there is none."""
        if not os.path.isdir(path):  # unlike Path's, no error for a name that is too long
            raise RunError(f"there is no run {path}; check the path, runs are usually below ./runs.")
        if not (path / RUN_CARD).is_file():
            raise RunError(f"{path} is not a run: it has no {RUN_CARD}; give the folder that `combogan train` wrote.")
        return cls(path)

    def is_untrained(self, *, also: Collection[str] = ()) -> bool:
        """Whether a run began here and has saved nothing of its training, so that it can be overwritten.

        `also` names further files that this kind of run writes before training.
        """
        ours = {name for known in (*BEFORE_TRAINING, *also) for name in (known, f".{known}.partial")}
        return self.history.is_file() and all(
            path.name in ours or (path.is_dir() and not any(inside.is_file() for inside in path.rglob("*")))
            for path in self.path.iterdir()
        )

    def refuse_taken(self, *, also: Collection[str] = ()) -> None:
        """RunError where no new run can begin here, because something else is here; `also` as of `is_untrained`."""
        path = self.path
        if not path.exists() or self.is_untrained(also=also):
            return
        if (path / RUN_CARD).exists():
            raise RunError(f"{path} already holds a run; go on with it (--resume {path}) or choose another --out.")
        if not path.is_dir() or any(path.iterdir()):
            raise RunError(f"{path} is not an empty folder; choose another --out.")

    def settings(self) -> Settings:
        """The resolved settings of the run. SettingsError when the file is damaged."""
        path = self.path / RUN_CARD
        settings = Settings.load(path)
        if len(settings.domains) < 2:
            raise SettingsError(f"{path} is damaged: it names fewer than two domains; put back what the run wrote.")
        return settings

    def write_settings(self, settings: Settings) -> None:
        """Replace settings.toml."""
        storage.write(self.path / RUN_CARD, settings.toml().encode())

    def write_log(self, line: Mapping[str, Any]) -> None:
        """Append one line to log.jsonl."""
        self._append(self.log, line)

    def write_history(self, line: Mapping[str, Any]) -> None:
        """Append one line to history.jsonl, with the time: a start, a resumption, a change of settings.

        A last line that a kill cut short is removed first.
        """
        content = self.history.read_bytes() if self.history.is_file() else b""
        if content and not content.endswith(b"\n"):
            *kept, last = content.splitlines()
            kept += [last] if _iteration(last) < float("inf") else []
            storage.write(self.history, b"".join(one + b"\n" for one in kept))
        self._append(self.history, {"time": datetime.now(UTC).isoformat(timespec="seconds")} | dict(line))

    def cut_log(self, iteration: int) -> None:
        """Drop what was logged after `iteration`, and a last line that a kill cut short."""
        if self.log.is_file():
            kept = [line for line in self.log.read_bytes().splitlines() if _iteration(line) <= iteration]
            storage.write(self.log, b"".join(line + b"\n" for line in kept))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run against other processes. RunError when another one is training in it, or has begun it again."""
        if os.name != "posix":  # other systems have no lock that ends with a killed process
            yield
            return
        import fcntl

        with storage.explained(self.path):
            file = (self.path / LOCK).open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"another process is training in {self.path}; wait for it or stop it.") from None
            if self._began is not None and (self.path / RUN_CARD).read_bytes() != self._began:
                raise RunError(f"another process began a run in {self.path} meanwhile; choose another --out.")
            yield

    def _append(self, path: Path, line: Mapping[str, Any]) -> None:
        with storage.explained(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _iteration(line: bytes) -> float:
    try:
        return int(json.loads(line)["iteration"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return float("inf")


def free_name(parent: Path, name: str) -> Path:
    """`parent/name` or, when that is taken, `parent/name-2` with the first free number; long names are cut."""
    name = name[:_LONGEST].rstrip("-")
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path

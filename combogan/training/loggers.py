"""Where figures, grids and settings go besides the run's folder: the protocol, and what is chosen with run.loggers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from combogan import storage
from combogan.errors import SettingsError, StorageError

IDS = "loggers.json"
"""The file of a run that says under which id each logger knows it, so that a resumed run goes on there."""
LOGGERS = {
    "tensorboard": "combogan.training.board:Board",
    "wandb": "combogan.training.wandb_logger:WandbLogger",
    "mlflow": "combogan.training.mlflow_logger:MlflowLogger",
    "aim": "combogan.training.aim_logger:AimLogger",
}
"""Name of a logger, which is that of its package -> its class, which takes (folder, iteration, id)."""


class Logger(Protocol):
    """Takes what a run gives besides its folder. A logger may raise what it likes: training goes on without it."""

    id: str
    """Under which the logger finds the run again; empty where it needs none."""

    def settings(self, values: Mapping[str, Any]) -> None:
        """The settings of the run, by their dotted names."""

    def figures(self, values: Mapping[str, float], iteration: int) -> None:
        """Figures of an iteration, by name: `gan/summer`, `run/rate`, `validation/arrival`."""

    def grid(self, sheet: Image.Image, iteration: int) -> None:
        """The sample grid of an iteration."""

    def close(self) -> None:
        """Write what is left."""


class Loggers:
    """The loggers that were chosen, as one. One that fails is told of, and left out from then on."""

    def __init__(self, tell: Callable[[str], object], loggers: Mapping[str, Logger]) -> None:
        self._tell, self._loggers = tell, dict(loggers)

    @classmethod
    def open(
        cls, choice: Sequence[str], folder: Path, iteration: int, *, new: bool, tell: Callable[[str], object]
    ) -> Loggers:
        """Loggers of the run in `folder`, which goes on after an iteration or is `new`. SettingsError, StorageError."""
        ids = {} if new else _ids(folder / IDS)
        opened: dict[str, Logger] = {}
        for name in names(choice):
            module, _, kind = LOGGERS[name].partition(":")
            try:
                opened[name] = getattr(import_module(module), kind)(folder, iteration, ids.get(name, ""))
            except StorageError:
                raise
            except Exception as error:  # each library has exceptions of its own
                raise SettingsError(
                    f"{name} of run.loggers could not be started ({_reason(error)}); set it up, or leave it out."
                ) from error
        ids |= {name: logger.id for name, logger in opened.items() if logger.id}
        if ids:
            storage.write(folder / IDS, json.dumps(ids).encode())
        return cls(tell, opened)

    def settings(self, values: Mapping[str, Any]) -> None:
        """The settings of the run, nested in sections."""
        flat = dict(_flat(values))
        for name in list(self._loggers):
            with self._left_out(name) as logger:
                logger.settings(flat)

    def figures(self, values: Mapping[str, float], iteration: int) -> None:
        """Figures of an iteration, by name."""
        for name in list(self._loggers):
            with self._left_out(name) as logger:
                logger.figures(values, iteration)

    def grid(self, sheet: Image.Image, iteration: int) -> None:
        """The sample grid of an iteration."""
        for name in list(self._loggers):
            with self._left_out(name) as logger:
                logger.grid(sheet, iteration)

    def close(self) -> None:
        """Write what is left."""
        for name in list(self._loggers):
            with self._left_out(name) as logger:
                logger.close()

    @contextmanager
    def _left_out(self, name: str) -> Iterator[Logger]:
        """A logger to use in this context, and no longer if it fails; StorageError is passed on."""
        try:
            yield self._loggers[name]
        except StorageError:
            raise
        except Exception as error:  # a server that is lost must not stop a training
            del self._loggers[name]
            self._tell(f"{name} failed ({_reason(error)}); the run goes on without it, and log.jsonl has everything.")


def names(choice: Sequence[str]) -> list[str]:
    """The loggers of `run.loggers`; auto is TensorBoard where it is installed."""
    auto = ["tensorboard"] if _is_installed("tensorboard") else []
    return list(dict.fromkeys(name for word in choice for name in (auto if word == "auto" else [word])))


def refuse_missing(choice: Sequence[str]) -> None:
    """SettingsError where a logger that was named is not installed."""
    for name in names(choice):
        if not _is_installed(name):
            package = '"combogan[tensorboard]"' if name == "tensorboard" else name
            raise SettingsError(
                f"run.loggers names {name}, which is not installed; pip install {package}, or leave it out."
            )


def _is_installed(package: str) -> bool:
    """Not for a mere folder of that name, such as the one that wandb writes."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def _ids(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
        return {name: found[name] for name in LOGGERS if isinstance(found.get(name), str)}
    except (OSError, ValueError, AttributeError):
        return {}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__

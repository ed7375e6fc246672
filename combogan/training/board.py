"""Curves and samples for TensorBoard, where it is installed (`pip install combogan[tensorboard]`)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from combogan import storage


class Board:
    """Event files in a run's folder; does nothing where TensorBoard is not installed.

    Events after `iteration`, which a resumed run writes again, are hidden. Raises StorageError where they cannot be
    written.
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        self._folder = folder
        self._writer: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard.writer import SummaryWriter

            with storage.explained(folder):
                self._writer = SummaryWriter(str(folder), purge_step=iteration + 1)

    def logged(self, line: Mapping[str, Any]) -> None:
        """Add a line of log.jsonl: a chart per loss, a curve per domain."""
        if self._writer is None:
            return
        with storage.explained(self._folder):
            for domain, losses in line["losses"].items():
                for name, value in losses.items():
                    self._writer.add_scalar(f"{name}/{domain}", value, line["iteration"])
            for name in ("rate", "pictures_per_second"):
                self._writer.add_scalar(f"run/{name}", line[name], line["iteration"])

    def validated(self, iteration: int, measured: Mapping[str, float]) -> None:
        """Add a validation: a chart per measure."""
        if self._writer is not None:
            with storage.explained(self._folder):
                for name, value in measured.items():
                    self._writer.add_scalar(f"validation/{name}", value, iteration)

    def sampled(self, sheet: Image.Image, iteration: int) -> None:
        """Add a sample grid."""
        if self._writer is not None:
            with storage.explained(self._folder):
                self._writer.add_image("samples", np.asarray(sheet), iteration, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            with storage.explained(self._folder):
                self._writer.close()

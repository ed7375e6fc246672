"""Curves and samples for TensorBoard (`pip install combogan[tensorboard]`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from combogan import storage

FOLDER = "tensorboard"


class Board:
    """Event files in a run's folder, as a Logger.

    Events after `iteration`, which a resumed run writes again, are hidden. Raises StorageError where they cannot be
    written.
    """

    id = ""

    def __init__(self, folder: Path, iteration: int, id: str = "") -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._folder = folder / FOLDER
        with storage.explained(self._folder):
            self._writer: Any = SummaryWriter(str(self._folder), purge_step=iteration + 1)

    def settings(self, values: Mapping[str, Any]) -> None:
        with storage.explained(self._folder):
            lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
            self._writer.add_text("settings", f"```\n{lines}\n```")

    def figures(self, values: Mapping[str, float], iteration: int) -> None:
        with storage.explained(self._folder):
            for name, value in values.items():
                self._writer.add_scalar(name, value, iteration)

    def grid(self, sheet: Image.Image, iteration: int) -> None:
        with storage.explained(self._folder):
            self._writer.add_image("samples", np.asarray(sheet), iteration, dataformats="HWC")

    def close(self) -> None:
        with storage.explained(self._folder):
            self._writer.close()

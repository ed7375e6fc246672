"""Figures, grids and settings for Aim, in the repository of the current folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image


class AimLogger:
    """A run of Aim, as a Logger."""

    def __init__(self, folder: Path, iteration: int, id: str) -> None:
        import aim

        self._image = aim.Image
        self._run = aim.Run(
            run_hash=id or None, experiment="combogan", system_tracking_interval=None, capture_terminal_logs=False
        )
        self._run.name = folder.name
        self.id = self._run.hash

    def settings(self, values: Mapping[str, Any]) -> None:
        self._run["settings"] = {name: "" if value is None else value for name, value in values.items()}

    def figures(self, values: Mapping[str, float], iteration: int) -> None:
        for name, value in values.items():
            self._run.track(value, name=name, step=iteration)

    def grid(self, sheet: Image.Image, iteration: int) -> None:
        self._run.track(self._image(sheet), name="samples", step=iteration)

    def close(self) -> None:
        self._run.close()

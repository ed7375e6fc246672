"""Figures, grids and settings for Weights & Biases, which its own variables direct (`WANDB_MODE=offline`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image


class WandbLogger:
    """A run of wandb, as a Logger; its files are in `wandb/` of the run's folder.

    Iterations are the axis of its charts, because wandb's own steps cannot go back, as a resumed run does.
    """

    def __init__(self, folder: Path, iteration: int, id: str) -> None:
        import wandb

        self._image = wandb.Image
        self._run = wandb.init(
            id=id or None,
            resume="allow" if id else None,
            project=os.environ.get("WANDB_PROJECT", "combogan"),
            name=folder.name,
            dir=str(folder),
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True),
        )
        self.id = self._run.id
        self._run.define_metric("*", step_metric="iteration")

    def settings(self, values: Mapping[str, Any]) -> None:
        self._run.config.update(dict(values), allow_val_change=True)

    def figures(self, values: Mapping[str, float], iteration: int) -> None:
        self._run.log({**values, "iteration": iteration})

    def grid(self, sheet: Image.Image, iteration: int) -> None:
        self._run.log({"samples": self._image(sheet), "iteration": iteration})

    def close(self) -> None:
        self._run.finish()

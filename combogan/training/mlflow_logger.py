"""Figures, grids and settings for MLflow, which its own variables direct (`MLFLOW_TRACKING_URI`)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

MOST_PARAMETERS = 100
"""That one request can carry."""


class MlflowLogger:
    """A run of MLflow, as a Logger, in the experiment `combogan` or MLFLOW_EXPERIMENT_NAME."""

    def __init__(self, folder: Path, iteration: int, id: str) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._client, self._metric, self._parameter, self._is_new = MlflowClient(), Metric, Param, not id
        if id:
            self._client.update_run(id, status="RUNNING")
            self.id = id
        else:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "combogan")
            found = self._client.get_experiment_by_name(name)
            experiment = found.experiment_id if found is not None else self._client.create_experiment(name)
            self.id = self._client.create_run(experiment, run_name=folder.name).info.run_id

    def settings(self, values: Mapping[str, Any]) -> None:
        """As a file and, the first time, as parameters, which MLflow does not let change."""
        self._client.log_dict(self.id, dict(values), "settings.json")
        parameters = [self._parameter(name, str(value)[:500]) for name, value in values.items()] if self._is_new else []
        for first in range(0, len(parameters), MOST_PARAMETERS):
            self._client.log_batch(self.id, params=parameters[first : first + MOST_PARAMETERS])

    def figures(self, values: Mapping[str, float], iteration: int) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(self.id, [self._metric(name, value, now, iteration) for name, value in values.items()])

    def grid(self, sheet: Image.Image, iteration: int) -> None:
        self._client.log_image(self.id, sheet, key="samples", step=iteration)

    def close(self) -> None:
        self._client.set_terminated(self.id)

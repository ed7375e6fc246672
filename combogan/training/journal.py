"""What a run records while it trains: log.jsonl, history.jsonl, sample grids, and what loggers are given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from combogan import storage
from combogan.data.pictures import save_picture
from combogan.settings import Settings
from combogan.training.folder import RunFolder
from combogan.training.halves import Halves
from combogan.training.loggers import Loggers
from combogan.training.report import Report
from combogan.training.samples import Samples


class MeanLosses:
    """Means of losses per domain and part, summed on the device: only `read` waits for the computation."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], Tensor] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, losses: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take in the losses of an iteration: domain -> part -> value."""
        for domain, parts in losses.items():
            for name, value in parts.items():
                key = (domain, name)
                self._sums[key] = self._sums[key] + value if key in self._sums else value
                self._counts[key] = self._counts.get(key, 0) + 1

    def read(self) -> dict[str, dict[str, float]]:
        """domain -> part -> mean since the last reading."""
        means: dict[str, dict[str, float]] = {}
        for (domain, name), total in sorted(self._sums.items()):
            means.setdefault(domain, {})[name] = total.item() / self._counts[domain, name]
        self._sums.clear()
        self._counts.clear()
        return means


class Journal:
    """The records of a run in its folder, which are also passed on to `report`.

    `changes` are the settings that change when a run goes on; None for a new run.
    """

    def __init__(
        self,
        folder: RunFolder,
        report: Report,
        samples: Samples,
        settings: Settings,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.report = folder, report
        self._samples, self._settings, self._changes = samples, settings, changes
        self._means = MeanLosses()

    @contextmanager
    def open(self, iteration: int) -> Iterator[None]:
        """Context for records after an iteration; earlier records of later iterations, made again now, are dropped."""
        if self._changes is not None:
            self.folder.cut_log(iteration)
            self.folder.write_settings(self._settings)
            self.note("resumed", iteration, changed=dict(self._changes))
        self._loggers = Loggers.open(
            self._settings.run.loggers, self.folder.path, iteration, new=self._changes is None, tell=self.report.tell
        )
        self._loggers.settings(self._settings.model_dump(mode="json"))
        self._since = iteration
        self.begin()
        try:
            yield
        finally:
            self._loggers.close()

    def begin(self) -> None:
        """Start timing the next log line."""
        self._when = time.perf_counter()
        self._each = self._seconds = 0.0

    def lap(self, count: int) -> None:
        """Note the time that the next `count` iterations to be added have taken together."""
        now = time.perf_counter()
        self._each, self._when = (now - self._when) / count, now

    @contextmanager
    def untimed(self) -> Iterator[None]:
        """Context whose time is not counted: a log line times training alone."""
        began = time.perf_counter()
        yield
        self._when += time.perf_counter() - began

    def note(self, event: str, iteration: int, **facts: Any) -> None:
        """Append an event to history.jsonl."""
        self.folder.write_history({"iteration": iteration, "event": event, **facts})

    def add(self, losses: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take in the losses of an iteration: domain -> part -> value."""
        self._means.add(losses)
        self._seconds += self._each

    def mean_losses(self) -> dict[str, dict[str, float]]:
        """Domain -> part -> mean since the last call; empty where nothing was added."""
        return self._means.read()

    def log(
        self, iteration: int, losses: Mapping[str, Mapping[str, float]], *, epoch: int, rate: float, pictures: int
    ) -> None:
        """Write the mean losses of the iterations since the last line; each iteration takes `pictures` pictures."""
        done, seconds = iteration - self._since, self._seconds
        line: dict[str, Any] = {
            "iteration": iteration,
            "since": self._since,
            "epoch": epoch,
            "rate": rate,
            "seconds": round(seconds, 3),
            "pictures_per_second": round(pictures * done / seconds, 2),
            "losses": losses,
        }
        self.folder.write_log(line)
        figures = {f"{part}/{domain}": value for domain, parts in losses.items() for part, value in parts.items()}
        figures |= {f"run/{name}": float(line[name]) for name in ("rate", "pictures_per_second")}
        self._loggers.figures(figures, iteration)
        self.report.logged(line)
        self._since, self._seconds = iteration, 0.0

    def validated(self, iteration: int, measured: Mapping[str, float], *, seconds: float, best: bool) -> None:
        """Write a validation that took `seconds`; `best` says whether it is the best so far."""
        self.folder.write_log({"iteration": iteration, "seconds": round(seconds, 3), "validation": dict(measured)})
        self._loggers.figures({f"validation/{name}": value for name, value in measured.items()}, iteration)
        self.report.validated(iteration, measured, best=best)

    def sample(self, iteration: int, halves: Halves) -> None:
        """Write the sample grid of an iteration."""
        sheet = self._samples.translated(halves, self._samples.shown).grid()
        path = self.sample_path(iteration)
        with storage.explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(sheet, path)
        self._loggers.grid(sheet, iteration)

    def sample_path(self, iteration: int) -> Path:
        """Where the sample grid of an iteration is."""
        return self.folder.samples / f"{iteration:06d}.png"

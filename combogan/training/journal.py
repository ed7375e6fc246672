"""What a run writes down while it trains: lines of log.jsonl, charts of TensorBoard, and who is told of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from PIL import Image
from torch import Tensor

from combogan import storage
from combogan.data.pictures import save_picture
from combogan.errors import DivergedError
from combogan.training.board import Board
from combogan.training.folder import RunFolder
from combogan.training.report import MeanLosses, Report


class Journal:
    """The log of a run from `iteration` on; `diverged` gives the error for what is no longer a number."""

    def __init__(
        self, folder: RunFolder, report: Report, iteration: int, diverged: Callable[[str, int], DivergedError]
    ) -> None:
        self._folder, self._report, self._diverged = folder, report, diverged
        self._board = Board(folder.path / "tensorboard", iteration)
        self._means = MeanLosses()
        self._since = iteration
        self.begin()

    def begin(self) -> None:
        """Time what is logged from now on."""
        self._when = time.perf_counter()

    @contextmanager
    def untimed(self) -> Iterator[None]:
        """What happens inside does not count: a line times training alone."""
        began = time.perf_counter()
        yield
        self._when += time.perf_counter() - began

    def add(self, losses: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take in the losses of an iteration: domain -> part -> value."""
        self._means.add(losses)

    def log(self, iteration: int, *, epoch: int, rate: float, pictures: int) -> None:
        """Write the mean losses since the last line, of iterations with so many `pictures` each.

        DivergedError when one is no longer a number.
        """
        done = iteration - self._since
        if not done:
            return
        losses = self._means.read()
        for domain, parts in losses.items():
            for name, value in parts.items():
                if not math.isfinite(value):
                    raise self._diverged(f"the {name} loss of '{domain}' is {value}", iteration)
        now = time.perf_counter()
        seconds = now - self._when
        line = {
            "iteration": iteration,
            "since": self._since,
            "epoch": epoch,
            "rate": rate,
            "seconds": round(seconds, 3),
            "pictures_per_second": round(pictures * done / seconds, 2),
            "losses": losses,
        }
        self._folder.write_log(line)
        self._board.logged(line)
        self._report.logged(line)
        self._since, self._when = iteration, now

    def validated(self, iteration: int, measured: Mapping[str, float], *, seconds: float, best: bool) -> None:
        """Write a validation, which took so long and is the best so far or not."""
        self._folder.write_log({"iteration": iteration, "seconds": round(seconds, 3), "validation": dict(measured)})
        self._board.validated(iteration, measured)
        self._report.validated(iteration, measured, best=best)

    def sampled(self, iteration: int, sheet: Image.Image) -> None:
        """Write a sample grid."""
        path = self._folder.path / "samples" / f"{iteration:06d}.png"
        with storage.explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(sheet, path)
        self._board.sampled(sheet, iteration)

    def close(self) -> None:
        """Write what is left."""
        self._board.close()

"""The processes in which benchmarks/speed.py measures, one at a time and in turn."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOBS = Path(__file__).parent / "speed_measure.py"
APART = 0.1
"""If medians of the same thing differ by more than this share, something else was running."""


class MeasurementError(Exception):
    """A measurement that failed."""


@dataclass(frozen=True)
class Figure:
    """The measurements of one side (such as ours, or the published code), over all its processes."""

    rounds: tuple[tuple[float, ...], ...]
    """Seconds of each timed call, per process."""
    results: tuple[Mapping[str, Any], ...] = ()
    """All results of the processes."""

    @property
    def seconds(self) -> float:
        """The median of all timed calls."""
        return statistics.median(value for one in self.rounds for value in one)

    def median(self, name: str) -> float:
        """The median over the processes of another number in their results."""
        return statistics.median(result[name] for result in self.results)

    @property
    def apart(self) -> float:
        """The share by which the medians of the processes differ."""
        medians = [statistics.median(one) for one in self.rounds]
        return max(medians) / min(medians) - 1


def measure(job: str, **arguments: Any) -> dict[str, Any]:
    """The result of a job of speed_measure.py. Raises MeasurementError."""
    return json.loads(_output([sys.executable, str(JOBS), job, json.dumps(arguments)]).splitlines()[-1])


def wall(command: Sequence[str]) -> dict[str, Any]:
    """Seconds from the start of a command to its end. Raises MeasurementError."""
    start = time.perf_counter()
    _output(command)
    return {"seconds": [time.perf_counter() - start]}


def in_turn(sides: Mapping[str, Callable[[], dict[str, Any]]], *, rounds: int) -> dict[str, Figure]:
    """Measure every side `rounds` times, in turn: A B A B. The result of a side has a list `seconds`."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
    return {
        name: Figure(tuple(tuple(result["seconds"]) for result in results), tuple(results))
        for name, results in found.items()
    }


def disturbed(figures: Mapping[str, Figure]) -> str:
    """A remark where rounds of the same thing differ by more than APART, else nothing."""
    most = max(figure.apart for figure in figures.values())
    return f"rounds differ by {most:.0%}" if most > APART else ""


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise MeasurementError(f"{' '.join(command[1:3])} ended with {done.returncode}: {last}")
    return done.stdout

"""The curves of a run: read from its log, and laid out as line charts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from combogan.evaluation.run_log import finite, lines, measured
from combogan.evaluation.validation import best_iteration

Points = Sequence[tuple[float, float]]
"""(iteration, value), in the order of iterations."""

COLOURS = 8
"""Colours of lines; further lines repeat them, dashed."""
MOST = 200
"""Points of a line, at most: more cannot be seen, and would make the file large."""

_WIDTH, _HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 348, 18, 168


@dataclass(frozen=True)
class Curves:
    """Losses and validations of a run over its iterations."""

    losses: Mapping[str, Mapping[str, Points]] = field(default_factory=dict)
    """Part (`gan`, `cycle`, ...) -> domain -> its curve."""
    validation: Mapping[str, Points] = field(default_factory=dict)
    """Measure -> its curve, on pictures held out of training."""
    best: int | None = None
    """The iteration with the best validation."""
    iterations: int = 0
    seconds: float = 0.0
    """Of those iterations, and of the autoencoder before them."""


def read_curves(run: Path) -> Curves:
    """The curves in a run's log.jsonl; none where there is no log. Incomplete lines are skipped."""
    losses: dict[str, dict[str, list[tuple[float, float]]]] = {}
    validation: dict[str, list[tuple[float, float]]] = {}
    validations: dict[int, dict[str, float]] = {}
    iterations, seconds = 0, 0.0
    for line in lines(run / "log.jsonl"):
        now = int(line["iteration"])
        iterations = max(iterations, now)
        seconds += line.get("seconds", 0.0) if "losses" in line else 0.0  # not of a validation
        for domain, parts in line.get("losses", {}).items():
            for part, value in finite(parts).items():
                losses.setdefault(part, {}).setdefault(domain, []).append((now, value))
        if found := measured(line):
            validations[now] = found
        for measure, value in found.items():
            validation.setdefault(measure, []).append((now, value))
    seconds += sum(line.get("seconds", 0.0) for line in lines(run / "history.jsonl"))  # before the first iteration
    return Curves(losses, validation, best_iteration(validations), iterations, seconds)


@dataclass(frozen=True)
class Line:
    """A line of a chart, its points in pixels."""

    name: str
    colour: int
    dashed: bool
    points: str = ""


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Best:
    """The mark of the best checkpoint; `height` is None unless exactly one line has a value there."""

    at: float
    height: float | None
    text: str
    anchor: str


@dataclass(frozen=True)
class Chart:
    """A drawing of `width` x `height` pixels, its axes inside `left` to `right` and `top` to `bottom`."""

    title: str
    heights: tuple[Tick, ...]
    iterations: tuple[Tick, ...]
    lines: tuple[Line, ...]
    best: Best | None
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    bottom: int = _BOTTOM


def chart(title: str, curves: Mapping[str, Points], *, names: Sequence[str], best: int | None = None) -> Chart:
    """A line per curve, coloured by its index in `names`; the axis starts at zero where that is near."""
    # A single point becomes a line to itself, which is drawn as a dot.
    drawn = {name: _thinned(points) if len(points) > 1 else [*points, *points] for name, points in curves.items()}
    values = [value for points in drawn.values() for _, value in points]
    low, high = min(values), max(values)
    if 0 < low < high / 2:
        low = 0.0
    steps = _steps(low, high)
    last = max(iteration for points in drawn.values() for iteration, _ in points)

    def across(iteration: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * iteration / max(last, 1), 1)

    def up(value: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (value - steps[0]) / (steps[-1] - steps[0]), 1)

    lines = tuple(
        line(name, names, " ".join(f"{across(iteration)},{up(value)}" for iteration, value in points))
        for name, points in drawn.items()
    )
    return Chart(
        title,
        heights=tuple(Tick(up(step), f"{step:.6g}") for step in steps),
        iterations=tuple(Tick(across(step), _short(step)) for step in _steps(0, max(last, 1)) if step <= last),
        lines=lines,
        best=_best(best, curves, across, up) if best is not None else None,
    )


def line(name: str, names: Sequence[str], points: str = "") -> Line:
    """A line in the colour that its name has throughout the page."""
    index = names.index(name)
    return Line(name, index % COLOURS, index >= COLOURS, points)


def _best(
    iteration: int, curves: Mapping[str, Points], across: Callable[[float], float], up: Callable[[float], float]
) -> Best:
    """The mark of the best checkpoint, with a dot where exactly one line has a value."""
    values = [value for points in curves.values() for now, value in points if now == iteration]
    at = across(iteration)
    anchor = "start" if at < _LEFT + 50 else "end" if at > _RIGHT - 50 else "middle"
    return Best(at, up(values[0]) if len(values) == 1 else None, f"best: {iteration:,}", anchor)


def _thinned(points: Points) -> Points:
    """At most MOST points, each the mean of several neighbours."""
    together = math.ceil(len(points) / MOST)
    groups = [points[start : start + together] for start in range(0, len(points), together)]
    return [(fmean(now for now, _ in group), fmean(value for _, value in group)) for group in groups]


def _steps(low: float, high: float) -> list[float]:
    """Round numbers from `low` or below to `high` or above, three to six of them."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # flat: room on both sides
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    power = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if (high - low) / (factor * power) <= 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(count * step, 12) for count in range(first, last + 1)]


def _short(iteration: float) -> str:
    """20000 -> 20k."""
    return f"{iteration / 1000:,g}k" if iteration >= 10_000 else f"{iteration:,g}"

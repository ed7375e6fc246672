"""A run's log.jsonl, as it is read: whatever else has written to it, only whole lines count."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["finite", "lines", "measured", "validations"]


def lines(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of log.jsonl or history.jsonl; none where there is no file. One that a kill cut short is skipped."""
    if not log.is_file():
        return
    for text in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("iteration"), int) and _is_whole(line):
            yield line


def validations(log: Path) -> dict[int, dict[str, float]]:
    """Iteration -> what was measured in its validation."""
    return {line["iteration"]: found for line in lines(log) if (found := measured(line))}


def measured(line: Mapping[str, Any]) -> dict[str, float]:
    """What a line says of a validation: nothing where it is of something else."""
    found = line.get("validation")
    return finite(found) if isinstance(found, dict) else {}


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among the values that can be drawn."""
    return {name: x for name, x in values.items() if isinstance(x, int | float) and math.isfinite(x)}


def _is_whole(line: Mapping[str, Any]) -> bool:
    """Whether what is read of a line is as the trainer writes it."""
    seconds, losses = line.get("seconds", 0.0), line.get("losses", {})
    timed = isinstance(seconds, int | float) and math.isfinite(seconds)
    return timed and isinstance(losses, dict) and all(isinstance(parts, dict) for parts in losses.values())

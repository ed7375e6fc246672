"""Reads a run's log.jsonl: incomplete lines, and lines that the trainer did not write, are skipped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def lines(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of log.jsonl or history.jsonl that were written whole; none where there is no file."""
    if not log.is_file():
        return
    for text in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("iteration"), int) and _is_whole(line):
            yield line


def validations(log: Path) -> dict[int, dict[str, float]]:
    """Iteration -> the measures of its validation."""
    return {line["iteration"]: found for line in lines(log) if (found := measured(line))}


def measured(line: Mapping[str, Any]) -> dict[str, float]:
    """Measure -> its mean, of a line about a validation; empty for other lines."""
    found = line.get("validation")
    return finite(found) if isinstance(found, dict) else {}


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The values that are finite numbers."""
    return {name: x for name, x in values.items() if isinstance(x, int | float) and math.isfinite(x)}


def _is_whole(line: Mapping[str, Any]) -> bool:
    """Whether the fields of a line have the types that the trainer writes."""
    seconds, losses = line.get("seconds", 0.0), line.get("losses", {})
    timed = isinstance(seconds, int | float) and math.isfinite(seconds)
    return timed and isinstance(losses, dict) and all(isinstance(parts, dict) for parts in losses.values())

"""The record of benchmarks/quality.py: a line of JSON per row, written in one piece: processes can share the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from quality_variants import Row

from combogan.evaluation.scores import Scores, UnpairedScores

COPYING, MATCHING = "copying the input", "matching colours"
"""Names of the baselines, which need no training, in place of a variant in a record."""

Line = Mapping[str, Any]


def lines(record: Path) -> list[Line]:
    """All that is recorded, oldest first."""
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def write(record: Path, line: Line) -> None:
    """Add a line, in one piece."""
    handle = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


def known(record: Path, row: Row) -> bool:
    """Whether the row is recorded with the same settings."""
    key = {**asdict(row), "digest": row.digest}
    return any(all(line[name] == value for name, value in key.items()) for line in lines(record))


def scored(row: Row, scores: Scores, run: Path, about: Line) -> dict[str, Any]:
    """The line of a row that was trained; numbers are means over the directions."""
    truth, unpaired = scores.truth, scores.translation
    assert truth is not None
    assert unpaired is not None
    return {
        **asdict(row),
        "digest": row.digest,
        **_rounded(asdict(truth.translation)),
        "over_colour_matching": round(truth.over_colour_matching, 5),
        **_unpaired(unpaired),
        **_rounded({"cycle": scores.cycle, "more_than_colour": scores.more_than_colour, "accuracy": scores.accuracy}),
        **times(run),
        **about,
    }


def baselines(record: Path, row: Row, scores: Scores, about: Line) -> Iterator[dict[str, Any]]:
    """The lines of the baselines, if the row's regime has none yet."""
    truth, unpaired = scores.truth, scores.colour_matching
    assert truth is not None
    assert unpaired is not None
    if any(line["regime"] == row.regime and line["variant"] == MATCHING for line in lines(record)):
        return
    start = {"regime": row.regime, "iterations": 0, "seed": 0, "digest": ""}
    end = {"seconds": 0, "commit": about["commit"], "date": about["date"]}
    yield {"variant": COPYING, **start, **_rounded(asdict(truth.copying)), **end}
    yield {"variant": MATCHING, **start, **_rounded(asdict(truth.colour_matching)), **_unpaired(unpaired), **end}


def times(run: Path) -> dict[str, float]:
    """The time that a run was trained, with its start, but without saving and scoring; also of a run that was stopped.

    The median time of an iteration is reliable also where the machine was used by other programs for a while.
    """
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    started = [event["seconds"] for event in history if event["event"] == "autoencoded"]
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    log = [line for line in lines if "losses" in line]  # other lines are validations
    each = median(line["seconds"] / (line["iteration"] - line["since"]) for line in log)
    total = sum(started[-1:]) + sum(line["seconds"] for line in log)
    return {"seconds": round(total, 1), "milliseconds_per_iteration": round(1000 * each, 1)}


def _unpaired(scores: UnpairedScores) -> dict[str, Any]:
    numbers = _rounded({"arrival": scores.arrival, "edges": scores.edges})
    return {**numbers, "texture": [round(level, 3) for level in scores.texture]}


def _rounded(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in numbers.items()}

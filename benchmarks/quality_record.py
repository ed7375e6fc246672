"""The record of benchmarks/quality.py: a line of JSON per row, written in one piece: processes can share the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from quality_variants import REGIMES, Row

from combogan.evaluation.scores import Comparison, Scores, UnpairedScores

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
    return any(_has(line, row.key) for line in lines(record))


def known_baselines(record: Path, row: Row) -> bool:
    """Whether the baselines are recorded for the pictures of the row."""
    key = {"regime": row.regime, "variant": MATCHING, "digest": row.baseline_digest}
    return any(_has(line, key) for line in lines(record))


def scored(row: Row, scores: Scores, flat: Mapping[str, float], run: Path, about: Line) -> dict[str, Any]:
    """The line of a row that was trained; numbers are means over the directions."""
    truth, unpaired = _truth(row, scores), scores.translation
    assert unpaired is not None
    line = dict(row.key)
    if truth is not None:
        line |= _rounded({**asdict(truth.translation), "over_colour_matching": truth.over_colour_matching})
    others = {"cycle": scores.cycle, "more_than_colour": scores.more_than_colour, "accuracy": scores.accuracy}
    return {**line, **_unpaired(unpaired), **_rounded({**flat, **others}), **times(run), **about}


def baselines(row: Row, scores: Scores, flat: Mapping[str, float], about: Line) -> Iterator[dict[str, Any]]:
    """The lines of the baselines in the row's regime; `flat` is measured with matched colours."""
    truth, unpaired = _truth(row, scores), scores.colour_matching
    assert unpaired is not None
    start = {"regime": row.regime, "iterations": 0, "seed": 0, "digest": row.baseline_digest}
    end = {"seconds": 0, "commit": about["commit"], "date": about["date"]}
    if truth is not None:
        yield {"variant": COPYING, **start, **_rounded(asdict(truth.copying)), **end}
    of_matching = {} if truth is None else _rounded(asdict(truth.colour_matching))
    yield {"variant": MATCHING, **start, **of_matching, **_unpaired(unpaired), **_rounded(flat), **end}


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


def _truth(row: Row, scores: Scores) -> Comparison | None:
    """The scores against the truth; None for real pictures, also where some of them have the same names."""
    if REGIMES[row.regime].collection is None:
        return None
    assert scores.truth is not None
    return scores.truth


def _unpaired(scores: UnpairedScores) -> dict[str, Any]:
    return {
        **_rounded({"arrival": scores.arrival, "kid": scores.kid, "content": scores.content, "edges": scores.edges}),
        "texture": [round(level, 3) for level in scores.texture],
    }


def _has(line: Line, key: Line) -> bool:
    return all(line[name] == value for name, value in key.items())


def _rounded(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in numbers.items()}

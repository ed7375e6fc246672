"""The listener protocol for training progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from combogan.training.schedule import Course


class Report(Protocol):
    """Listener protocol for training progress."""

    def tell(self, message: str) -> None:
        """A sentence for people."""
        return None

    def began(self, done: int, total: int, *, log: bool) -> None:
        """`done` of `total` iterations of the start, before the first iteration, are done; `log`: a line is due."""
        return None

    def advance(self, iteration: int, course: Course) -> None:
        """An iteration is done; `iteration` counts from 1."""
        return None

    def logged(self, line: Mapping[str, Any]) -> None:
        """A line of losses was added to log.jsonl."""
        return None

    def validated(self, iteration: int, measured: Mapping[str, float], *, best: bool) -> None:
        """A validation was added to log.jsonl; `best` so far or not."""
        return None


class Quiet(Report):
    """A report that ignores everything."""

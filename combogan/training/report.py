"""Who is told how a run goes, and the means of the losses that they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from combogan.training.schedule import Course


class Report(Protocol):
    """Who is told how a run goes."""

    def tell(self, message: str) -> None:
        """Something worth a sentence."""

    def began(self, done: int, total: int) -> None:
        """So much of what comes before the first iteration is done."""

    def advance(self, iteration: int, course: Course) -> None:
        """An iteration is done; `iteration` counts from 1."""

    def logged(self, line: Mapping[str, Any]) -> None:
        """A line of losses was added to log.jsonl."""

    def validated(self, iteration: int, measured: Mapping[str, float], *, best: bool) -> None:
        """A validation was added to log.jsonl; `best` so far or not."""


class Quiet:
    """A report that nobody hears."""

    def tell(self, message: str) -> None: ...

    def began(self, done: int, total: int) -> None: ...

    def advance(self, iteration: int, course: Course) -> None: ...

    def logged(self, line: Mapping[str, Any]) -> None: ...

    def validated(self, iteration: int, measured: Mapping[str, float], *, best: bool) -> None: ...


class MeanLosses:
    """Means of losses per domain and part, summed where they are computed: reading them is the only wait."""

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

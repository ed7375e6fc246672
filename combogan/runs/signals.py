"""Ctrl-C and SIGTERM: the first asks a run to stop after the iteration and save, the next stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Inside a `with`, `received` says whether one came, and `tell` hears of it.

    Python handles signals in its main thread only: in another one nothing changes.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._before: dict[int, Any] = {}
        self.number: int | None = None
        """Of the signal that came."""

    def received(self) -> bool:
        """Whether to stop."""
        return self.number is not None

    def raise_again(self) -> None:
        """Let the signal do, now that the run is saved, what it does without this: KeyboardInterrupt for Ctrl-C."""
        if self.number is not None:
            signal.raise_signal(self.number)

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in NUMBERS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, self._before[number])
        self._tell("Stopping: finishing the iteration and saving; once more stops at once.")
        self.number = number

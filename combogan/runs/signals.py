"""Ctrl-C and SIGTERM: the first asks a run to stop and save, the next stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """In its `with` block, `received` says whether a signal came, and `tell` gets a sentence when one does.

    Python handles signals in its main thread only: in another one nothing changes.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._before: dict[int, Any] = {}
        self.number: int | None = None
        """The signal that came."""

    def received(self) -> bool:
        """Whether a signal came, so that training should stop."""
        return self.number is not None

    def raise_again(self) -> None:
        """Raise the signal again for its usual handler, after saving: Ctrl-C gives KeyboardInterrupt."""
        if self.number is not None:
            signal.raise_signal(self.number)

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            # What is ignored stays ignored; a handler of None is not Python's and cannot be put back.
            free = [number for number in NUMBERS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
            self._before = {number: signal.signal(number, self._handle) for number in free}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, self._before[number])
        self._tell("Stopping: finishing what has begun and saving; once more stops at once.")
        self.number = number

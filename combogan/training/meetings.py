"""Which iterations are trained at the same time: successive ones whose pairs are disjoint (invariant 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from torch import Tensor

Meeting = tuple[int, str, str, Tensor, Tensor]
"""An iteration, its two domains, and their images (n, 3, h, w)."""


def at_once(meetings: Iterable[Meeting], most: int, due: Callable[[int], bool]) -> Iterator[list[Meeting]]:
    """Groups of successive meetings in which no domain is met twice, at most `most` in each.

    A group also ends where something is `due` after so many iterations, such as a checkpoint.
    """
    group: list[Meeting] = []
    for meeting in meetings:
        iteration, a, b, _, _ = meeting
        if any({a, b} & {*other[1:3]} for other in group):
            yield group
            group = []
        group.append(meeting)
        if len(group) == most or due(iteration + 1):
            yield group
            group = []
    if group:
        yield group

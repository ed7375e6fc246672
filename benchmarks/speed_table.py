"""The table of benchmarks/speed.py: on a terminal and in benchmarks/README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

HEADS = ("what", "published", "ours", "times faster", "published memory", "our memory", "share", "remarks")


@dataclass(frozen=True)
class Row:
    """One line: seconds and bytes of both sides, where they were measured."""

    what: str
    ours: float | None = None
    published: float | None = None
    our_memory: float | None = None
    published_memory: float | None = None
    remarks: str = ""

    def cells(self) -> tuple[str, ...]:
        """The line as texts, in the order of HEADS."""
        faster = self.published / self.ours if self.published and self.ours else None
        share = self.our_memory / self.published_memory if self.published_memory and self.our_memory else None
        return (
            self.what,
            seconds(self.published),
            seconds(self.ours),
            "" if faster is None else f"{faster:.2f}",
            size(self.published_memory),
            size(self.our_memory),
            "" if share is None else f"{share:.2f}",
            self.remarks,
        )

    def text(self) -> str:
        """The line for a log: the measured cells, each after its column's head."""
        _, *found = (f"{head} {cell}" for head, cell in zip(HEADS[:-1], self.cells()[:-1], strict=True) if cell)
        return f"{self.what}: {', '.join(found)}{f' ({self.remarks})' if self.remarks else ''}"


def seconds(value: float | None) -> str:
    """A time with three digits, in seconds or milliseconds."""
    if value is None:
        return ""
    return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"


def size(value: float | None) -> str:
    """Bytes as MB (1e6) or GB (1e9)."""
    if value is None:
        return ""
    return f"{value / 1e9:.2f} GB" if abs(value) >= 1e9 else f"{value / 1e6:.0f} MB"


def where(machine: Mapping[str, Any], *, commit: str, date: str) -> str:
    """One sentence about machine, versions and date."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    extensions = f" ({', '.join(machine['extensions'])})" if machine["extensions"] else ""
    cores = f"{machine['cores']} cores, " if machine["cores"] else ""
    return (
        f"{date}, {machine['device']}: {machine['name']}; {cores}{machine['threads']} threads{extensions}; "
        f"{versions}{f', commit {commit}' if commit else ''}."
    )


def terminal(rows: Sequence[Row], *, title: str) -> Table:
    """The rows as a table of rich."""
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column(HEADS[0], min_width=20)
    for head in HEADS[1:-1]:
        table.add_column(head, justify="right", min_width=8)
    table.add_column(HEADS[-1], min_width=20)
    for row in rows:
        table.add_row(*row.cells())
    return table


def markdown(rows: Sequence[Row], *, heading: str, about: str) -> str:
    """The rows as a section of a Markdown page."""
    lines = [_line(HEADS), _line(["---"] * len(HEADS)), *(_line(row.cells()) for row in rows)]
    return "\n".join([f"## {heading}", "", about, "", *lines, ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

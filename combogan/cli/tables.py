"""Tables for the command line: fitted to a terminal, one line per row elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click


def print_table(rows: Iterable[Sequence[str]], *, header: Sequence[str], whole: int = 1) -> None:
    """Columns below a header. The first `whole` columns are never wrapped; without a terminal no column is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, title in enumerate(header):
        table.add_column(Text(title), no_wrap=index < whole, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

"""The table of benchmarks/quality.py: rows of a record, several seeds in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from quality_record import Line, lines
from quality_variants import REGIMES
from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
HEADS = ("variant", "seeds", "PSNR", "over colours", "SSIM", "arrival", "edges", "texture", "cycle", "ms", "minutes")
ABOUT = """\
Means over the 12 directions and over seeds, ± half of what the seeds lie apart. PSNR and cycle in dB, over colours:
PSNR less that of matching colours. Texture: sliced Wasserstein distance, fine / middle / coarse, less is better. An
iteration takes ms milliseconds (median); minutes are all that training took, also where the machine had other work.
"""


def show(record: Path) -> None:
    """Print the tables of a record, and write them into README.md, between its two marks."""
    console = Console(width=140)
    found = tables(lines(record))
    for title, rows in found.items():
        table = Table(title=title, title_justify="left")
        for head in HEADS:
            table.add_column(head, justify="left" if head == HEADS[0] else "right", no_wrap=head != HEADS[0])
        for row in rows:
            table.add_row(*row)
        console.print(table, markup=False)
    page = PAGE.read_text(encoding="utf-8")
    before, mark, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    assert mark, f"{PAGE} has no {BEGIN}"
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(found)}{END}{after}", encoding="utf-8")


def tables(record: Sequence[Line]) -> dict[str, list[tuple[str, ...]]]:
    """Title -> rows, for each regime and count of iterations, the best PSNR first; baselines are in every table.

    Where a variant was trained with different settings, only the rows of the last settings are shown.
    """
    found = {}
    for regime in REGIMES:
        here = [line for line in record if line["regime"] == regime]
        for iterations in sorted({line["iterations"] for line in here} - {0}):
            trained = [line for line in here if line["iterations"] == iterations]
            newest = {line["variant"]: line["digest"] for line in trained}
            groups = [
                [line for line in trained if (line["variant"], line["digest"]) == variant] for variant in newest.items()
            ]
            groups.sort(key=lambda group: -_mean(group, "psnr"))
            groups += [[line] for line in here if not line["iterations"]]
            title = f"{'40' if regime == 'small' else regime} pictures per domain, {iterations:,} iterations"
            found[title] = [cells(group) for group in groups]
    return found


def cells(group: Sequence[Line]) -> tuple[str, ...]:
    """One line of a table: a variant, with all its seeds."""
    trained = bool(group[0]["iterations"])
    texture = zip(*(line["texture"] for line in group if "texture" in line), strict=True)
    return (
        str(group[0]["variant"]),
        str(len({line["seed"] for line in group})) if trained else "",
        _number(group, "psnr", 2, spread=True),
        _number(group, "over_colour_matching", 2),
        _number(group, "ssim", 3, spread=True),
        _number(group, "arrival", 2),
        _number(group, "edges", 2),
        " / ".join(f"{fmean(level):.0f}" for level in texture),
        _number(group, "cycle", 1),
        _number(group, "milliseconds_per_iteration", 0),
        f"{_mean(group, 'seconds') / 60:.1f}" if trained else "",
    )


def markdown(found: dict[str, list[tuple[str, ...]]]) -> str:
    """The tables as Markdown."""
    text = [ABOUT]
    for title, rows in found.items():
        text += [f"**{title}**", "", _line(HEADS), _line("---" for _ in HEADS), *map(_line, rows), ""]
    return "\n".join(text)


def _number(group: Sequence[Line], name: str, digits: int, *, spread: bool = False) -> str:
    values = _values(group, name)
    if not values:
        return ""
    apart = f" ± {(max(values) - min(values)) / 2:.{digits}f}" if spread and len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{apart}"


def _mean(group: Sequence[Line], name: str) -> float:
    return fmean(_values(group, name))


def _values(group: Sequence[Line], name: str) -> list[float]:
    return [line[name] for line in group if line.get(name) is not None]


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(cells)} |"

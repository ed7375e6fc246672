"""The table of benchmarks/quality.py: rows of a record, several seeds in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from quality_record import Line, lines
from quality_variants import REGIMES
from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
EMPTY = """\
No rows are recorded yet. `python benchmarks/quality.py screen --data DIR` trains them, and
`python benchmarks/quality.py table` writes their table here.
"""
ABOUT = """\
Means over the directions and over seeds, ± half of what the seeds lie apart. PSNR and cycle in dB, over colours: PSNR
less that of matching colours. Kid and content: distances of features from those of the target's pictures, and of the
source; less is nearer. Waves: power of waves of two / four pixels in flat places, over that of neighbouring lengths; up
to about 1 there is no grid of dots. Light: how far the mean luminance (0 to 1) is from the source's. Texture: sliced
Wasserstein distance, from fine to coarse, less is better. An iteration takes ms milliseconds (median); minutes are
all that training took, also where the machine had other work, and tables differ in their machines (`quality.jsonl`).
"""

Group = Sequence[Line]
"""Rows of one variant, which differ in their seeds; or one baseline."""


def show(record: Path) -> None:
    """Print the tables of a record, and write them into README.md, between its two marks."""
    console = Console(width=140)
    found = tables(lines(record))
    for title, rows in found.items():
        table = Table(title=title, title_justify="left")
        for place, head in enumerate(rows[0]):
            table.add_column(head, justify="right" if place else "left", no_wrap=place > 0, overflow="fold")
        for row in rows:
            table.add_row(*row.values())
        console.print(table, markup=False)
    page = PAGE.read_text(encoding="utf-8")
    before, mark, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    assert mark, f"{PAGE} has no {BEGIN}"
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(found)}{END}{after}", encoding="utf-8")


def tables(record: Sequence[Line]) -> dict[str, list[dict[str, str]]]:
    """Title -> rows (head -> cell), for each regime and count of iterations, the best first.

    The best has the highest PSNR, or arrives most often where no truth is known. Baselines are in every table. Where a
    variant was trained with different settings, only the rows of the last settings are shown.
    """
    found = {}
    for name, regime in REGIMES.items():
        here = [line for line in record if line["regime"] == name]
        heads, best = (REAL, "arrival") if regime.collection is None else (DRAWN, "psnr")
        for iterations in sorted({line["iterations"] for line in here} - {0}):
            groups = _newest([line for line in here if line["iterations"] == iterations])
            groups.sort(key=lambda group: -_mean(group, best))
            groups += _newest([line for line in here if not line["iterations"]])
            title = f"{regime.title}, {iterations:,} iterations"
            found[title] = [{head: COLUMNS[head](group) for head in heads} for group in groups]
    return found


def markdown(found: dict[str, list[dict[str, str]]]) -> str:
    """The tables as Markdown."""
    if not found:
        return EMPTY
    text = [ABOUT]
    for title, rows in found.items():
        text += [f"**{title}**", "", _line(rows[0]), _line("---" for _ in rows[0])]
        text += [*(_line(row.values()) for row in rows), ""]
    return "\n".join(text)


def _newest(trained: Sequence[Line]) -> list[Group]:
    """The rows of each variant that were trained with its last settings."""
    newest = {line["variant"]: line["digest"] for line in trained}
    return [[line for line in trained if (line["variant"], line["digest"]) == one] for one in newest.items()]


def _number(group: Group, *, name: str, digits: int, spread: bool = False) -> str:
    values = _values(group, name)
    if not values:
        return ""
    apart = f" ± {(max(values) - min(values)) / 2:.{digits}f}" if spread and len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{apart}"


def _seeds(group: Group) -> str:
    return str(len({line["seed"] for line in group})) if group[0]["iterations"] else ""


def _waves(group: Group) -> str:
    return " / ".join(f"{_mean(group, name):.2f}" for name in ("waves2", "waves4") if _values(group, name))


def _texture(group: Group) -> str:
    levels = zip(*(line["texture"] for line in group if "texture" in line), strict=True)
    return " / ".join(f"{fmean(level):.0f}" for level in levels)


def _minutes(group: Group) -> str:
    return f"{_mean(group, 'seconds') / 60:.1f}" if group[0]["iterations"] else ""


def _mean(group: Group, name: str) -> float:
    return fmean(_values(group, name))


def _values(group: Group, name: str) -> list[float]:
    return [line[name] for line in group if line.get(name) is not None]


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(cells)} |"


COLUMNS: dict[str, Callable[[Group], str]] = {
    "variant": lambda group: str(group[0]["variant"]),
    "seeds": _seeds,
    "PSNR": partial(_number, name="psnr", digits=2, spread=True),
    "over colours": partial(_number, name="over_colour_matching", digits=2),
    "SSIM": partial(_number, name="ssim", digits=3, spread=True),
    "arrival": partial(_number, name="arrival", digits=2, spread=True),
    "kid": partial(_number, name="kid", digits=3, spread=True),
    "content": partial(_number, name="content", digits=3),
    "edges": partial(_number, name="edges", digits=2),
    "waves": _waves,
    "light": partial(_number, name="light", digits=3),
    "texture": _texture,
    "cycle": partial(_number, name="cycle", digits=1),
    "ms": partial(_number, name="milliseconds_per_iteration", digits=0),
    "minutes": _minutes,
}
REAL = tuple(head for head in COLUMNS if head not in ("PSNR", "over colours", "SSIM"))
"""The columns of pictures without a truth."""
DRAWN = tuple(head for head in COLUMNS if head not in ("waves", "light"))
"""The columns of drawn seasons."""

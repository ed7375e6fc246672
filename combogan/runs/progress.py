"""How training is shown: live in place on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from combogan.evaluation.validation import described
from combogan.training.report import Quiet, Report
from combogan.training.schedule import Course

PARTS = ("gan", "matching", "heads", "paired", "cycle", "identity", "style", "latent", "forward", "discriminator")


class PlainReport:
    """A line per log interval, for files and pipes."""

    def tell(self, message: str) -> None:
        """A sentence, on stderr."""
        click.echo(message, err=True)

    def began(self, done: int, total: int, *, log: bool) -> None:
        """A line where one is due."""
        if log:
            click.echo(f"autoencoding {done}/{total}")

    def advance(self, iteration: int, course: Course) -> None:
        """Keep the course of the run, for the time left."""
        self._course = course

    def logged(self, line: Mapping[str, Any]) -> None:
        """One line: where the run is, how fast, the mean of each loss over the domains."""
        left = _time_left(line, self._course)
        means = " ".join(f"{part} {value:.3f}" for part, value in _means(line["losses"]).items())
        click.echo(
            f"iteration {line['iteration']}/{self._course.iterations}  epoch {line['epoch'] + 1}"
            f"/{math.ceil(self._course.epochs)}  {line['pictures_per_second']:.1f} pictures/s  {left} left  {means}"
        )

    def validated(self, iteration: int, measured: Mapping[str, float], *, best: bool) -> None:
        """One line: how good it is, and whether it is the best so far."""
        click.echo(_validated(iteration, measured, best))

    def __enter__(self) -> PlainReport:
        return self

    def __exit__(self, *_: object) -> None: ...


class NotebookDisplay:
    """What is drawn in place in a notebook: an output of the cell that is replaced."""

    def __init__(self, shown: RenderableType) -> None:
        self._shown, self._when = shown, 0.0
        self._output: Any = None

    def start(self) -> None:
        """Make the output."""
        from IPython.display import display

        self._output = display(self._html(), display_id=True)

    def update(self, shown: RenderableType) -> None:
        """Show something else."""
        self._shown = shown
        self.refresh()

    def refresh(self) -> None:
        """Draw again, unless that was less than half a second ago."""
        if self._output is not None and time.monotonic() - self._when > 0.5:
            self._draw()

    def stop(self) -> None:
        """Draw for the last time."""
        if self._output is not None:
            self._draw()

    def _draw(self) -> None:
        self._output.update(self._html())
        self._when = time.monotonic()

    def _html(self) -> Any:
        from IPython.display import HTML

        drawn = Console(file=io.StringIO(), record=True, width=100, force_jupyter=False)
        drawn.print(self._shown)
        return HTML(drawn.export_html(inline_styles=True, code_format='<pre style="line-height: 1.2">{code}</pre>'))


class LiveReport:
    """A bar and a table of losses per domain that are drawn in place, on a terminal or in a notebook."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._task = self._bar.add_task("starting", total=None)
        self._in_start = False
        self._live: Live | NotebookDisplay
        if console.is_jupyter:
            self._live = NotebookDisplay(self._bar)
        else:
            self._live = Live(self._bar, console=console, refresh_per_second=4)

    def tell(self, message: str) -> None:
        """A sentence above the bar."""
        self._console.print(message, style="yellow", highlight=False)

    def began(self, done: int, total: int, *, log: bool) -> None:
        """Move the bar of the start, which the bar of the iterations replaces later."""
        self._in_start = True
        self._bar.update(self._task, completed=done, total=total, description="autoencoding")
        self._moved()

    def advance(self, iteration: int, course: Course) -> None:
        """Move the bar."""
        epoch = f"epoch {course.epoch(iteration - 1) + 1}/{math.ceil(course.epochs)}"
        if self._in_start:
            self._bar.reset(self._task)  # else a bar that was full once stays at its time
            self._in_start = False
        self._bar.update(self._task, completed=iteration, total=course.iterations, description=epoch)
        self._moved()

    def logged(self, line: Mapping[str, Any]) -> None:
        """Show the losses of every domain."""
        shown = [part for part in PARTS if any(part in losses for losses in line["losses"].values())]
        table = Table(*["domain", *shown], box=None, caption=f"{line['pictures_per_second']:.1f} pictures/s")
        for domain, losses in line["losses"].items():
            table.add_row(domain, *(f"{losses[part]:.3f}" if part in losses else "" for part in shown))
        self._live.update(Group(self._bar, table))

    def validated(self, iteration: int, measured: Mapping[str, float], *, best: bool) -> None:
        """The line of `PlainReport`, above the bar."""
        self._console.print(_validated(iteration, measured, best), highlight=False)

    def _moved(self) -> None:
        if isinstance(self._live, NotebookDisplay):  # a terminal is drawn by a thread
            self._live.refresh()

    def __enter__(self) -> LiveReport:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


@contextmanager
def shown(report: Report | None) -> Iterator[Report]:
    """The report that Python code gave or, without one: live on a terminal and in a notebook, nothing elsewhere."""
    console = Console()
    if report is not None:
        yield report
    elif console.is_terminal or console.is_jupyter:
        with LiveReport(console) as live:
            yield live
    else:
        yield Quiet()


def reporter() -> PlainReport | LiveReport:
    """Live on a terminal, plain elsewhere."""
    console = Console()
    return LiveReport(console) if console.is_terminal else PlainReport()


def _validated(iteration: int, measured: Mapping[str, float], best: bool) -> str:
    return f"iteration {iteration}: validation {described(measured)}{', best so far' if best else ''}"


def _time_left(line: Mapping[str, Any], course: Course) -> str:
    done = line["iteration"] - max(0, line["since"])
    seconds = (course.iterations - line["iteration"]) * line["seconds"] / done
    return time.strftime("%H:%M:%S", time.gmtime(seconds)) if seconds < 86400 else f"{seconds / 86400:.1f} days"


def _means(losses: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    means = {}
    for part in PARTS:
        found = [parts[part] for parts in losses.values() if part in parts]
        if found:
            means[part] = sum(found) / len(found)
    return means

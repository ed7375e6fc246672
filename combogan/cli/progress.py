"""What a person sees while a run trains: the plan, live progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from combogan.evaluation.validation import described
from combogan.runs.plan import plan
from combogan.runs.prepare import Prepared
from combogan.settings import Settings
from combogan.training.schedule import Course

PARTS = ("gan", "matching", "heads", "paired", "cycle", "identity", "style", "latent", "forward", "discriminator")


class PlainReport:
    """A line per log interval, for files and pipes."""

    def tell(self, message: str) -> None:
        """A sentence, on stderr."""
        click.echo(message, err=True)

    def began(self, done: int, total: int) -> None:
        """A line at every quarter."""
        if 4 * done // total > 4 * (done - 1) // total:
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


class LiveReport:
    """A bar and a table of losses per domain that are drawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._task = self._bar.add_task("starting", total=None)
        self._live = Live(self._bar, console=console, refresh_per_second=4)

    def tell(self, message: str) -> None:
        """A sentence above the bar."""
        self._console.print(message, style="yellow", highlight=False)

    def began(self, done: int, total: int) -> None:
        """Move the bar of the start, which the bar of the iterations replaces later."""
        self._bar.update(self._task, completed=done, total=total, description="autoencoding")

    def advance(self, iteration: int, course: Course) -> None:
        """Move the bar."""
        epoch = f"epoch {course.epoch(iteration - 1) + 1}/{math.ceil(course.epochs)}"
        self._bar.update(self._task, completed=iteration, total=course.iterations, description=epoch)

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

    def __enter__(self) -> LiveReport:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def reporter() -> PlainReport | LiveReport:
    """Live on a terminal, plain elsewhere."""
    console = Console()
    return LiveReport(console) if console.is_terminal else PlainReport()


def show_plan(prepared: Prepared) -> None:
    """Print what the run will do and what it needs."""
    settings, course, what = prepared.settings, prepared.course, plan(prepared)
    validated = any(held for _, held, _, _ in what.pictures.values())
    table = Table("domain", "training", *(["validation"] if validated else []), "test", "pictures from", box=None)
    for name, (train, held, test, origin) in what.pictures.items():
        table.add_row(name, str(train), *([str(held)] if validated else []), str(test), origin)
    console = Console(soft_wrap=True)
    console.print(table)
    epochs = f"{course.epochs:,.1f} epochs" if course.epochs >= 1 else "less than an epoch"
    facts = {
        "iterations": f"{course.iterations:,} ({epochs} of {course.epoch_length}), {what.updates}",
        **_start(prepared),
        "pictures": f"{settings.images.size} px crops of {settings.images.load} px, batch {settings.schedule.batch}",
        "networks": f"{what.parameters / 1e6:.1f} million weights per domain",
        "machine": f"{settings.run.device}, {settings.run.precision}, {_threads(settings)}",
        "needs about": f"{_gigabytes(what.memory)} of memory, {_gigabytes(what.disk)} on disk",
    }
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", highlight=False)


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


def _start(prepared: Prepared) -> dict[str, str]:
    """The line on what comes before the first iteration of a new run."""
    count = prepared.settings.schedule.autoencode
    is_new = prepared.new is None and prepared.changes is None
    return {"start": f"{count:,} iterations of one autoencoder before them"} if count and is_new else {}


def _threads(settings: Settings) -> str:
    together, threads = settings.run.pairs_at_once, settings.run.threads
    each = f"{threads} thread{'s' if threads > 1 else ''}"
    if count := settings.run.workers:
        return f"{each} in each worker, {'as many as there is room for' if count == 'auto' else f'{count} of them'}"
    return f"{together} pairs at once with {each} each" if together > 1 else each


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"

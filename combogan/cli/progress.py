"""The plan that a person sees before a run trains."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from combogan.runs.plan import plan
from combogan.runs.prepare import Prepared
from combogan.settings import Settings
from combogan.translation.memory import amount


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
        "needs about": f"{amount(what.memory)} of memory, {amount(what.disk)} on disk",
    }
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", highlight=False)


def _start(prepared: Prepared) -> dict[str, str]:
    """The line on what comes before the first iteration of a new run."""
    count = prepared.settings.schedule.autoencode
    is_new = prepared.card is None and prepared.changes is None
    return {"start": f"{count:,} iterations of one autoencoder before them"} if count and is_new else {}


def _threads(settings: Settings) -> str:
    together, threads = settings.run.pairs_at_once, settings.run.threads
    each = f"{threads} thread{'s' if threads > 1 else ''}"
    if count := settings.run.workers:
        return f"{each} in each worker, {'as many as there is room for' if count == 'auto' else f'{count} of them'}"
    return f"{together} pairs at once with {each} each" if together > 1 else each

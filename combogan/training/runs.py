"""Runs: prepare one, start it, take it up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from combogan import machine
from combogan.data import catalog
from combogan.data.reopening import moved, reopen_all, usable
from combogan.errors import RunError
from combogan.registry.registry import GROWTH_CARD, RUN_CARD
from combogan.settings import Settings
from combogan.training import building
from combogan.training.beginning import begin_run
from combogan.training.folder import RunFolder, free_name
from combogan.training.preparing import in_proportion, resolve
from combogan.training.publishing import one_space, publish_run
from combogan.training.report import Quiet, Report
from combogan.training.schedule import PAIRS, Course, course
from combogan.training.trainer import Trainer
from combogan.training.validating import spared


@dataclass(frozen=True)
class Prepared:
    """A run that could start: everything is resolved and checked, nothing is written."""

    settings: Settings
    sources: dict[str, catalog.Domain]

    @property
    def course(self) -> Course:
        """How long the run is."""
        return course_of(self.settings, self.sources, share=len(self.sources))


def course_of(settings: Settings, sources: Mapping[str, catalog.Domain], *, share: int) -> Course:
    """The course of a run whose settings count epochs per domain, for `share` domains."""
    chosen = settings.schedule
    return course(
        max(len(source.train) for source in sources.values()),
        batch=chosen.batch,
        epochs=chosen.epochs,
        decay_from=chosen.decay_from,
        iterations=chosen.iterations,
        domains=share,
    )


def prepare(
    settings: Settings,
    domains: Sequence[str],
    *,
    data: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Find and check the pictures of the domains (names, or `name=FOLDER`), and choose device and precision.

    Raises DomainError and DeviceError.
    """
    device = machine.device(settings.run.device)
    sources = usable(catalog.resolve(domains, data=data), crop=settings.images.size, tell=tell)
    settings, sources = spared(settings, sources, tell)
    return Prepared(resolve(settings, sources, device), sources)


@machine.memory_explained()
def start(prepared: Prepared, out: Path | None, report: Report) -> Trainer:
    """The trainer of a new run in the folder `out`, by default runs/<domains joined by ->. Raises RunError."""
    name = "-".join(prepared.sources).replace("/", "-")
    folder = RunFolder.create(out or free_name(Path("runs"), name), prepared.settings)
    return _trainer(folder, prepared, report)


@machine.memory_explained()
def resume(
    path: Path,
    changes: Mapping[str, Any],
    report: Report,
    *,
    domains: Sequence[str] = (),
    data: Path | None = None,
) -> Trainer:
    """The trainer of a run, at its newest whole checkpoint, with some settings changed.

    `domains` and `data` say where pictures are that have moved, as `moved` takes them. Raises RunError, DomainError.
    """
    folder = RunFolder.open(path)
    _refuse_lost_growth(path)
    before = folder.settings()
    changes = in_proportion(changes, before)
    settings = before.changed(changes)
    refuse_changes(before, settings)
    if any(folder.added.glob("*")):
        raise RunError(
            f"domains were added to {path}, so it is not trained further: it would leave the latent space that they "
            "learned; start a new run with all the domains."
        )
    places = moved(settings.domains, domains, data)
    sources = usable(reopen_all(settings.domains | places), crop=settings.images.size, tell=report.tell)
    settings, sources = spared(settings, sources, report.tell)
    settings = resolve(settings, sources, machine.device(settings.run.device))
    trainer = _trainer(folder, Prepared(settings, sources), report)
    trainer.take_up(changes | {f"domains.{name}": origin for name, origin in places.items()})
    return trainer


def train(
    settings: Settings,
    domains: Sequence[str],
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train a translator between domains (names, or `name=FOLDER`) to the end; gives the run's folder.

    Raises ComboganError for whatever a person can put right.
    """
    report = report or Quiet()
    prepared = prepare(settings, domains, data=Path(data) if data else None, tell=report.tell)
    trainer = start(prepared, Path(out) if out else None, report)
    trainer.run()
    return trainer.folder.path


def _trainer(folder: RunFolder, prepared: Prepared, report: Report) -> Trainer:
    settings, sources = prepared.settings, prepared.sources
    device, names = machine.device(settings.run.device), sorted(sources)
    shared = building.shared_blocks(settings, names, device)
    domains = {
        name: building.new_domain(name, settings, device, shared=shared, place=names.index(name)) for name in sources
    }
    pair = PAIRS[settings.schedule.pairs]
    one = one_space(settings)
    return Trainer(
        folder,
        settings,
        sources,
        domains,
        course=prepared.course,
        pair=lambda iteration: pair(iteration, names, seed=settings.run.seed),
        publish=publish_run,
        begin=begin_run if settings.schedule.autoencode else None,
        composable=lambda source, target: one or source != target,
        report=report,
    )


def _refuse_lost_growth(path: Path) -> None:
    """A folder in which a domain is added, but whose card is gone, would be trained as a run of its own."""
    for parent in path.resolve().parents:
        if parent.name == "added" and (parent.parent / RUN_CARD).is_file():
            raise RunError(f"{path / GROWTH_CARD} is missing; delete {path} and add the domain again.")


def refuse_changes(before: Settings, after: Settings, *, growing: bool = False) -> None:
    """Only what leaves the networks and the pictures' meaning alone may change when a run goes on or a domain is added.

    What is added has batches, chance and an optimizer of its own.
    """
    fixed = ["domains", "images", "networks", "discriminator"]
    if not growing:
        fixed += ["optimizer.betas", "optimizer.pool", "optimizer.ema"]
        fixed += ["run.seed", "schedule.batch", "schedule.autoencode", "schedule.autoencode_from"]
    old, new = before.model_dump(), after.model_dump()
    changed = [key for key in fixed if _get(old, key) != _get(new, key)]
    if changed:
        when = "when a domain is added to a run" if growing else "when a run goes on"
        raise RunError(
            f"{', '.join(changed)} cannot change {when}; [losses], optimizer.rate, and what else is in [schedule] and "
            "[run] can; start a new run for the rest."
        )
    if not growing and bool(after.run.validate_every) != bool(before.run.validate_every):
        raise RunError(
            "run.validate_every cannot be switched on or off when a run goes on, because it decides which pictures are "
            "trained on; start a new run for it."
        )


def _get(table: Mapping[str, Any], key: str) -> Any:
    for name in key.split("."):
        table = table[name]
    return table

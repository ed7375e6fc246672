"""Compose the trainer of a prepared run, start or resume the run, and train it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from combogan import machine
from combogan.evaluation.validation import Validation
from combogan.runs.added_domain import AddedDomainParts
from combogan.runs.all_domains import AllDomainsParts
from combogan.runs.bridge_card import Bridging
from combogan.runs.bridged_domains import BridgeParts
from combogan.runs.growth_card import Growth
from combogan.runs.prepare import Prepared, prepare
from combogan.runs.progress import shown
from combogan.runs.signals import StopSignals
from combogan.runs.trainer_parts import TrainerParts
from combogan.settings import Settings
from combogan.training import building
from combogan.training.best import Best, Validator
from combogan.training.cluster import Cluster
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.journal import Journal
from combogan.training.report import Report
from combogan.training.run_state import RunState
from combogan.training.samples import Samples
from combogan.training.schedule import Schedule
from combogan.training.trainer import Trainer
from combogan.training.workers import Workers


def train(
    settings: Settings,
    domains: Sequence[str],
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train a translator between domains (names, or `name=FOLDER`) to the end; gives the run's folder.

    Without a `report`, progress is shown on a terminal and in a notebook; `training.report.Quiet()` shows none.
    Ctrl-C saves, then raises KeyboardInterrupt. Raises ComboganError for whatever a person can put right.
    """
    with shown(report) as report:
        prepared = prepare(
            settings, domains, data=Path(data) if data else None, out=Path(out) if out else None, tell=report.tell
        )
        return run_to_the_end(start(prepared, report))


def run_to_the_end(trainer: Trainer) -> Path:
    """Train; gives the run's folder. A signal that stops training takes its usual effect after the run is saved."""
    with StopSignals(trainer.journal.report.tell) as signals:
        finished = trainer.run(signals.received)
    if not finished:
        signals.raise_again()
        raise KeyboardInterrupt  # where a handler of the caller's has returned
    return trainer.path


@machine.memory_explained()
def start(prepared: Prepared, report: Report) -> Trainer:
    """The trainer of a new run, in its folder. Raises RunError and StorageError."""
    with _joined(prepared, report) as cluster:  # before anything is written
        folder = RunFolder.create(prepared.path, prepared.settings, parts_of(prepared).cards())
        return compose(folder, prepared, report, cluster)


@machine.memory_explained()
def resume(prepared: Prepared, report: Report) -> Trainer:
    """The trainer of a run at its newest undamaged checkpoint, or at its start if it has none. Raises RunError."""
    folder = RunFolder.open(prepared.path)
    chosen, here = prepared.settings.run, torch.get_num_threads()
    if (asked := chosen.threads * chosen.pairs_at_once) > here and not chosen.workers:
        report.tell(
            f"The run computes with {asked} threads and there are {here} here; --set run.threads=0 --set "
            "run.pairs_at_once=0 fits it to this machine, and changes last bits."
        )
    with _joined(prepared, report) as cluster:
        trainer = compose(folder, prepared, report, cluster)
        trainer.restore()
        return trainer


def compose(folder: RunFolder, prepared: Prepared, report: Report, cluster: Cluster | None = None) -> Trainer:
    """The trainer of a run, composed of all its parts; it trains in a cluster or, without one, in this process."""
    settings, sources, parts = prepared.settings, prepared.sources, parts_of(prepared)
    chosen = settings.run
    device = machine.device(chosen.device)
    engine = _engine(prepared, parts, device, cluster)
    environment = machine.environment(device, engine.precision, chosen.threads)
    state = RunState(folder, engine.domains, sources, environment, keep=chosen.keep)
    samples = Samples(sources, size=settings.images.size, device=device, one_space=prepared.one_space)
    journal = Journal(folder, report, samples, settings, prepared.changes)
    return Trainer(
        engine,
        state,
        journal,
        _validator(prepared, parts, device),
        Best(publishes_last=chosen.publish == "last"),
        parts.publisher(folder, samples),
        parts.pretraining(engine, state, journal),
    )


def parts_of(prepared: Prepared) -> TrainerParts:
    """The parts of its trainer that depend on what is trained."""
    match prepared.card:
        case Growth() as growth:
            return AddedDomainParts(growth, prepared)
        case Bridging() as bridging:
            return BridgeParts(bridging, prepared)
        case None:
            return AllDomainsParts(prepared)


@contextmanager
def _joined(prepared: Prepared, report: Report) -> Iterator[Cluster | None]:
    """The cluster that a run is spread over, if it is; an error in this context leaves it.

    WorkersError where it cannot be reached, or does not fit the run.
    """
    chosen = prepared.settings.run
    if not chosen.workers:
        yield None
        return
    cluster = Cluster(chosen.workers, threads=chosen.threads, cuda=machine.device(chosen.device).type == "cuda")
    try:
        cluster.refuse_others()
        cluster.refuse_small_store(building.state_bytes(prepared.settings))
        busy = len(prepared.sources) // 2 if prepared.card is None else 1
        report.tell(f"Workers: {cluster.workers}; at most {busy} can train at the same time, each a pair of domains.")
        for place in cluster.other_processors():
            report.tell(f"The processor at {place} is of another kind than that here; last bits may differ.")
        yield cluster
    except BaseException:
        cluster.close()
        raise


def _engine(prepared: Prepared, parts: TrainerParts, device: torch.device, cluster: Cluster | None) -> Engine:
    settings, sources = prepared.settings, prepared.sources
    chosen = settings.run
    first = torch.device("cpu") if chosen.resident or cluster else device  # where domains are made
    domains = parts.domains(first, shared_on=device)
    machine.return_freed_memory()
    batches = building.batches(settings, {name: source.train for name, source in sources.items()})
    schedule = Schedule(
        prepared.course,
        parts.draw(),
        meeting_length=settings.schedule.meeting,
        log_every=chosen.log_every,
        validate_every=chosen.validate_every,
        save_every=chosen.checkpoint_every,
        sample_every=chosen.sample_every,
    )
    if cluster is None:
        return Engine(domains, batches, schedule, settings, device)
    return Workers(domains, batches, schedule, settings, device, cluster)


def _validator(prepared: Prepared, parts: TrainerParts, device: torch.device) -> Validator | None:
    settings = prepared.settings
    if not settings.run.validate_every:
        return None
    make = partial(Validation, prepared.sources, parts.directions(), settings.images.size, device=device)
    threads = settings.run.threads * (settings.run.pairs_at_once or 1)
    if settings.run.workers:  # which are not on this machine alone
        threads = min(threads, torch.get_num_threads())
    return Validator(lambda tell: make(tell=tell), threads)

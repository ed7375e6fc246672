"""Compose the trainer of a prepared run, start or resume the run, and train it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from combogan import machine
from combogan.evaluation.validation import Validation, across, directions
from combogan.registry.registry import GROWTH_CARD
from combogan.runs import bridge_domains, frozen_domains
from combogan.runs.bridge_card import BRIDGING_CARD
from combogan.runs.prepare import Prepared, prepare
from combogan.runs.progress import shown
from combogan.runs.signals import StopSignals
from combogan.settings import Settings
from combogan.training import building
from combogan.training.best import Best, Validator
from combogan.training.cluster import Cluster
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.journal import Journal
from combogan.training.pretraining import AutoencoderStart, Pretraining
from combogan.training.publishing import Publisher, RunPublisher
from combogan.training.report import Report
from combogan.training.run_state import RunState
from combogan.training.samples import Samples
from combogan.training.schedule import PAIRS, Schedule, one_of
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
        cards: dict[str, bytes] = {}
        if prepared.growth is not None:
            cards[GROWTH_CARD] = prepared.growth.content(prepared.path)
        if prepared.bridging is not None:
            cards[BRIDGING_CARD] = prepared.bridging.content()
        folder = RunFolder.create(prepared.path, prepared.settings, cards)
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
    settings, sources, growth, bridging = prepared.settings, prepared.sources, prepared.growth, prepared.bridging
    chosen, one_space = settings.run, prepared.one_space
    size, depth = settings.images.size, settings.images.depth
    device = machine.device(chosen.device)
    engine = _engine(prepared, device, cluster)
    environment = machine.environment(device, engine.precision, chosen.threads)
    state = RunState(folder, engine.domains, sources, environment, keep=chosen.keep)
    samples = Samples(sources, size=size, device=device, one_space=one_space)
    journal = Journal(folder, report, samples, settings, prepared.changes)
    publisher: Publisher
    pretraining: Pretraining | None
    if bridging is not None:
        publisher = bridge_domains.BridgePublisher(bridging, folder)
        pretraining = bridge_domains.BridgeStart(bridging, engine, settings, report)
    elif growth is None:
        publisher = RunPublisher(folder, sources, samples, image_size=size, depth=depth, one_space=one_space)
        pretraining = AutoencoderStart(engine, settings, state, journal) if settings.schedule.autoencode else None
    else:
        new = sources[growth.name]
        publisher = frozen_domains.AddedPublisher(growth, new, samples, image_size=size, depth=depth)
        pretraining = frozen_domains.AddedStart(growth, engine, report, as_nearest=settings.schedule.autoencode > 0)
    best = Best(publishes_last=chosen.publish == "last")
    return Trainer(engine, state, journal, _validator(prepared, device), best, publisher, pretraining)


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
        busy = 1 if prepared.new else len(prepared.sources) // 2
        report.tell(f"Workers: {cluster.workers}; at most {busy} can train at the same time, each a pair of domains.")
        for place in cluster.other_processors():
            report.tell(f"The processor at {place} is of another kind than that here; last bits may differ.")
        yield cluster
    except BaseException:
        cluster.close()
        raise


def _engine(prepared: Prepared, device: torch.device, cluster: Cluster | None) -> Engine:
    settings, sources, growth, bridging = prepared.settings, prepared.sources, prepared.growth, prepared.bridging
    chosen, names = settings.run, sorted(sources)
    first = torch.device("cpu") if chosen.resident or cluster else device  # where domains are made
    draw: Callable[[int], tuple[str, str]]
    if bridging is not None:
        domains = bridge_domains.domains(bridging, settings, sources, first, device)
        draw = partial(one_of, bridging.pairs(names), how=settings.schedule.pairs, seed=chosen.seed)
    elif growth is None:
        shared = building.shared_blocks(settings, names, device)
        domains = {}
        for name in sources:
            domains[name] = building.new_domain(name, settings, first, shared=shared, place=names.index(name))
            domains[name].rest()
        draw = partial(PAIRS[settings.schedule.pairs], domains=names, seed=chosen.seed)
    else:
        domains = frozen_domains.domains(growth, settings, sources, first)
        pairs = [(growth.name, name) for name in names if name != growth.name]
        draw = partial(one_of, pairs, how=settings.schedule.pairs, seed=chosen.seed)
    machine.return_freed_memory()
    batches = building.batches(settings, {name: source.train for name, source in sources.items()})
    schedule = Schedule(
        prepared.course,
        draw,
        meeting_length=settings.schedule.meeting,
        log_every=chosen.log_every,
        validate_every=chosen.validate_every,
        save_every=chosen.checkpoint_every,
        sample_every=chosen.sample_every,
    )
    if cluster is None:
        return Engine(domains, batches, schedule, settings, device)
    return Workers(domains, batches, schedule, settings, device, cluster)


def _validator(prepared: Prepared, device: torch.device) -> Validator | None:
    settings, sources = prepared.settings, prepared.sources
    if not settings.run.validate_every:
        return None
    if prepared.bridging is not None:
        chosen = across(prepared.bridging.pairs(sorted(sources)), seed=settings.run.seed)
    else:
        chosen = directions(list(sources), seed=settings.run.seed, new=prepared.new)
    make = partial(Validation, sources, chosen, settings.images.size, device=device)
    threads = settings.run.threads * (settings.run.pairs_at_once or 1)
    if settings.run.workers:  # which are not on this machine alone
        threads = min(threads, torch.get_num_threads())
    return Validator(lambda tell: make(tell=tell), threads)

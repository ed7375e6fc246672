"""A growth in progress: a trainer in which only the new domain's halves learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from combogan import machine
from combogan.data import catalog
from combogan.data.reopening import moved, reopen_all, usable
from combogan.errors import PackError
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.registry.pack import Pack, write_pack
from combogan.registry.registry import GROWTH_CARD
from combogan.settings import Settings
from combogan.training import building
from combogan.training.beginning import begin_growth
from combogan.training.checkpoint import Checkpoints
from combogan.training.domain import Domain
from combogan.training.folder import RunFolder
from combogan.training.growthcard import Growth
from combogan.training.preparing import in_proportion, resolve
from combogan.training.publishing import about_pack, best_of, to_publish
from combogan.training.report import Report
from combogan.training.runs import course_of, refuse_changes
from combogan.training.samples import save_preview
from combogan.training.schedule import Course, meeting
from combogan.training.trainer import Trainer
from combogan.training.validating import spared


@dataclass(frozen=True)
class Prepared:
    """A growth that could start: everything is resolved and checked, nothing is written."""

    folder: Path
    settings: Settings
    sources: dict[str, catalog.Domain]
    growth: Growth

    @property
    def course(self) -> Course:
        """How long it takes: epochs count for the new domain alone."""
        return course_of(self.settings, self.sources, share=1)


@machine.memory_explained()
def start(prepared: Prepared, report: Report) -> Trainer:
    """The trainer of a new growth, in its folder. Raises RunError."""
    folder = RunFolder.create(prepared.folder, prepared.settings, also=[GROWTH_CARD])
    prepared.growth.write(folder.path)
    trainer = _trainer(folder, prepared, report)
    _copy_judges(prepared.growth, trainer.domains, report)
    return trainer


@machine.memory_explained()
def resume(
    path: Path,
    changes: Mapping[str, Any],
    report: Report,
    *,
    domains: Sequence[str] = (),
    data: Path | None = None,
) -> Trainer:
    """The trainer that goes on adding a domain, at its newest whole checkpoint; arguments and errors as of
    `runs.resume`."""
    folder = RunFolder.open(path)
    growth = Growth.read(path)
    before = folder.settings()
    changes = in_proportion(changes, before)
    settings = before.changed(changes)
    refuse_changes(before, settings)
    places = moved(settings.domains, domains, data)
    sources = usable(reopen_all(settings.domains | places), crop=settings.images.size, tell=report.tell)
    settings, sources = spared(settings, sources, report.tell)
    settings = resolve(settings, sources, machine.device(settings.run.device), growing=True)
    trainer = _trainer(folder, Prepared(path, settings, sources, growth), report)
    trainer.take_up(changes | {f"domains.{name}": origin for name, origin in places.items()})
    if not trainer.iteration:  # stopped before its first checkpoint
        _copy_judges(growth, trainer.domains, report)
    return trainer


def _trainer(folder: RunFolder, prepared: Prepared, report: Report) -> Trainer:
    settings, sources, growth = prepared.settings, prepared.sources, prepared.growth
    device = machine.device(settings.run.device)
    old = sorted(name for name in sources if name != growth.name)
    domains = {growth.name: building.new_domain(growth.name, settings, device)}
    for name in old:
        domains[name] = _frozen(name, Pack.open(growth.packs[name]), settings, device)
    chosen = settings.schedule
    return Trainer(
        folder,
        settings,
        sources,
        domains,
        course=prepared.course,
        pair=lambda i: (growth.name, meeting(i, old, pairs=chosen.pairs, seed=settings.run.seed)),
        publish=lambda trainer: _publish(trainer, growth),
        begin=begin_growth if chosen.autoencode else None,
        composable=lambda source, target: True,
        report=report,
        new=growth.name,
    )


def _frozen(name: str, pack: Pack, settings: Settings, device: torch.device) -> Domain:
    """An old domain: its published halves, and a judge that still learns."""
    fresh = building.new_domain(name, settings, device)
    encoder, decoder = pack.load_encoder(device), pack.load_decoder(device)
    assert isinstance(encoder, Encoder)  # packs with shared blocks were refused
    assert isinstance(decoder, Decoder)
    return Domain(
        name,
        encoder.to(memory_format=torch.channels_last),
        decoder.to(memory_format=torch.channels_last),
        fresh.discriminator,
        betas=settings.optimizer.betas,
        ema=0.0,
        pool=settings.optimizer.pool,
        frozen=True,
    )


def _copy_judges(growth: Growth, domains: Mapping[str, Domain], report: Report) -> None:
    """Begin with the old discriminators, moments and pools of the run's last checkpoint, where there is a run.

    The old halves may be of an earlier one, the best: judges that have seen more learn on all the same.
    """
    if growth.judges is None:
        return
    checkpoint = Checkpoints(RunFolder.open(Path(growth.judges)).checkpoints, keep=1).find(report.tell)
    for name, domain in domains.items():
        if checkpoint is not None and name in checkpoint.manifest["parts"]:
            domain.load(checkpoint.state(name))
        elif name != growth.name:
            report.tell(f"the run has no discriminator of '{name}'; beginning with a fresh one.")


def _publish(trainer: Trainer, growth: Growth) -> list[str]:
    """Write the new pack when it is ready, if the old ones are as they were, and check that they still are."""
    if trainer.iteration < trainer.course.iterations:
        return []
    _refuse_changed(growth)
    settings, halves = trainer.settings, to_publish(trainer)
    target = Path(growth.target)
    write_pack(
        target,
        domain=growth.name,
        encoder=halves.encoders[growth.name].own,  # type: ignore[arg-type]
        decoder=halves.decoders[growth.name].own,  # type: ignore[arg-type]
        spaces=(growth.space, growth.space),
        image_size=settings.images.size,
        about=about_pack(trainer.sources[growth.name], halves),
    )
    save_preview(target / "preview.png", growth.name, trainer.translations(halves))
    trainer.published = halves.iteration
    _refuse_changed(growth)
    packs = " ".join(f"--registry {path}" for path in _registries(growth))
    return [
        f"look at:   {trainer.folder.path / 'samples' / f'{trainer.iteration:06d}.png'}",
        *best_of(trainer),
        f"pack:      {target}",
        f"unchanged: the {len(growth.packs)} old packs ({', '.join(growth.packs)}), checked to the byte",
        f"translate: combogan translate --from {growth.name} --to {next(iter(growth.packs))} {packs}",
    ]


def _refuse_changed(growth: Growth) -> None:
    if changed := growth.changed_files():
        raise PackError(f"{changed[0]} has changed while '{growth.name}' was added; something else wrote to it.")


def _registries(growth: Growth) -> list[Path]:
    """The packs folders that hold the old packs and the new one."""
    folders = {Path(growth.target): growth.name} | {Path(path): name for name, path in growth.packs.items()}
    found = [path.parents[name.count("/")] for path, name in folders.items()]
    return list(dict.fromkeys(found))

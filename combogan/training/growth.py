"""A new domain against frozen old ones: only its own networks learn (Anoosheh et al. 2017, section 3.2).

The old domains' published halves are translated through and never changed. Their discriminators go on learning in a
scratch copy that stays in the growth's own folder, because a frozen judge is soon fooled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from combogan import machine, storage
from combogan.data import catalog
from combogan.errors import DomainError, PackError, RunError, SpaceError
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.registry.pack import CARD, Pack, write_pack
from combogan.registry.registry import Registry
from combogan.settings import Settings
from combogan.training import building
from combogan.training.checkpoint import Checkpoints
from combogan.training.domain import Domain
from combogan.training.folder import RunFolder, free_name
from combogan.training.preparing import resolve, usable
from combogan.training.publishing import about_pack, published_halves
from combogan.training.runs import course_of, refuse_changes
from combogan.training.samples import save_preview
from combogan.training.schedule import Course, meeting
from combogan.training.trainer import Quiet, Report, Trainer

CARD_OF_GROWTH = "growth.json"


@dataclass(frozen=True)
class Growth:
    """What a growth's folder says beside its settings: what it grows onto."""

    name: str
    """The new domain."""
    space: str
    """Id of the latent space that it joins."""
    packs: dict[str, str]
    """Folder of each old domain's pack."""
    files: dict[str, str]
    """SHA-256 of every file of the old packs, which must be the same in the end."""
    target: str
    """Folder that the new pack is published as."""
    judges: str | None
    """The run whose last checkpoint the old discriminators are copied from; None where they begin fresh."""

    @classmethod
    def read(cls, folder: Path) -> Growth:
        """Raises RunError when the card is damaged."""
        try:
            return cls(**json.loads((folder / CARD_OF_GROWTH).read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                f"{folder / CARD_OF_GROWTH} is damaged ({error}); delete {folder} and add it again."
            ) from None


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


def is_growth(path: Path) -> bool:
    """Whether a folder is one in which a domain is being added."""
    return (path / CARD_OF_GROWTH).is_file()


def add_domain(
    domain: str,
    *,
    run: str | Path | None = None,
    registry: str | Path | None = None,
    settings: Settings | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    report: Report | None = None,
) -> Path:
    """Teach a trained run, or the packs in `registry`, one more domain; gives the new pack's folder.

    `domain` is a name or `name=FOLDER`. `changes` apply to the run's settings, or to `settings` where there is only a
    registry. Raises ComboganError for whatever a person can put right.
    """
    report = report or Quiet()
    data = Path(data) if data else None
    if run is not None:
        prepared = onto_run(domain, Path(run), data=data, changes=changes or {}, report=report)
    elif registry is not None:
        settings = (settings or Settings()).changed(changes or {})
        out = Path(out) if out else None
        prepared = onto_packs(domain, Path(registry), settings, data=data, out=out, report=report)
    else:
        raise RunError("add_domain needs a run or a registry to add the domain to.")
    start(prepared, report).run()
    return Path(prepared.growth.target)


def onto_run(word: str, path: Path, *, data: Path | None, changes: Mapping[str, Any], report: Report) -> Prepared:
    """Prepare to add a domain to a run, in RUN/added/NAME. Raises ComboganError."""
    run = RunFolder.open(path)
    before = run.settings()
    new = catalog.look_up(word, data=data).name
    settings = before.changed({"schedule.iterations": _share(before), **changes})
    refuse_changes(before, settings)
    packs = _one_space(Registry.open(path), str(path))
    folder = run.added / new
    if (folder / CARD_OF_GROWTH).exists() and new not in packs:
        raise RunError(f"'{new}' is already being added in {folder}; go on with: combogan train --resume {folder}")
    _refuse_taken(new, packs)
    origins = {name: before.domains.get(name) or _origin(pack) for name, pack in packs.items()}
    return _prepare(word, data, folder, settings, packs, origins, run.packs / new, path, report)


def onto_packs(
    word: str, registry: Path, settings: Settings, *, data: Path | None, out: Path | None, report: Report
) -> Prepared:
    """Prepare to add a domain to packs alone, with fresh judges, in the folder `out`. Raises ComboganError."""
    new = catalog.look_up(word, data=data).name
    packs = _one_space(Registry.open(registry), str(registry))
    _refuse_taken(new, packs)
    settings = settings.changed(_shape(next(iter(packs.values()))))
    origins: dict[str, str | None] = {}
    for name, pack in packs.items():
        try:
            origins[name] = catalog.look_up(name, data=data).origin
        except DomainError:
            origins[name] = _origin(pack)
    folder = out or free_name(Path("runs"), new.replace("/", "-"))
    return _prepare(word, data, folder, settings, packs, origins, folder / "packs" / new, None, report)


def resume(path: Path, changes: Mapping[str, Any], report: Report) -> Trainer:
    """The trainer that goes on adding a domain, at its newest whole checkpoint. Raises RunError."""
    folder = RunFolder.open(path)
    growth = Growth.read(path)
    before = folder.settings()
    settings = before.changed(changes)
    refuse_changes(before, settings)
    torch.set_num_threads(settings.run.threads)
    found = [catalog.reopen(name, origin) for name, origin in settings.domains.items()]
    sources = usable(found, crop=settings.images.size, tell=report.tell)
    trainer = _trainer(folder, Prepared(path, settings, sources, growth), report)
    trainer.take_up(changes)
    return trainer


def _prepare(
    word: str,
    data: Path | None,
    path: Path,
    settings: Settings,
    packs: Mapping[str, Pack],
    origins: Mapping[str, str | None],
    target: Path,
    judges: Path | None,
    report: Report,
) -> Prepared:
    """Find and check the pictures, and note what must not change."""
    found = catalog.resolve([word], data=data, needed=1)
    for name, origin in origins.items():
        try:
            if origin is None:
                raise DomainError(f"where the pictures of '{name}' are is not known")
            found.append(catalog.reopen(name, origin))
        except DomainError as error:
            report.tell(f"Training without '{name}': {error}")
    if len(found) == 1:
        raise DomainError(
            f"no pictures of an old domain ({', '.join(packs)}) were found, and at least one is needed to learn "
            "against; give --data DIR with a folder of its name."
        )
    shape = packs[found[1].name].encoder
    assert shape is not None
    device = machine.device(settings.run.device)
    sources = usable(found, crop=settings.images.size, tell=report.tell)
    settings = resolve(settings.model_copy(update={"domains": {}}), sources, device)
    growth = Growth(
        name=found[0].name,
        space=shape.latent.space,
        packs={name: str(pack.folder.resolve()) for name, pack in packs.items()},
        files=_hashes(packs.values()),
        target=str(target.resolve()),
        judges=str(judges.resolve()) if judges is not None else None,
    )
    return Prepared(path, settings, sources, growth)


def start(prepared: Prepared, report: Report) -> Trainer:
    """The trainer of a new growth, in its folder. Raises RunError."""
    folder = RunFolder.create(prepared.folder, prepared.settings)
    storage.write(folder.path / CARD_OF_GROWTH, json.dumps(asdict(prepared.growth), indent=1).encode())
    folder.write_history({"iteration": 0, "event": "started"})
    return _trainer(folder, prepared, report)


def _trainer(folder: RunFolder, prepared: Prepared, report: Report) -> Trainer:
    settings, sources, growth = prepared.settings, prepared.sources, prepared.growth
    device = machine.device(settings.run.device)
    old = sorted(name for name in sources if name != growth.name)
    domains = {growth.name: building.new_domain(growth.name, settings, device)}
    for name in old:
        domains[name] = _frozen(name, Pack.open(growth.packs[name]), settings, device)
    if growth.judges is not None:
        _copy_judges(Path(growth.judges), [domains[name] for name in old], report)
    chosen = settings.schedule
    return Trainer(
        folder,
        settings,
        sources,
        domains,
        course=prepared.course,
        pair=lambda i: (growth.name, meeting(i, old, pairs=chosen.pairs, seed=settings.run.seed)),
        publish=lambda trainer: _publish(trainer, growth),
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


def _copy_judges(run: Path, domains: Sequence[Domain], report: Report) -> None:
    """Begin with the discriminators, moments and pools that the run's last checkpoint holds."""
    checkpoint = Checkpoints(RunFolder.open(run).checkpoints, keep=1).find(report.tell)
    for domain in domains:
        if checkpoint is None or domain.name not in checkpoint.manifest["parts"]:
            report.tell(f"the run has no discriminator of '{domain.name}'; beginning with a fresh one.")
        else:
            domain.load(checkpoint.state(domain.name))


def _publish(trainer: Trainer, growth: Growth) -> list[str]:
    """Write the new pack when it is ready, and check that the old ones are as they were."""
    if trainer.iteration < trainer.course.iterations:
        return []
    domain, settings = trainer.domains[growth.name], trainer.settings
    encoder, decoder = published_halves(domain)
    target = Path(growth.target)
    write_pack(
        target,
        domain=growth.name,
        encoder=encoder.own,  # type: ignore[arg-type]
        decoder=decoder.own,  # type: ignore[arg-type]
        spaces=(growth.space, growth.space),
        image_size=settings.images.size,
        about=about_pack(trainer.sources[growth.name], domain, trainer.iteration),
    )
    save_preview(target / "preview.png", growth.name, trainer.translations())
    changed = [path for path, digest in growth.files.items() if not _is_still(Path(path), digest)]
    if changed:
        raise PackError(f"{changed[0]} has changed while '{growth.name}' was added; something else wrote to it.")
    packs = " ".join(f"--registry {path}" for path in _registries(growth))
    return [
        f"look at:   {trainer.folder.path / 'samples' / f'{trainer.iteration:06d}.png'}",
        f"pack:      {target}",
        f"unchanged: the {len(growth.packs)} old packs ({', '.join(growth.packs)}), checked to the byte",
        f"translate: combogan translate --from {growth.name} --to {next(iter(growth.packs))} {packs}",
    ]


def _registries(growth: Growth) -> list[Path]:
    """The packs folders that hold the old packs and the new one."""
    folders = {Path(growth.target): growth.name} | {Path(path): name for name, path in growth.packs.items()}
    found = [path.parents[name.count("/")] for path, name in folders.items()]
    return list(dict.fromkeys(found))


def _share(settings: Settings) -> int | None:
    """Iterations for one domain more, where the run counted iterations: the old domains' share of them."""
    total = settings.schedule.iterations
    return None if total is None else math.ceil(total / max(1, len(settings.domains)))


def _shape(pack: Pack) -> dict[str, Any]:
    """The [networks] settings that fit a pack."""
    assert pack.encoder is not None
    assert pack.decoder is not None
    encoder, decoder = pack.encoder.shape, pack.decoder.shape
    shape = {f"networks.{key}": encoder[key] for key in ("width", "activation", "norm", "dropout")}
    shape |= {"networks.encoder_blocks": encoder["blocks"], "networks.decoder_blocks": decoder["blocks"]}
    return shape | {"networks.upsampling": decoder["upsampling"]}


def _one_space(registry: Registry, where: str) -> dict[str, Pack]:
    """The packs of the newest latent space that a domain can join. SpaceError, PackError when there is none."""
    newest = next(iter(registry.spaces().values()))
    packs = {pack.domain: pack for pack in reversed(newest)}
    for pack in packs.values():
        if pack.encoder is None or pack.decoder is None or pack.encoder.latent != pack.decoder.latent:
            raise SpaceError(
                f"{where} has no latent space that a domain could join: its two domains were trained without "
                "autoencode identity, so a->b and b->a are two separate spaces; train with three domains, or with "
                "--set losses.identity=1."
            )
        if pack.encoder.shared is not None or pack.decoder.shared is not None:
            raise SpaceError(
                f"the domains of {where} share blocks that know only them, so no domain can be added; train without "
                "networks.shared_encoder_blocks and shared_decoder_blocks."
            )
    return packs


def _refuse_taken(name: str, packs: Mapping[str, Pack]) -> None:
    if name in packs:
        raise DomainError(f"'{name}' already has a pack there ({packs[name].folder}); give the new one another name.")


def _origin(pack: Pack) -> str | None:
    origin = pack.about.get("origin")
    return origin if isinstance(origin, str) else None


def _hashes(packs: Any) -> dict[str, str]:
    return {
        str(path.resolve()): storage.file_hash(path)
        for pack in packs
        for path in sorted(pack.folder.glob("*"))
        if path.is_file() and (path.name == CARD or path.suffix == ".safetensors")
    }


def _is_still(path: Path, digest: str) -> bool:
    return path.is_file() and storage.file_hash(path) == digest

"""Adding a domain to trained ones: only the new domain's networks are trained (Anoosheh et al. 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from combogan.data import catalog
from combogan.data.catalog import DomainPictures
from combogan.errors import DomainError, RunError, SpaceError
from combogan.registry.pack import Pack
from combogan.registry.registry import GROWTH_CARD, RUN_CARD, Registry
from combogan.runs.bridge_card import refuse_bridge
from combogan.runs.changes import in_proportion, refuse_changes
from combogan.runs.frozen_packs import file_hashes
from combogan.runs.growth_card import Growth, is_growth
from combogan.runs.prepare import Prepared, refuse_lost_growth, settle, threads_alone
from combogan.runs.progress import shown
from combogan.runs.run import run_to_the_end, start
from combogan.settings import Settings
from combogan.training import building
from combogan.training.folder import RunFolder, free_name
from combogan.training.report import Report

SHARE = 0.6
"""Updates of an added domain, as a share of the updates that each domain of the run has had."""
Tell = Callable[[str], object]


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
    """Add one more domain to a trained run, or to the packs in `registry`; gives the new pack's folder.

    `domain` is a name or `name=FOLDER`. `changes` apply to the run's settings, or to `settings` where there is only a
    registry. Progress is shown as by `train`. Ctrl-C saves, then raises KeyboardInterrupt. Raises ComboganError for
    whatever a person can put right.
    """
    data = Path(data) if data else None
    with shown(report) as report:
        if run is not None:
            prepared = onto_run(domain, Path(run), data=data, changes=changes or {}, tell=report.tell)
        elif registry is not None:
            settings = settings or Settings()
            changes = in_proportion(changes or {}, settings)
            settings, out = settings.changed(changes), Path(out) if out else None
            packs = Path(registry)
            prepared = onto_packs(domain, packs, settings, given=changes, data=data, out=out, tell=report.tell)
        else:
            raise RunError("add_domain needs a run or a registry to add the domain to.")
        run_to_the_end(start(prepared, report))
    assert isinstance(prepared.card, Growth)
    return Path(prepared.card.target)


def onto_run(word: str, path: Path, *, data: Path | None, changes: Mapping[str, Any], tell: Tell) -> Prepared:
    """Prepare to add a domain to a run, in RUN/added/NAME. Raises ComboganError."""
    run = RunFolder.open(path)
    refuse_bridge(path)
    before = run.settings()
    with run.locked():  # further training of the run would change the latent space that the new domain learns
        packs = one_space(Registry.open(path), str(path))
    _refuse_taken(word.partition("=")[0].strip(), packs)  # before it is looked up: its pictures may be gone
    new = catalog.look_up(word, data=data).name
    alone = {"schedule.iterations": _share(before), "run.threads": threads_alone(before), "run.workers": 0}
    settings = before.changed({**alone, **in_proportion(changes, before)})
    refuse_changes(before, settings, adding=True)
    folder = run.added / new
    began = (folder / GROWTH_CARD).exists() and not RunFolder(folder).is_untrained(also=[GROWTH_CARD])
    if began and new not in packs:
        raise RunError(f"'{new}' is already being added in {folder}; go on with: combogan train --resume {folder}")
    _refuse_taken(new, packs)
    if (folder / RUN_CARD).exists() and not is_growth(folder):
        refuse_lost_growth(folder)
    origins = {name: before.domains.get(name) or pack_origin(pack) for name, pack in packs.items()}
    return _prepare(word, data, folder, settings, packs, origins, run.packs / new, path, tell)


def onto_packs(
    word: str,
    registry: Path,
    settings: Settings,
    *,
    given: Mapping[str, Any],
    data: Path | None,
    out: Path | None,
    tell: Tell,
) -> Prepared:
    """Prepare to add a domain to packs alone, with new discriminators, in the folder `out`. Raises ComboganError.

    Networks are those of the packs, and pictures have their size unless it is among the changes that were `given`.
    """
    if out is not None:
        RunFolder(out).refuse_taken(also=[GROWTH_CARD])
    new = catalog.look_up(word, data=data).name
    packs = one_space(Registry.open(registry), str(registry))
    _refuse_taken(new, packs)
    like = next(iter(packs.values()))
    assert like.encoder is not None
    assert like.decoder is not None
    fixed = {**building.networks_of(like.encoder.shape, like.decoder.shape), "images.depth": like.depth}
    if other := [key for key, value in given.items() if fixed.get(key, value) != value]:
        raise SpaceError(
            f"{other[0]} cannot be {given[other[0]]}, because the networks of the packs in {registry} have "
            f"{fixed[other[0]]}; leave it out."
        )
    size = {} if "images.size" in given else {"images.size": like.image_size}
    settings = settings.changed({**fixed, **in_proportion(size, settings)})
    origins: dict[str, str | None] = {}
    for name, pack in packs.items():
        try:
            origins[name] = catalog.look_up(name, data=data).origin
        except DomainError:
            origins[name] = pack_origin(pack)
    folder = out or free_name(Path("runs"), new.replace("/", "-"))
    return _prepare(word, data, folder, settings, packs, origins, folder / "packs" / new, None, tell)


def _prepare(
    word: str,
    data: Path | None,
    path: Path,
    settings: Settings,
    packs: Mapping[str, Pack],
    origins: Mapping[str, str | None],
    target: Path,
    run: Path | None,
    tell: Tell,
) -> Prepared:
    """Find and check the pictures, and record which files must not change."""
    found = catalog.resolve([word], data=data, needed=1)
    for name, origin in origins.items():
        if origin == found[0].origin:
            raise DomainError(f"'{found[0].name}' would be the pictures of '{name}' ({origin}); give another set.")
        try:
            found.append(reopened(name, origin, data))
        except DomainError as error:
            tell(f"Training without '{name}': {error}")
    if len(found) == 1:
        raise DomainError(
            f"no pictures of an old domain ({', '.join(packs)}) were found, and at least one is needed to learn "
            "against; give --data DIR with a folder of its name."
        )
    settings, sources = settle(settings, found, meets=lambda *pair: found[0].name in pair, tell=tell)
    growth = Growth(
        name=found[0].name,
        packs={name: str(pack.folder.resolve()) for name, pack in packs.items()},
        files=file_hashes(packs.values()),
        target=str(target.resolve()),
        discriminators=str(run.resolve()) if run is not None else None,
    )
    return Prepared(path, settings, sources, growth)


def reopened(name: str, origin: str | None, data: Path | None) -> DomainPictures:
    """The pictures of an old domain: where they were or, if they are gone, in `data`/NAME. Raises DomainError."""
    lost = origin is None or (Path(origin).is_absolute() and not Path(origin).is_dir())
    if lost and data is not None and (data / name).is_dir():
        return catalog.open_place(catalog.look_up(f"{name}={data / name}"))
    if origin is None:
        raise DomainError("where its pictures are is not known.")
    return catalog.reopen(name, origin)


def _share(settings: Settings) -> int | None:
    """Iterations of an added domain, None where the run counts epochs. It gets SHARE of the updates that each domain of
    the run had, which is enough because it starts as a copy of an old domain (benchmarks/README.md)."""
    total = settings.schedule.iterations
    return None if total is None else max(1, round(SHARE * 2 * total / len(settings.domains)))


def one_space(registry: Registry, where: str, *, what: str = "domain") -> dict[str, Pack]:
    """The packs of the newest latent space that a domain, or `what` else, can join. SpaceError when there is none;
    PackError when a pack there is damaged, since the training would be without it."""
    if registry.damaged:
        raise next(iter(registry.damaged.values()))
    newest = next(iter(registry.spaces().values()))
    packs = {pack.domain: pack for pack in reversed(newest)}
    for pack in packs.values():
        if pack.encoder is None or pack.decoder is None or pack.encoder.latent != pack.decoder.latent:
            raise SpaceError(
                f"{where} has no latent space that a {what} could join: its two domains were trained without "
                "autoencode identity, so a->b and b->a are two separate spaces; train with three domains, or with "
                "--set losses.identity=1."
            )
        if pack.encoder.shared is not None or pack.decoder.shared is not None:
            raise SpaceError(
                f"the domains of {where} share blocks that know only them, so no {what} can be added; train without "
                "networks.shared_encoder_blocks and shared_decoder_blocks."
            )
    return packs


def _refuse_taken(name: str, packs: Mapping[str, Pack]) -> None:
    for old, pack in packs.items():
        if old.casefold() == name.casefold():  # some file systems do not tell capitals apart
            raise DomainError(f"'{old}' already has a pack there ({pack.folder}); give the new one another name.")


def pack_origin(pack: Pack) -> str | None:
    origin = pack.about.get("origin")
    return origin if isinstance(origin, str) else None

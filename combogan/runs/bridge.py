"""A bridge between two runs that were trained apart: only adapters between their latent spaces are trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from combogan.data.catalog import DomainPictures
from combogan.errors import DomainError, SpaceError
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry
from combogan.runs.add_domain import Tell, one_space, pack_origin, reopened
from combogan.runs.bridge_card import BRIDGING_CARD, Bridging, End, refuse_bridge, refuse_workers
from combogan.runs.changes import in_proportion, refuse_changes
from combogan.runs.frozen_packs import file_hashes
from combogan.runs.prepare import Prepared, settle, threads_alone
from combogan.runs.progress import shown
from combogan.runs.run import run_to_the_end, start
from combogan.settings import Settings
from combogan.training.checkpoint import Checkpoints
from combogan.training.folder import RunFolder, free_name
from combogan.training.report import Report

SHARE = 0.25
"""Iterations of a bridge, as a share of those of the shorter of its two runs."""


def bridge(
    run_a: str | Path,
    run_b: str | Path,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    report: Report | None = None,
) -> Path:
    """Build a bridge between two trained runs, so that all their domains translate into each other; gives its folder.

    `changes` apply to the settings of the first run. Progress is shown as by `train`. Ctrl-C saves, then raises
    KeyboardInterrupt. Raises ComboganError for whatever a person can put right.
    """
    with shown(report) as report:
        prepared = between(
            Path(run_a),
            Path(run_b),
            data=Path(data) if data else None,
            out=Path(out) if out else None,
            changes=changes or {},
            tell=report.tell,
        )
        return run_to_the_end(start(prepared, report))


def between(
    run_a: Path, run_b: Path, *, data: Path | None, out: Path | None, changes: Mapping[str, Any], tell: Tell
) -> Prepared:
    """Prepare a bridge between two runs, in the folder `out` or below runs/. Raises ComboganError."""
    if out is not None:
        RunFolder(out).refuse_taken(also=[BRIDGING_CARD])
    packs = {path: _packs(path) for path in (run_a, run_b)}
    ends = [_end(path, packs[path]) for path in (run_a, run_b)]
    _refuse_unfitting(ends[0], ends[1])
    before = RunFolder.open(run_a).settings()
    settings = before.changed({**_defaults(before, [run_a, run_b]), **in_proportion(changes, before)})
    refuse_changes(before, settings, adding=True)
    refuse_workers(settings)
    found: list[DomainPictures] = []
    for path, end in zip((run_a, run_b), ends, strict=True):
        origins, count = RunFolder.open(path).settings().domains, len(found)
        for name, pack in packs[path].items():
            try:
                found.append(reopened(name, origins.get(name) or pack_origin(pack), data))
            except DomainError as error:
                tell(f"Training without '{name}': {error}")
        if len(found) == count:
            raise DomainError(
                f"no pictures of a domain of {path} ({', '.join(end.packs)}) were found, and at least one is needed; "
                "give --data DIR with a folder of its name."
            )
    bridging = Bridging(ends[0], ends[1], files=file_hashes(pack for one in packs.values() for pack in one.values()))
    settings, sources = settle(settings, found, meets=bridging.meets, tell=tell)
    name = "-and-".join(path.resolve().name for path in (run_a, run_b))
    return Prepared(out or free_name(Path("runs"), name), settings, sources, bridging)


def _packs(path: Path) -> dict[str, Pack]:
    """The packs of a run's latent space, once it is sure that no process trains in it."""
    run = RunFolder.open(path)
    refuse_bridge(path)
    with run.locked():
        return one_space(Registry.open(path), str(path), what="bridge")


def _end(path: Path, packs: Mapping[str, Pack]) -> End:
    return End(str(path.resolve()), {name: str(pack.folder.resolve()) for name, pack in packs.items()})


def _refuse_unfitting(a: End, b: End) -> None:
    """SpaceError where no adapter leads from one end to the other, or none is needed; DomainError for equal names."""
    if a.space == b.space:
        raise SpaceError(
            f"{a.run} and {b.run} have the same latent space ({a.space}), so their domains translate into each other "
            "without a bridge."
        )
    if not a.latent.has_strides_of(b.latent):
        raise SpaceError(
            f"no bridge fits between {a.run}, whose encoders hand over {a.latent}, and {b.run}, with {b.latent}: the "
            "maps must be as many, of the same strides; train one of the runs again with the [networks] of the other."
        )
    if a.channels != b.channels:
        raise SpaceError(
            f"no bridge fits between {a.run}, whose images have {a.channels} channels, and {b.run}, with {b.channels}; "
            "train one of the runs again on pictures like those of the other."
        )
    if both := sorted(a.packs.keys() & b.packs.keys()):
        raise DomainError(
            f"'{both[0]}' is a domain of {a.run} and of {b.run}, and a name can only be one of them; train one of the "
            "runs again with another name for it (NAME=FOLDER)."
        )


def _defaults(before: Settings, runs: list[Path]) -> dict[str, Any]:
    """What is different from the first run's settings, unless it is given."""
    done = []
    for path in runs:
        saved = Checkpoints(RunFolder.open(path).checkpoints, keep=1).complete()
        packs = Registry.open(path).packs
        done.append(saved[-1].iteration if saved else max(int(pack.about.get("iterations", 0)) for pack in packs))
    iterations = max(1, int(SHARE * min(done)))
    changes = {"schedule.iterations": iterations, "schedule.autoencode": 0, "schedule.meeting": 1}
    return changes | {"run.threads": threads_alone(before), "run.workers": 0, "run.resident": 0}

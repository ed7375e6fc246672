"""Exports the packs of several domains, or one direction, to a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, permutations
from pathlib import Path
from tempfile import TemporaryDirectory

from combogan import storage
from combogan.deployment import export_readme
from combogan.deployment.network_card import NetworkCard, Precision
from combogan.deployment.program import Program, decoder_program, direction_program, encoder_program
from combogan.deployment.program_files import ENDINGS, Format, content, refuse_missing
from combogan.errors import ExportError, PackError, SpaceError, StorageError
from combogan.registry.copies import copy_packs, together
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry, home


@dataclass(frozen=True)
class Written:
    """A file that was written."""

    path: Path
    card: NetworkCard
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Job:
    """What is exported, where to, and how."""

    names: Sequence[str]
    folder: Path
    format: Format = "onnx"
    precision: Precision = "float32"
    whole: bool = False
    """One direction as one file, from the first name to the second, instead of a file for each half."""


TRIES = 3
"""Publications that are tried, where each is replaced by the next while it is read."""


@contextmanager
def one_publication(registry: Registry, job: Job) -> Iterator[Registry]:
    """Copies of a job's packs, all of one publication, whatever a run publishes meanwhile. Errors as of `export`."""
    with TemporaryDirectory(prefix="combogan-") as folder:
        for attempt in count(1):
            copies = Path(folder, str(attempt))
            try:
                packs = _chosen(registry, job)
                for number, pack in enumerate(packs):
                    copy_packs([pack], copies / str(number))
                for pack in packs:  # one that was replaced while it was copied is a whole copy of the next
                    pack.verify()
                break
            except (PackError, StorageError):
                newer = registry.again()
                if attempt == TRIES or newer.packs == registry.packs:
                    raise
                registry = newer
        yield Registry.open(copies)


def export(registry: Registry, job: Job, tell: Callable[[Written], None] = lambda file: None) -> list[Written]:
    """Write the files of a job, and their README.md; `tell` hears of each as soon as it is made.

    The folder gets them when all are made. Raises PackError, SpaceError, ExportError, StorageError.
    """
    if job.format == "onnx":
        refuse_missing()
    packs = _chosen(registry, job)
    for pack in packs:
        _refuse_rounding(pack, job.precision)
    programs = _direction(packs, job) if job.whole else [one for pack in packs for one in _halves(pack, job.precision)]
    readme = job.folder / export_readme.NAME
    export_readme.refuse_others(readme)
    is_new, partial = not job.folder.exists(), job.folder / ".export.partial"
    storage.refuse_unwritable(job.folder)
    files = []
    try:
        for name, make in programs:
            program = make()
            path, data = Path(f"{name}{ENDINGS[job.format]}"), content(program, job.format)
            storage.write(partial / path, data)
            files.append(Written(job.folder / path, program.card, len(data)))
            tell(files[-1])
        for file in files:
            with storage.explained(file.path):
                file.path.parent.mkdir(parents=True, exist_ok=True)
                (partial / file.path.relative_to(job.folder)).replace(file.path)
        named = [(file.path.relative_to(job.folder).as_posix(), file.card) for file in files]
        storage.write(readme, export_readme.text(named, job.format).encode())
    finally:
        storage.remove_folder(partial)
        if is_new:
            with suppress(OSError):  # which is not empty, unless something failed
                job.folder.rmdir()
    return files


Making = tuple[str, Callable[[], Program]]
"""The name of a file without its ending, and what makes its program."""


def _refuse_rounding(pack: Pack, precision: Precision) -> None:
    """ExportError where the type of a file would round what a pack was trained on."""
    if precision == "float16" and pack.depth == 16:
        raise ExportError(
            f"'{pack.domain}' was trained on 16 bits or floats, which float16 rounds to 11 bits; export it in float32."
        )


def _halves(pack: Pack, precision: Precision) -> Iterator[Making]:
    if pack.encoder is not None:
        yield f"{pack.domain}.encoder", lambda: encoder_program(pack, precision)
    if pack.decoder is not None:
        yield f"{pack.domain}.decoder", lambda: decoder_program(pack, precision)


def _direction(packs: Sequence[Pack], job: Job) -> list[Making]:
    source, target = packs
    name = f"{source.domain}-to-{target.domain}".replace("/", "-")
    return [(name, lambda: direction_program(source, target, job.precision))]


def _chosen(registry: Registry, job: Job) -> list[Pack]:
    """The packs that are exported: one of each domain or, for a whole direction, of its source and its target."""
    if not job.whole:
        return _packs(registry, job.names)
    if len(job.names) != 2:
        raise ExportError(
            f"a whole direction is from one domain to another, but {len(job.names)} were named; name two."
        )
    source, target = job.names
    choice = registry.choose(source, [target])
    if choice.bridges:
        raise ExportError(
            f"from '{source}' to '{target}' leads a bridge, which cannot be exported; name two domains of one run."
        )
    return [choice.source, choice.targets[target]]


def _packs(registry: Registry, names: Sequence[str]) -> list[Pack]:
    """The packs of the domains; SpaceError where one fits none of the others."""
    packs = together(registry, list(dict.fromkeys(names)))
    fitting = {pack.domain for pair in permutations(packs, 2) if _fits(*pair) for pack in pair}
    for pack in packs:
        if len(packs) > 1 and pack.domain not in fitting:
            raise SpaceError(
                f"'{pack.domain}' ({home(pack)}) shares no latent space with the other domains, so its files would fit "
                "none of theirs; export it alone, or name domains that were trained with it."
            )
    return packs


def _fits(source: Pack, target: Pack) -> bool:
    return source.encoder is not None and target.decoder is not None and source.encoder.latent == target.decoder.latent

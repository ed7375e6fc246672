"""`combogan translate`: pictures of one domain in, pictures of others out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from combogan.cli.options import PATH, FiniteRange, gigabytes, registry_places

if TYPE_CHECKING:
    from combogan.cli.translate_any import Classified
    from combogan.errors import PictureError
    from combogan.translation.files import Job, Outcome
    from combogan.translation.translator import Translator


@click.command(name="translate")
@click.argument("pictures", nargs=-1, type=PATH)
@click.option(
    "--from",
    "sources",
    required=True,
    metavar="DOMAIN",
    help="Domain of the pictures; `all` for a matrix, `any` where a classifier is to tell.",
)
@click.option(
    "--to", "targets", required=True, metavar="DOMAIN,...", help="Domains to translate into; `all` for every one."
)
@click.option("-o", "--out", type=PATH, metavar="DIR", help="[default: translated/FROM-to-TO]")
@registry_places
@click.option("--size", type=click.IntRange(8, 20_000), metavar="PX", help="Scale the short side to PX pixels first.")
@click.option(
    "--steady",
    type=FiniteRange(0, 1, max_open=True),
    metavar="SHARE",
    default=0.9,
    show_default=True,
    help="Films: share of the norms' averages that stays from a frame to the next; 0: each frame on its own.",
)
@click.option("--resume", is_flag=True, help="Films: go on where the same command was stopped; finished ones are kept.")
@click.option("--wrap", is_flag=True, help="Seamless textures: opposite borders of a picture meet.")
@click.option(
    "--memory",
    type=gigabytes(0.001),
    metavar="GB",
    help="Larger pictures are translated in tiles, within this memory.  [default: half of what is free]",
)
@click.option("--tile", "tiled", is_flag=True, help="Translate in tiles even what would fit.")
@click.option(
    "--grid",
    is_flag=True,
    help="Also write grid.png, a contact sheet of the first 12 pictures, or of the first of each domain.",
)
@click.option("--autoencode", is_flag=True, help="Also translate the domain into itself.")
@click.option("--reconstruct", is_flag=True, help="Also write the way back, as NAME-rec.")
@click.option(
    "--device", default="auto", metavar="auto|cpu|cuda[:N]", show_default=True, help="auto takes CUDA if there is one."
)
def command(
    pictures: tuple[Path, ...],
    sources: str,
    targets: str,
    out: Path | None,
    places: tuple[Path, ...],
    size: int | None,
    steady: float,
    resume: bool,
    wrap: bool,
    memory: float | None,
    tiled: bool,
    grid: bool,
    autoencode: bool,
    reconstruct: bool,
    device: str,
) -> None:
    """Translate PICTURES, files or folders of them, films too, from one domain into others.

    Without PICTURES, the domain's own test pictures are translated. Any size and shape is kept, and so are names and
    transparency. One target: DIR/NAME; several: DIR/TARGET/NAME, and every picture is encoded once. A picture that
    cannot be translated is reported, the others are translated, and the exit code is 1. Films keep their sound and
    times (extra `video`); animated GIF and WebP stay what they are.

    \b
    combogan translate --from photo --to monet holiday/ -o paintings
    combogan translate --from summer --to all --grid
    combogan translate --from summer --to winter walk.mp4
    combogan translate --from any --to winter album/   each from what the run's classifier takes it for
    combogan translate --from photo --to monet scan.tif --memory 4
    combogan translate --from all --to all --grid      all domains into all, each into itself marked
    """
    from combogan.cli.translate_any import classify
    from combogan.registry.registry import Registry
    from combogan.translation.directions import ANY, pairs
    from combogan.translation.files import SHEET, check_outputs
    from combogan.translation.translator import Translator

    starts, ends = _words(sources), _words(targets)
    if ANY in ends or (ANY in starts and len(starts) > 1):
        raise click.UsageError(f"'{ANY}' stands alone and in --from only; name domains instead, or --from {ANY}.")
    if out is not None:
        _refuse_file(out)
    translator = Translator(Registry.open(*places), device, wrap=wrap)
    out = out or Path("translated") / f"{_joined(starts)}-to-{_joined(ends)}"
    classified = classify(translator, pictures, ends, out) if starts == [ANY] else None
    if classified is not None:
        plan = classified.plan(translator.registry, ends, autoencode=autoencode)
    else:
        plan = pairs(translator.registry, starts, ends, autoencode=autoencode, matrix=grid)
    _say_spaces(translator, plan, reconstruct)
    jobs = _jobs(translator, plan, pictures, classified, out, size, reconstruct, grid)
    sheet = out / SHEET if grid else None
    check_outputs(jobs, sheet)
    room = None if memory is None else int(memory * 1e9)
    outcomes = _translate(translator, jobs, sheet, size=size, room=room, tiled=tiled, steady=steady, resume=resume)
    unread = [] if classified is None else classified.failures
    sys.exit(_report(outcomes, plan, translator, out, unread))


def _refuse_file(out: Path) -> None:
    """UsageError where the name of a picture or film is given for the folder that translations are written to."""
    from combogan.data.decoding import ENDINGS
    from combogan.translation.film import ENDINGS as FILMS

    if out.suffix.lower() in {*ENDINGS, *FILMS} and not out.is_dir():
        raise click.UsageError(
            f"-o names a folder, and '{out}' looks like a file; give a folder, such as {out.with_suffix('')}."
        )


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise click.UsageError("no domain was named; `combogan packs list` shows all.")
    return words


def _joined(words: Sequence[str]) -> str:
    return "+".join(words).replace("/", "-")


def _say_spaces(translator: Translator, plan: Mapping[str, Sequence[str]], reconstruct: bool) -> None:
    """One line on stderr per latent space that is used. Raises PackError and SpaceError before any work."""
    from combogan.registry.registry import home

    said: set[str | Path] = set()
    for source, targets in plan.items():
        choices = [translator.choose(source, targets)]
        if reconstruct:
            choices += [translator.choose(target, [source]) for target in targets]
        for choice in choices:
            if choice.space not in said:
                newest = f", the newest of {choice.others + 1} that hold these domains" if choice.others else ""
                click.echo(f"Using latent space {choice.space} ({home(choice.source)}){newest}.", err=True)
            said.add(choice.space)
            for bridge in choice.bridges.values():
                if bridge.folder not in said:
                    click.echo(f"Over the bridge {bridge.folder}.", err=True)
                said.add(bridge.folder)


def _jobs(
    translator: Translator,
    plan: Mapping[str, Sequence[str]],
    pictures: Sequence[Path],
    classified: Classified | None,
    out: Path,
    size: int | None,
    reconstruct: bool,
    grid: bool,
) -> list[Job]:
    from combogan.translation.files import SHEET, Job
    from combogan.translation.sources import gather, own_pictures

    if pictures and classified is None and len(plan) > 1:
        raise click.UsageError("pictures are of one domain, but --from names several; leave them out, or name one.")
    several = any(len(targets) > 1 for targets in plan.values())
    jobs = []
    for source, targets in plan.items():
        if classified is not None:
            found = classified.pictures[source]
        elif pictures:
            found = gather(pictures, out=out)
        else:
            found = own_pictures(translator.choose(source, targets).source, size)
        folder = out if len(plan) == 1 and classified is None else out / source
        if classified is not None and len(targets) == 1 and several:
            folder /= targets[0]  # as for the domains that have several targets
        jobs.append(Job(source, tuple(targets), found, folder, reconstruct, (SHEET,) if grid else ()))
    return jobs


def _translate(
    translator: Translator,
    jobs: Sequence[Job],
    sheet: Path | None,
    *,
    size: int | None,
    room: int | None,
    tiled: bool,
    steady: float,
    resume: bool,
) -> list[Outcome]:
    """Translate, with progress bars on a terminal, and write the contact sheet."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from combogan.translation.files import MOST_ROWS, columns, save_sheet, translate_files

    rows = 0 if sheet is None else MOST_ROWS if len(jobs) == 1 else 1
    total = sum(len(job.pictures) for job in jobs)
    console = Console(stderr=True)
    parts = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    tasks: dict[str, TaskID] = {}

    def report(name: str, done: int, total: int) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(escape(name), total=total)
        bar.update(tasks[name], completed=done, visible=done < total)

    with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as bar, _stopping(jobs):
        task = bar.add_task("pictures", total=total, visible=total > 1)
        outcomes = [
            translate_files(
                translator,
                job,
                size=size,
                rows=rows,
                advance=lambda: bar.advance(task),
                progress=report,
                room=room,
                tiled=tiled,
                steady=steady,
                resume=resume,
            )
            for job in jobs
        ]
    shown = [row for outcome in outcomes for row in outcome.rows]
    if sheet is not None and shown:
        save_sheet(sheet, shown, columns(jobs))
    return outcomes


@contextmanager
def _stopping(jobs: Sequence[Job]) -> Iterator[None]:
    """Say, after Ctrl-C, how to go on with films."""
    try:
        yield
    except KeyboardInterrupt:
        if any(source.is_film for job in jobs for source in job.pictures):
            click.echo("The same command with --resume goes on after the last whole second of the film.", err=True)
        raise


def _report(
    outcomes: Sequence[Outcome],
    plan: Mapping[str, Sequence[str]],
    translator: Translator,
    out: Path,
    unread: Sequence[PictureError],
) -> int:
    """Print what was translated and what was not; 1 where a picture could not be read or translated."""
    for note in [note for outcome in outcomes for note in outcome.notes]:
        click.echo(note)
    failures = [*unread, *(failure for outcome in outcomes for failure in outcome.failures)]
    for failure in failures:
        click.echo(f"Error: {failure}", err=True)
    for (source, targets), outcome in zip(plan.items(), outcomes, strict=True):
        if outcome.largest:
            trained = translator.choose(source, targets).source.image_size
            click.echo(
                f"Hint: pictures of up to {outcome.largest} px were translated by networks trained at {trained} px; "
                f"--size {2 * trained} may look better.",
                err=True,
            )
            break
    from combogan.translation.film import is_film

    written = [path for outcome in outcomes for path in outcome.written]
    word = "file" if any(is_film(path) for path in written) else "picture"
    click.echo(f"{len(written)} {word}{'' if len(written) == 1 else 's'} written to {out}.")
    if failures:
        click.echo(f"{len(failures)} could not be translated.", err=True)
    return int(bool(failures))

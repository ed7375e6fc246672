"""`combogan export`: packs as files for other programs."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from combogan.cli.options import PATH, registry_places

if TYPE_CHECKING:
    from combogan.deployment.export import Written
    from combogan.registry.registry import Registry


@click.command(name="export")
@click.argument("names", nargs=-1, metavar="[DOMAIN]...")
@click.option("-o", "--out", type=PATH, default="models", metavar="DIR", show_default=True, help="Folder of the files.")
@click.option(
    "--format",
    type=click.Choice(["onnx", "torch"]),
    default="onnx",
    show_default=True,
    help="ONNX files, or programs of torch.export (.pt2).",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="Of weights, images and maps; float16 files have half the size.",
)
@click.option("--whole", is_flag=True, help="One file that translates from the first DOMAIN to the second.")
@click.option("--check", is_flag=True, help="Compare with the packs; without DOMAINs, the ONNX files in DIR.")
@registry_places
def command(
    names: tuple[str, ...],
    out: Path,
    format: Any,
    precision: Any,
    whole: bool,
    check: bool,
    places: tuple[Path, ...],
) -> None:
    """Export the packs of DOMAINs to files that other programs run, with a README that shows how.

    Every encoder and every decoder is a file, and any encoder fits any decoder of its latent space. With --check, each
    pair of them translates images of three sizes, and the exit code is 1 where a translation differs from the packs' by
    more than 1e-4 (0.05 in float16), of values in [-1, 1]. ONNX needs the extra `onnx`.

    \b
    combogan export summer winter -o models --check
    combogan export summer winter --whole --precision float16
    combogan export --check -o models
    """
    from combogan.deployment.comparison import in_folder
    from combogan.deployment.export import Job, export, one_publication
    from combogan.deployment.program_files import refuse_missing
    from combogan.registry.registry import Registry

    if not names and not check:
        raise click.UsageError("no domain was named; `combogan packs list` shows all.")
    if not names and (whole or format != "onnx" or precision != "float32"):
        raise click.UsageError("--check alone takes the files as they are; leave the other options out.")
    if check:
        refuse_missing()
    out = out.expanduser()
    paths = [] if names else in_folder(out)
    registry = Registry.open(*places)
    job = Job(names, out, format, precision, whole)
    with one_publication(registry, job) if names else nullcontext(registry) as packs:
        if names:
            paths = [file.path for file in export(packs, job, _tell)]
            click.echo(f"How to use them: {out / 'README.md'}")
        if check:
            sys.exit(_check(paths, packs))


def _tell(file: Written) -> None:
    click.echo(f"{file.path}  {file.size / 10**6:.1f} MB")


def _check(paths: list[Path], registry: Registry) -> int:
    """Print the difference of each pair, then the largest; 1 where one is above its limit."""
    from combogan.deployment.comparison import compare

    found = []
    for difference in compare(paths, registry):
        verdict = "" if difference.passes else f"  more than {difference.limit:g}"
        click.echo(f"{difference.source} -> {difference.target}: {difference.largest:.1e}{verdict}")
        found.append(difference)
    failed = [difference for difference in found if not difference.passes]
    largest = max(difference.largest for difference in found)
    directions = "1 direction" if len(found) == 1 else f"{len(found)} directions"
    click.echo(f"Largest difference of {directions}: {largest:.1e} (values in [-1, 1]).")
    if failed:
        click.echo(f"{len(failed)} differ by more than they may.", err=True)
    return int(bool(failed))

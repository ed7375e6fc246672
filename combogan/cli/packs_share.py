"""`combogan packs push` and `combogan packs pull`."""

from __future__ import annotations

from pathlib import Path

import click

from combogan.cli.options import PATH, PLACE, registry_places
from combogan.cli.transfer_bar import transfer_bar


@click.command(short_help="Write packs to a folder, http(s), s3, hf or ssh address.")
@click.argument("address", metavar="DEST", type=PLACE)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@registry_places
@click.option(
    "--licence",
    default="unknown",
    show_default=True,
    metavar="ID",
    help="Of the weights, for the model card: an identifier of the Hub, such as cc-by-4.0.",
)
def push(address: str | Path, names: tuple[str, ...], places: tuple[Path, ...], licence: str) -> None:
    """Write packs, with a model card, to DEST: a folder, or an address that fsspec writes to (s3://, hf://, ssh://).

    Without NAMEs: all packs of the newest latent space. Weights, cards and previews go there, README.md with what the
    domains are, evaluation.json and the sample grid of their run, and a listing with the hash of every file. Folders
    of pictures on this computer are not named. Files that are there already are not sent again. More in
    docs/sharing.md.

    \b
    combogan packs push hf://jane/seasons --registry runs/seasons --licence cc-by-4.0
    combogan packs push s3://bucket/seasons summer winter
    """
    from combogan.deployment import push as pushing
    from combogan.deployment.remote import shown
    from combogan.registry.registry import Registry

    packs = pushing.chosen(Registry.open(*places), names)
    with transfer_bar() as progress:
        listing = pushing.push(
            packs, str(address), licence=licence, tell=lambda text: click.echo(text, err=True), progress=progress
        )
    domains = ", ".join(pack.domain for pack in packs)
    click.echo(f"{domains}: {len(listing.files)} files, {listing.size / 1e6:,.1f} MB, are at {shown(str(address))}.")


@click.command(short_help="Fetch packs that were pushed.")
@click.argument("address", metavar="SOURCE", type=PLACE)
@click.option("-o", "--out", type=PATH, metavar="FOLDER", help="[default: a folder of ~/.combogan/packs]")
def pull(address: str | Path, out: Path | None) -> None:
    """Fetch the packs that were pushed to SOURCE: a folder, or an address that fsspec reads (https://, s3://, hf://).

    Every file is checked against its hash and its card before any is used. A broken transfer is taken up. By default
    they are kept where `combogan translate` finds them.

    \b
    combogan packs pull hf://jane/seasons
    combogan packs pull https://example.org/seasons -o packs
    """
    from combogan.deployment import pull as pulling
    from combogan.registry.registry import Registry

    with transfer_bar() as progress:
        folder = pulling.pull(str(address), out, progress=progress)
    click.echo(f"{', '.join(Registry.open(folder).names)}: pulled to {folder}.")

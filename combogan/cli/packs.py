"""`combogan packs`: list, show, verify, copy, share and import packs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from combogan.cli import packs_import, packs_share
from combogan.cli.options import PATH, registry_places
from combogan.cli.tables import print_table
from combogan.errors import PackError

if TYPE_CHECKING:
    from combogan.registry.card import HalfCard
    from combogan.registry.registry import Registry


@click.group()
def command() -> None:
    """List, show, verify, copy, share and import packs.

    \b
    combogan packs list
    combogan packs copy summer winter -o packs
    combogan packs push hf://jane/seasons --registry runs/seasons
    """


@command.command("list")
@registry_places
def list_packs(places: tuple[Path, ...]) -> None:
    """All packs, those of the newest latent space first; packs of one space translate into each other.

    \b
    combogan packs list --registry runs/seasons
    """
    from combogan.registry.registry import home

    registry = _registry(places)
    rows = []
    for space, packs in registry.spaces().items():
        for pack in sorted(packs, key=lambda pack: pack.domain):
            halves = [name for name, half in pack.halves.items() if half.latent.space == space]
            iterations = str(pack.about.get("iterations", ""))
            rows.append((pack.domain, " + ".join(halves), space, f"{pack.image_size} px", iterations, str(home(pack))))
    print_table(rows, header=("domain", "halves", "latent space", "size", "iterations", "folder"), whole=3)
    if registry.bridges:
        click.echo()
        bridges = [(*bridge.spaces, str(bridge.folder)) for bridge in registry.bridges]
        print_table(bridges, header=("bridge between", "and", "folder"), whole=2)
    for error in registry.damaged.values():
        click.echo(f"Damaged: {error}", err=True)


@command.command()
@click.argument("name")
@registry_places
def show(name: str, places: tuple[Path, ...]) -> None:
    """What is known about the packs of the domain NAME, the newest first.

    \b
    combogan packs show summer
    """
    registry = _registry(places)
    registry.pack(name)
    for index, pack in enumerate(pack for pack in registry.packs if pack.domain == name):
        if index:
            click.echo()
        rows = [("folder", str(pack.folder)), ("trained at", f"{pack.image_size} px")]
        rows += [row for part, half in pack.halves.items() for row in _half_rows(part, half)]
        rows += [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in pack.about.items()]
        print_table(rows, header=("domain", pack.domain))


@command.command()
@click.argument("words", metavar="[NAME | PATH]...", nargs=-1, type=PATH)
@registry_places
def verify(words: tuple[Path, ...], places: tuple[Path, ...]) -> None:
    """Check that packs are whole: all, those of the domains named, or those in a run, a packs folder or a pack.

    \b
    combogan packs verify summer winter
    combogan packs verify runs/seasons/packs
    """
    given = [word for word in words if not places and _is_path(word)]
    registry = _registry((*places, *given))
    names = [str(word) for word in words if word not in given]
    for name in names:
        registry.pack(name)
    damage = [] if names else list(registry.damaged.values())
    for pack in registry.packs:
        if not names or pack.domain in names:
            try:
                pack.verify()
                click.echo(f"{pack.domain} ({pack.folder}): whole.")
            except PackError as error:
                damage.append(error)
    for bridge in () if names else registry.bridges:
        try:
            bridge.verify()
            click.echo(f"bridge ({bridge.folder}): whole.")
        except PackError as error:
            damage.append(error)
    for other in damage[:-1]:
        click.echo(f"Error: {other}", err=True)
    if damage:
        raise damage[-1]


@command.command("copy")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-o", "--out", type=PATH, required=True, metavar="FOLDER", help="Where to: FOLDER/NAME.")
@registry_places
def copy(names: tuple[str, ...], out: Path, places: tuple[Path, ...]) -> None:
    """Copy the packs of domains to another folder, the same to the byte.

    They are those of the newest latent space that holds all of them, so that they translate into each other. A bridge
    between their latent spaces is copied too.

    \b
    combogan packs copy summer winter -o ~/.combogan/packs
    """
    from combogan.registry.copies import bridges_between, copy_packs, together

    registry = _registry(places)
    packs = together(registry, names)
    copied = copy_packs(packs, out.expanduser(), bridges_between(registry, packs))
    for pack in packs:
        target = out.expanduser() / pack.domain
        what = f"copied to {target}" if target in copied else f"is in {target} already"
        click.echo(f"{pack.domain} ({pack.folder}) {what}.")


command.add_command(packs_share.push)
command.add_command(packs_share.pull)
command.add_command(packs_import.command)


def _is_path(word: Path) -> bool:
    """Whether a word is a path, and not the name of a domain that there are packs of."""
    try:
        known = _registry(()).names
    except PackError:
        known = []
    return str(word) not in known and (len(word.parts) > 1 or os.path.exists(word))


def _half_rows(part: str, half: HalfCard) -> list[tuple[str, str]]:
    latent = half.latent
    shape = ", ".join(f"{key} {value}" for key, value in half.shape.items())
    shared = "" if half.shared is None else f", with shared blocks (place {half.shared.place})"
    return [
        (part, f"{shape}{shared}"),
        ("", f"latent space {latent.space}: {latent}"),
        ("", f"SHA-256 {half.sha256}"),
    ]


def _registry(places: tuple[Path, ...]) -> Registry:
    from combogan.registry.registry import Registry

    return Registry.open(*places)

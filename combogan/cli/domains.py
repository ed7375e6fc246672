"""`combogan domains`: list, show, check, export and fetch domains."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import click

from combogan.cli.options import PATH
from combogan.cli.tables import print_table
from combogan.cli.transfer_bar import transfer_bar
from combogan.errors import ComboganError, DomainError

if TYPE_CHECKING:
    from combogan.data.cards import Collection
    from combogan.data.catalog import DomainPictures, Place
    from combogan.data.kind_checks import Kinds

DATA = click.option("--data", type=PATH, metavar="DIR", help="A folder with a folder of pictures per domain.")


@click.group()
def command() -> None:
    """List, show, check, split, export and fetch domains.

    \b
    combogan domains list
    combogan domains fetch monet2photo
    """


@command.command("list", short_help="All domains that can be named.")
@DATA
def list_domains(data: Path | None) -> None:
    """All domains that can be named: yours, the drawn ones, and the published ones.

    \b
    combogan domains list --data pictures
    """
    from combogan.data.cards import collections
    from combogan.data.catalog import places

    rows = [(place.name, _counts(place), place.title, _where(place)) for place in places(data)]
    rows += [
        (f"{card.name}/?", "not fetched", f"{card.title}, {card.count} domains", _fetch_command(card))
        for card in collections().values()
        if not card.is_fetched and not card.domains
    ]
    print_table(rows, header=("domain", "train / test", "what they show", "where"), whole=2)


@command.command(short_help="What is known about a domain or collection.")
@click.argument("name")
@DATA
def show(name: str, data: Path | None) -> None:
    """What is known about the domain or collection NAME: pictures, folder, licence, citation.

    \b
    combogan domains show monet2photo/monet
    """
    from combogan.data.cards import collection
    from combogan.data.catalog import look_up

    try:
        place = look_up(name, data=data)
    except DomainError:
        try:
            card = collection(name)
        except DomainError:
            card = None
        if card is None:
            raise
        names = ", ".join(card.names()) or f"{card.count}, called as their folders once they are fetched"
        _print_card(card.name, card.title, {"domains": names}, card)
        return
    about = {"train / test": _counts(place), "where": _where(place)}
    if place.collection:
        about["collection"] = f"{place.collection.name}: {place.collection.title}"
    _print_card(place.name, place.title, about, place.collection)


@command.command(short_help="Find unreadable, double and suspicious pictures.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--size", type=click.IntRange(min=1), metavar="N", help="Side of the crops to train on, in pixels.")
@DATA
def check(names: tuple[str, ...], size: int | None, data: Path | None) -> None:
    """Open every picture of the domains and list those that are unreadable, double or suspicious.

    It also says where a domain has too few for a validation and, of several domains, how many training pictures pair up
    by name, and whether they are of different kinds.
    Exits with 1 if a picture is unreadable, or if pictures of 16 bits or floats are mixed with others.

    \b
    combogan domains check summer=pictures/summer --size 256
    combogan domains check label photo --data facades
    """
    from combogan.data.alignment import alignments, sentences
    from combogan.data.catalog import resolve
    from combogan.data.kind_checks import differing, kinds
    from combogan.data.paired_split import with_truth
    from combogan.data.validation_split import FEWEST, too_few

    code, found = 0, {}
    domains = with_truth(resolve(",".join(names).split(","), data=data, needed=1), trained=True)
    for domain in domains:
        click.echo(f"{domain.name} ({domain.origin}): {_count_sentence(domain)}.")
        if too_few({domain.name: domain}):
            click.echo(f"few: a run with fewer than {FEWEST} pictures of a domain to train on has no validation.")
        found[domain.name] = kinds(domain)
        code |= _check(domain, size, found[domain.name])
    if differ := differing(found):
        click.echo(f"mixed: {differ}; they can only be trained on together in 8-bit colour.")
        code |= any(kind.is_deep for of_domain in found.values() for kind in of_domain)
    trained = {domain.name: domain.train for domain in domains}
    for sentence in sentences(alignments(trained), trained):
        click.echo(sentence)
    sys.exit(code)


@command.command(short_help="Cut pictures that show two domains side by side.")
@click.argument("folder", type=PATH)
@click.option("-o", "--out", type=PATH, required=True, metavar="DIR", help="Where the folders of both domains go.")
@click.option("--names", required=True, metavar="LEFT,RIGHT", help="The domains of the left and the right half.")
def split(folder: Path, out: Path, names: str) -> None:
    """Cut every picture of FOLDER in the middle, into DIR/LEFT and DIR/RIGHT with equal names.

    Sets of pix2pix are published so. `train` and `test` stay; `val` becomes `test` where there is no `test`.

    \b
    combogan domains split facades -o pictures --names photo,label
    combogan train --domains photo,label --data pictures --preset pix2pix
    """
    from combogan.data import side_by_side

    left, _, right = (word.strip() for word in names.partition(","))
    if not left or not right or "," in right:
        raise click.UsageError("--names takes two names with a comma between them, such as photo,label.")
    with transfer_bar(counts_bytes=False) as progress:
        count = side_by_side.split(
            folder, out, (left, right), advance=lambda done, total: progress("Cutting", done, total)
        )
    click.echo(f"Cut {count:,} pictures into {out / left} and {out / right}.")


@command.command(short_help="Write the pictures of domains as PNG files.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-o", "--out", type=PATH, required=True, metavar="DIR", help="Where a folder per domain goes.")
@click.option("--labels", is_flag=True, help="Of drawn scenes, also write what every pixel shows.")
@click.option(
    "--size",
    type=click.IntRange(32, 20_000),
    metavar="PX",
    help="Scale the short side to PX pixels.  [default: 64 of drawn scenes, else as it is]",
)
@DATA
def export(names: tuple[str, ...], out: Path, labels: bool, size: int | None, data: Path | None) -> None:
    """Write the pictures of the domains as PNG files into DIR/NAME/train and DIR/NAME/test, as --data DIR reads them.

    --labels adds DIR/NAME-labels with label maps under the same names. The value of a pixel is the number of its class
    in classes.csv there; programs for pictures show it in colour. A folder that exists is never written to.

    \b
    combogan domains export scenes/summer scenes/winter -o pictures --labels
    combogan train --domains summer,winter --data pictures --preset quick
    """
    from combogan.data import export
    from combogan.data.catalog import resolve

    domains = resolve(names, data=data, needed=1)
    with transfer_bar(counts_bytes=False) as progress:
        written = export.export(
            domains, out, labels=labels, size=size, advance=lambda done, total: progress("Writing", done, total)
        )
    for one in written:
        beside = "" if one.labels is None else f", their labels to {one.labels}"
        click.echo(f"{one.domain}: {one.train:,} + {one.test:,} pictures (train + test) to {one.pictures}{beside}")


@command.command(short_help="Fetch a published collection.")
@click.argument("collection")
@click.option("--url", default="", metavar="URL", help="Another address of the same archive, such as a mirror.")
def fetch(collection: str, url: str) -> None:
    """Fetch a published COLLECTION into ~/.combogan/domains; an interrupted download is continued.

    Of sets whose pictures show two domains side by side, the halves become the domains.

    \b
    combogan domains fetch monet2photo
    combogan domains fetch facades-paired
    """
    from combogan.data import cards, fetching

    card = cards.collection(collection)
    if card.layout == "drawn":
        click.echo(f"'{card.name}' is drawn by combogan; there is nothing to fetch.")
        return
    if not card.is_fetched:
        click.echo(f"Fetching {card.name} from {url or card.url}")
        click.echo(f"Licence: {card.licence}\nPlease cite: {card.citation}")
    with transfer_bar() as progress:
        fetched = fetching.fetch(card, url=url, progress=progress)
    if not fetched:
        click.echo(f"'{card.name}' is already fetched; remove {card.folder} to fetch it again.")
    _print_fetched(card, card.folder / fetching.SHEET)


def _print_fetched(card: Collection, sheet: Path) -> None:
    """Print the fetched domains and, where the collection does not name its folders, how to name them."""
    from combogan.data.catalog import look_up, open_place

    click.echo(f"The domains of '{card.name}' are in {card.folder}:")
    for name in card.names():
        domain = open_place(look_up(f"{card.name}/{name}"))
        click.echo(f"  {domain.name}: {_count_sentence(domain)}")
    if not card.domains and card.names():
        first = card.names()[0]
        click.echo(
            f"Which folder shows what is not published; look at {sheet}, then name them, either for good, by renaming "
            f"the folders, such as {card.folder / first} to {card.folder / 'NAME'}, or when they are used, such as "
            f"--domains NAME={card.name}/{first}"
        )


def _check(domain: DomainPictures, size: int | None, found_kinds: Kinds) -> int:
    """Print what is wrong with the files; 1 where one is unreadable."""
    from combogan.data.checking import check
    from combogan.data.kind_checks import mixture

    train, test = domain.train, domain.test
    if train.folder is None or test.folder is None:
        click.echo("They are drawn when they are needed, so there are no files to check.")
        return 0
    # Checked together, to find a picture that is in both the training and the test set.
    folder = train.folder if train.folder == test.folder else train.folder.parent
    names = [(train.folder, name) for name in train.names] + [(test.folder, name) for name in test.names]
    inside = [(parent / name).relative_to(folder).as_posix() for parent, name in names]
    only = next(iter(found_kinds)) if len(found_kinds) == 1 else None
    own_depth = only is not None and only.keeps == (1, 16)
    report = check(folder, list(dict.fromkeys(inside)), crop=size, channels=1 if own_depth else 3)
    if report.sizes:
        sizes = [f"{width} x {height}" for width, height in astuple(report.sizes)]
        formats = ", ".join(f"{count} {name}" for name, count in report.formats.items())
        click.echo(f"Pixels: {sizes[0]} (smallest), {sizes[1]} (median), {sizes[2]} (largest). Formats: {formats}.")
    if only is not None and only.keeps is not None and only.keeps[0] == 1:
        channels, depth = only.keeps
        click.echo(
            f"They are {only}; --set images.channels={channels} --set images.depth={depth} trains on them as such."
        )
    mixed = mixture(found_kinds) if any(kind.is_deep for kind in found_kinds) else ""
    if mixed:
        click.echo(f"mixed: {mixed}; such pictures can only be trained on in 8-bit colour.")
    for finding in report.findings:
        click.echo(f"{finding.problem}: {finding}")
    found = Counter(finding.problem for finding in report.findings)
    problems = ", ".join(f"{count} {problem}" for problem, count in found.items())
    click.echo(f"Found: {problems}." if found else "Nothing is wrong with the files.")
    return int("unreadable" in found or bool(mixed))


def _print_card(name: str, title: str, about: dict[str, str], card: Collection | None) -> None:
    if card is not None:
        about = {
            **about,
            "address": card.url,
            "source": card.source,
            "licence": card.licence,
            "citation": card.citation,
        }
    print_table([(key, value) for key, value in about.items() if value], header=(name, title))


def _is_here(place: Place) -> bool:
    return place.folder is None or place.folder.is_dir()


def _counts(place: Place) -> str:
    from combogan.data.catalog import open_place

    if not _is_here(place):
        return "not fetched"
    try:
        domain = open_place(place)
    except ComboganError:
        return "no pictures"
    return f"{len(domain.train)} / {len(domain.test)}"


def _count_sentence(domain: DomainPictures) -> str:
    count = len(domain.train)
    return f"{count} picture{'s' * (count != 1)} to train on, {len(domain.test)} to test with"


def _where(place: Place) -> str:
    if place.folder is None:
        return "drawn"
    return str(place.folder) if _is_here(place) or place.collection is None else _fetch_command(place.collection)


def _fetch_command(card: Collection) -> str:
    return f"combogan domains fetch {card.name}"

"""`combogan translate --from any`: each picture from the domain that a classifier takes it for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from combogan.errors import PictureError
from combogan.evaluation.classifier import classifier_of, sources, taken
from combogan.registry.registry import Registry
from combogan.translation.directions import EVERY, pairs
from combogan.translation.moving import first_picture
from combogan.translation.sources import Source, gather
from combogan.translation.translator import Translator


@dataclass(frozen=True)
class Classified:
    """Pictures by their domains."""

    pictures: dict[str, list[Source]]
    failures: list[PictureError]
    """Of those that cannot be read."""

    def plan(self, registry: Registry, targets: Sequence[str], *, autoencode: bool) -> dict[str, list[str]]:
        """Domain -> its targets, without itself; pictures of which nothing else is wanted are named and left out."""
        plan = {}
        for domain, found in self.pictures.items():
            reached = pairs(registry, [domain], targets, autoencode=autoencode)[domain]
            wanted = [name for name in reached if autoencode or name != domain]
            if wanted:
                plan[domain] = wanted
            else:
                click.echo(f"Not translated, because already of {domain}: {', '.join(map(str, found))}.")
        return plan


def classify(translator: Translator, pictures: Sequence[Path], targets: Sequence[str], out: Path) -> Classified:
    """The pictures, and films by their first frame, as the registry's classifier sees them; a line on each is printed.

    Raises PackError where there is no classifier or no such target, and FeaturesError.
    """
    if not pictures:
        raise click.UsageError("--from any says of which domain pictures are; name some.")
    named = [target for target in targets if target != EVERY]
    for target in named:
        translator.registry.pack(target)  # an unknown one is refused before pictures are looked at
    among = sources(translator.registry, named)
    classifier = classifier_of(translator.registry, translator.device, targets=named)
    found = Classified({}, [])
    for source in gather(pictures, out=out):
        assert source.path is not None
        try:
            this = taken(classifier, first_picture(source.path), among)
        except PictureError as error:
            found.failures.append(error)
        else:
            found.pictures.setdefault(this.domain, []).append(source)
            click.echo(f"{source} is {this}.")
    return found

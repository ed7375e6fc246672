"""A run's classifier on disk, which says of which domain a picture is: `classifier.safetensors` beside its packs.

It holds the weights of `Arrival`, and a card as its metadata: the domains in their order, and the network whose
features it was fitted to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from PIL import Image
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from combogan import storage
from combogan.data.pictures import middle_square, to_image
from combogan.errors import PackError
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.image_features import LARGEST, NETWORK, SMALLEST, VALUES
from combogan.networks.features import PRETRAINED
from combogan.registry.card import Card, Hash
from combogan.registry.registry import Registry, home

CLASSIFIER = "classifier.safetensors"
LARGEST_FILE = 16 << 20
"""Bytes: enough for a thousand domains."""


class ClassifierCard(Card):
    """The metadata of a classifier."""

    format: Literal["combogan-classifier"] = "combogan-classifier"
    version: Literal[1] = 1
    domains: Annotated[list[str], Field(min_length=2)]
    size: Annotated[int, Field(ge=8, le=4096)]
    """Side of the images that it was fitted to, in pixels."""
    largest: Annotated[int, Field(ge=SMALLEST, le=LARGEST)]
    """Side of the images that the network sees, at most."""
    network: str
    sha256: Hash
    """Of the network's published weights."""


@dataclass(frozen=True)
class Taken:
    """The domain that a picture is most likely of, and how likely that is."""

    domain: str
    chance: float

    def __str__(self) -> str:
        return f"taken for {self.domain} ({self.chance:.0%})"


def write_classifier(file: Path, arrival: Arrival) -> None:
    """Write a classifier, whole or not at all. Raises StorageError."""
    card = ClassifierCard(
        domains=list(arrival.domains),
        size=arrival.size,
        largest=arrival.largest,
        network=NETWORK,
        sha256=PRETRAINED[NETWORK].sha256,
    )
    weights = {name: weight.contiguous() for name, weight in arrival.weights.items()}
    storage.write(file, save(weights, {"card": card.model_dump_json()}))


def read_classifier(file: Path, device: torch.device | str = "cpu") -> Arrival:
    """The classifier in a file. PackError where it is damaged, or was fitted to features of another network."""
    again = "`combogan evaluate RUN` writes a new one"
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise PackError(f"{file} is no classifier: it has more than {LARGEST_FILE >> 20} MiB; {again}.")
        with safe_open(file, "pt") as opened:
            card = ClassifierCard.model_validate_json((opened.metadata() or {}).get("card", ""))
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except OSError as error:
        raise PackError(f"{file} cannot be read ({error.strerror or error}); {again}.") from None
    except (SafetensorError, ValidationError, ValueError):
        raise PackError(f"{file} is damaged, or of a newer combogan; {again}.") from None
    if (card.network, card.sha256) != (NETWORK, PRETRAINED[NETWORK].sha256):
        raise PackError(f"{file} was fitted to the features of another network ({card.network}); {again}.")
    if _forms(weights) != _expected(len(card.domains)) or not all(one.isfinite().all() for one in weights.values()):
        raise PackError(f"{file} holds other weights than its card describes; {again}.")
    return Arrival(card.domains, weights, size=card.size, largest=card.largest, device=device)


def classifier_of(registry: Registry, device: torch.device | str = "cpu", *, targets: Collection[str] = ()) -> Arrival:
    """The newest classifier beside the packs that knows every domain of `sources`.

    PackError where there is none, or it is damaged.
    """
    names, others = sources(registry, targets), 0
    for folder in dict.fromkeys(home(pack) for pack in registry.packs):
        file = folder / CLASSIFIER
        if file.is_file():
            if names.issubset((arrival := read_classifier(file, device)).domains):
                return arrival
            others += 1
    if others:
        raise PackError(
            f"no classifier knows all of {', '.join(sorted(names))}, because each knows the domains of its own run; "
            "name one run with --registry RUN, or name the domain."
        )
    raise PackError(
        f"no classifier says whether a picture is of {' or '.join(sorted(names))}; `combogan evaluate RUN` writes one "
        "into a run, or name the domain."
    )


def sources(registry: Registry, targets: Collection[str] = ()) -> set[str]:
    """The domains that can be translated from, into all of some targets, or that are one of these."""
    return {
        pack.domain
        for pack in registry.packs
        if pack.encoder
        and (pack.domain in targets or all(registry.composes(pack.domain, target) for target in targets))
    }


def taken(arrival: Arrival, rgb: Image.Image, among: Collection[str]) -> Taken:
    """Which of those domains a picture is of, by its middle square. Raises FeaturesError."""
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    square = rgb.crop((left, top, left + side, top + side))  # first: a long picture could become very large
    image = to_image(middle_square(square, arrival.size))
    found = dict(zip(arrival.domains, arrival.chances(image[None])[0].tolist(), strict=True))
    domain = max(sorted(among), key=lambda name: found[name])
    return Taken(domain, found[domain])


def _forms(weights: dict[str, Tensor]) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {name: (tuple(weight.shape), weight.dtype) for name, weight in weights.items()}


def _expected(domains: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {
        "mean": ((VALUES,), torch.float32),
        "deviation": ((VALUES,), torch.float32),
        "weight": ((VALUES, domains), torch.float64),
        "bias": ((domains,), torch.float64),
    }

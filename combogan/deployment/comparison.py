"""Exported files beside the packs that they came from: the largest difference of their translations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from combogan.deployment.network_card import Half
from combogan.deployment.program_files import NetworkFile, opened
from combogan.errors import ExportError
from combogan.registry.generator import Generator
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry

LIMITS = {"float32": 1e-4, "float16": 0.05}
"""The largest difference that passes, by the precision of the files; images are in [-1, 1]."""
STEP = 64
SIZES = (1, 1, 1), (2, 2, 1), (3, 1, 3)
"""(images, height, width) of what is translated; height and width in steps of STEP, or of a larger stride."""


@dataclass(frozen=True)
class Difference:
    """How far the translations of two files are from those of their packs."""

    source: str
    target: str
    largest: float
    """Over all sizes, images and values."""
    limit: float

    @property
    def passes(self) -> bool:
        """Whether it is within the limit; NaN is not."""
        return self.largest <= self.limit


def compare(paths: Sequence[Path], registry: Registry) -> Iterator[Difference]:
    """A difference for each encoder with each decoder of its space, and for each whole direction.

    Raises ExportError: a file that cannot be opened or whose pack the registry does not have, no two files that fit.
    """
    files = [file for path in paths if (file := opened(path)) is not None]
    wholes = [(file, file) for file in files if file.card.part == "direction"]
    pairs = [(one, other) for one, other in product(files, repeat=2) if _fit(one, other)]
    if not wholes + pairs:
        raise ExportError("there is nothing to check: no encoder is there with a decoder of its latent space.")
    for one, other in wholes + pairs:
        yield _difference(one, other, registry)


def in_folder(folder: Path) -> list[Path]:
    """The ONNX files in a folder; ExportError where there is none."""
    paths = sorted(folder.rglob("*.onnx"))
    if not paths:
        raise ExportError(f"{folder} holds no ONNX file to check; name the domains to export, or another folder.")
    return paths


def _fit(one: NetworkFile, other: NetworkFile) -> bool:
    parts = (one.card.part, other.card.part) == ("encoder", "decoder")
    return parts and (one.card.space, one.card.precision) == (other.card.space, other.card.precision)


@torch.no_grad()
def _difference(one: NetworkFile, other: NetworkFile, registry: Registry) -> Difference:
    """Of an encoder's and a decoder's file, or of a whole direction's, given twice."""
    card = one.card
    target = card.target if one is other else other.card.domain
    source_pack, target_pack = _pack(registry, one, card.domain, "encoder"), _pack(registry, other, target, "decoder")
    encoder, decoder = source_pack.load_encoder(), target_pack.load_decoder()
    ours, step = Generator(encoder, decoder, encoder.latent.stride), max(STEP, encoder.latent.stride)
    odd = 3 if one is other else 0
    largest = 0.0
    for place, (count, down, across) in enumerate(SIZES):
        image = _image(place, (count, card.channels, down * step - odd, across * step - odd))
        arrays = [image.numpy().astype(card.precision)]
        found = one.run(arrays)[0] if one is other else other.run(one.run(arrays))[0]
        largest = float(np.maximum(largest, np.abs(found.astype(np.float32) - ours(image).numpy()).max()))
    return Difference(card.domain, target, largest, LIMITS[card.precision])


def _image(seed: int, size: tuple[int, ...]) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _pack(registry: Registry, file: NetworkFile, domain: str, part: Half) -> Pack:
    """The pack that a half in a file came from."""
    for pack in registry.packs:
        half = pack.halves.get(part)
        if half is not None and (pack.domain, half.sha256) == (domain, file.card.weights.get(part)):
            return pack
    raise ExportError(
        f"{file.path} is of a pack of '{domain}' that is not here; say where it is with --registry, or export it again."
    )

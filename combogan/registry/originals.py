"""Packs out of the published ComboGAN and CycleGAN checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

import combogan
from combogan.data.catalog import check_name
from combogan.errors import OriginalError
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.latent import space_id
from combogan.networks.shared import SharedBlocks
from combogan.registry import layouts
from combogan.registry.pack import CARD, NewPack, Pack, SharedPart, half_hash, publish, write_pack
from combogan.registry.statefiles import StateFile, read
from combogan.registry.swap import folders_with

__all__ = ["Judge", "Original", "read_combogan", "read_cyclegan", "write_packs"]

Network = TypeVar("Network", Encoder, Decoder)

SIZE = 256
"""Side of the crops that both programs train on unless told otherwise."""


@dataclass(frozen=True)
class Judge:
    """A discriminator, and the arguments of `networks.discriminator.discriminator` that it was built with."""

    network: nn.Module
    shape: Mapping[str, Any]


@dataclass(frozen=True)
class Original:
    """A published checkpoint as our networks, by the names that a person gave its domains."""

    names: tuple[str, ...]
    """In the order of the checkpoint."""
    encoders: Mapping[str, Encoder]
    decoders: Mapping[str, Decoder]
    spaces: Mapping[str, tuple[str, str]]
    """Ids of the latent spaces of each domain's encoder and decoder."""
    imported: Mapping[str, Any]
    """What a card says about where it comes from."""
    judges: Mapping[str, Judge] = field(default_factory=dict)
    """By domain; empty where the checkpoint has none."""
    shared: tuple[SharedBlocks, SharedBlocks] | None = None
    """Behind the encoders and before the decoders; a domain's place is that of its name in the alphabet."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of opt.txt."""
    image_size: int = SIZE


def read_combogan(folder: Path, names: Sequence[str], *, epoch: int | None = None, activation: str | None = None) -> Original:
    """A checkpoint folder of the published ComboGAN: `400_net_G0.pth`, ... of an epoch, the newest unless told.

    `names` are the domains in the order of their numbers, which is that of the published data folders. `activation`
    is what files without PReLU do not tell. Raises OriginalError, naming the file.
    """
    names = _checked(names, least=2)
    epoch = _epoch(folder, epoch)
    files = _numbered(folder, "G", epoch)
    kinds = [layouts.kind_of(file) for file in files]
    count = len(names)
    _check_kinds(files, kinds, folder, epoch, count)
    sharing = len(files) > 2 * count
    first, second = files[:count], files[count + sharing : 2 * count + sharing]
    encoders = _all_alike(first, lambda file: layouts.encoder(file, activation=activation))
    decoders = _all_alike(second, lambda file: layouts.decoder(file, activation=activation))
    _check_halves(encoders[0], decoders[0], first[0], second[0])
    judging = _numbered(folder, "D", epoch, count) if _epochs(folder, "D") else []
    judges = [Judge(*layouts.judge(file)) for file in judging]
    for judge, file in zip(judges, judging, strict=True):
        if judge.shape != judges[0].shape:
            raise _unlike(file, judging[0])
    options, size = _options(folder)
    return Original(
        names,
        dict(zip(names, encoders, strict=True)),
        dict(zip(names, decoders, strict=True)),
        _spaces(names, encoders, decoders, together=count > 2 or _weight(folder, options, "lambda_identity") > 0),
        {"program": "ComboGAN", "epoch": epoch, "files": _hashes([*files, *judging])},
        dict(zip(names, judges, strict=False)),
        _shared(files[count], files[-1], encoders[0], names) if sharing else None,
        options,
        size,
    )


def read_cyclegan(files: Sequence[Path], names: Sequence[str], *, activation: str | None = None) -> Original:
    """Generators of CycleGAN, cut into halves: from the first name to the second and, with two files, back.

    Each generator is a latent space of its own. With one file the first domain has no decoder, the second no encoder.
    Raises OriginalError, naming the file.
    """
    names = _checked(names, least=2, most=2)
    if len(files) not in (1, 2):
        raise OriginalError(f"CycleGAN has one or two generators, but {len(files)} files were given; name G_A and G_B.")
    read_files = [read(path) for path in files]
    encoders, decoders = {}, {}
    for file, source, target in zip(read_files, names, reversed(names), strict=False):
        if layouts.kind_of(file) != "generator":
            raise OriginalError(f"{file.path} is not a whole generator of CycleGAN; give latest_net_G_A.pth or the like.")
        half, other = layouts.split(file)
        encoders[source] = layouts.encoder(half, activation=activation)
        decoders[target] = layouts.decoder(other, activation=activation)
        _check_halves(encoders[source], decoders[target], file, file)
        if encoders[source].shape != encoders[names[0]].shape or decoders[target].shape != decoders[names[1]].shape:
            raise _unlike(file, read_files[0])
    pairs = [(source, target) for source, target in zip(names, reversed(names), strict=True) if source in encoders]
    ids = {source: space_id([half_hash(encoders[source]), half_hash(decoders[target])]) for source, target in pairs}
    other = {names[0]: names[1], names[1]: names[0]}
    spaces = {name: (ids.get(name, ""), ids.get(other[name], "")) for name in names}
    return Original(names, encoders, decoders, spaces, {"program": "CycleGAN", "files": _hashes(read_files)})


def write_packs(original: Original, folder: Path, *, origins: Mapping[str, str] | None = None) -> list[Pack]:
    """Write the packs below a folder, beside other packs if it has any; `origins` says where their pictures are.

    OriginalError where another domain of the same name is there already; StorageError.
    """
    packs = [_pack(original, name, dict(origins or {})) for name in original.names]
    others = False
    for found in folders_with(CARD, folder):
        name = found.relative_to(folder).as_posix()
        others |= name not in original.names
        if name in original.names and _ids(Pack.open(found)) != {half for half in original.spaces[name] if half}:
            raise OriginalError(
                f"{found} already holds a pack of another latent space, which would be lost; import to another folder."
            )
    if not others:
        return publish(folder, packs, shared=_shared_part(original))
    if original.shared is not None:
        raise OriginalError(
            f"{folder} holds other packs, and these share blocks that belong beside them alone; import to an empty folder."
        )
    return [
        write_pack(
            folder / pack.domain,
            domain=pack.domain,
            encoder=pack.encoder,
            decoder=pack.decoder,
            spaces=pack.spaces,
            image_size=pack.image_size,
            about=pack.about,
        )
        for pack in packs
    ]

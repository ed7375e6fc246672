"""Reads a published ComboGAN, CycleGAN or pix2pix checkpoint as our networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from combogan.data.catalog import check_name
from combogan.errors import OriginalError
from combogan.networks.decoder import Decoder, ResnetDecoder
from combogan.networks.encoder import Encoder, ResnetEncoder
from combogan.networks.latent import shares_one_space, space_id, space_ids
from combogan.networks.shared import SharedBlocks
from combogan.published import layouts
from combogan.published.combogan_folder import ComboganFolder, Options, check_kinds
from combogan.published.state_file import StateFile, read
from combogan.registry.weights import half_hash

Network = TypeVar("Network", ResnetEncoder, ResnetDecoder)

SIZE = 256
"""Side of the crops that both programs train on by default."""


@dataclass(frozen=True)
class PublishedDiscriminator:
    """A discriminator, and the arguments of `networks.discriminator.discriminator` that it was built with."""

    network: nn.Module
    shape: dict[str, Any]


@dataclass(frozen=True)
class Original:
    """A published checkpoint as our networks, by the names that a person gave its domains."""

    names: tuple[str, ...]
    """In the order of the checkpoint."""
    encoders: Mapping[str, Encoder]
    decoders: Mapping[str, Decoder]
    spaces: Mapping[str, tuple[str, str]]
    """Ids of the latent spaces of each domain's encoder and decoder; empty for a half that is not there."""
    imported: Mapping[str, Any]
    """What a pack's card says about its source."""
    discriminators: Mapping[str, PublishedDiscriminator] = field(default_factory=dict)
    """By domain; empty where the checkpoint has none."""
    shared: tuple[SharedBlocks, SharedBlocks] | None = None
    """After the encoders and before the decoders; a domain's place in them is that in `names`."""
    options: Options = field(default_factory=Options)
    image_size: int = SIZE

    @property
    def one_space(self) -> bool:
        """Whether all halves share one latent space."""
        return len({space for spaces in self.spaces.values() for space in spaces}) == 1

    @property
    def activation(self) -> str:
        """The activation of its generators; the files show only whether it is PReLU."""
        return str(self.encoders[self.names[0]].shape["activation"])


def read_combogan(
    folder: str | Path, names: Sequence[str], *, epoch: int | None = None, activation: str | None = None
) -> Original:
    """An epoch of a checkpoint folder of the published ComboGAN, the newest unless given.

    `names` are the domains in the order of their numbers, which is that of the published data folders. `activation`
    is used where files have no PReLU; None is ReLU. Raises OriginalError, naming the file.
    """
    names = _checked(names)
    checkpoint = ComboganFolder(Path(folder), epoch)
    files, count = checkpoint.generators(), len(names)
    check_kinds(checkpoint, files, [layouts.kind_of(file) for file in files], count)
    sharing = len(files) > 2 * count
    first, second = files[:count], files[count + sharing : 2 * count + sharing]
    encoders = _all_alike(first, lambda file: layouts.encoder(file, activation=activation))
    decoders = _all_alike(second, lambda file: layouts.decoder(file, activation=activation))
    _check_halves(encoders[0], decoders[0], first[0], second[0])
    own = checkpoint.discriminators(count)
    discriminators = [PublishedDiscriminator(*layouts.discriminator(file)) for file in own]
    for found, file in zip(discriminators, own, strict=True):
        if found.shape != discriminators[0].shape:
            raise _unlike(file, own[0])
    shared = None
    if sharing:
        after, before = (layouts.shared_blocks(file, encoders[0], count) for file in (files[count], files[-1]))
        shared = after, before
    options = checkpoint.options()
    one_space = shares_one_space(count, autoencode=options.number("lambda_identity", 0.0) > 0)
    hashes = zip(map(half_hash, encoders), map(half_hash, decoders), strict=True)
    return Original(
        names,
        dict(zip(names, encoders, strict=True)),
        dict(zip(names, decoders, strict=True)),
        space_ids(dict(zip(names, hashes, strict=True)), one_space=one_space),
        {"program": "ComboGAN", "epoch": checkpoint.epoch, "files": _hashes([*files, *own])},
        dict(zip(names, discriminators, strict=False)),
        shared,
        options,
        int(options.number("fineSize", SIZE)),
    )


def read_cyclegan(files: Sequence[str | Path], names: Sequence[str], *, activation: str | None = None) -> Original:
    """Generators of CycleGAN, cut into halves: from the first name to the second and, with two files, back.

    Each generator has its own latent space. With one file the first domain has no decoder, the second no encoder.
    `activation` is used where files have no PReLU; None is ReLU. Raises OriginalError, naming the file.
    """
    a, b = names = _checked(names, most=2)
    if len(files) not in (1, 2):
        raise OriginalError(f"CycleGAN has one or two generators, but {len(files)} files were given; give G_A and G_B.")
    found = [read(Path(path)) for path in files]
    for file in found:
        layouts.refuse_empty(file)
        if layouts.kind_of(file) != "generator":
            raise OriginalError(f"{file.path} is not a whole generator of CycleGAN; give latest_net_G_A.pth or such.")
    halves = [layouts.split(file) for file in found]
    encoders = _all_alike([half[0] for half in halves], lambda file: layouts.encoder(file, activation=activation))
    decoders = _all_alike([half[1] for half in halves], lambda file: layouts.decoder(file, activation=activation))
    _check_halves(encoders[0], decoders[0], found[0], found[0])
    ids = [space_id(map(half_hash, halves)) for halves in zip(encoders, decoders, strict=True)]
    there, back = [*ids, ""][:2]
    return Original(
        names,
        dict(zip(names, encoders, strict=False)),
        dict(zip((b, a), decoders, strict=False)),
        {a: (there, back), b: (back, there)},
        {"program": "CycleGAN", "files": _hashes(found)},
    )


def read_pix2pix(file: str | Path, names: Sequence[str]) -> Original:
    """A U-Net generator of pix2pix, cut into halves: from the first name to the second, and not back.

    Raises OriginalError, naming the file.
    """
    a, b = names = _checked(names, most=2)
    found = read(Path(file))
    layouts.refuse_empty(found)
    encoder, decoder = layouts.unet(found)
    space = space_id(map(half_hash, (encoder, decoder)))
    about = {"program": "pix2pix", "files": _hashes([found])}
    return Original(names, {a: encoder}, {b: decoder}, {a: (space, ""), b: ("", space)}, about)


def _checked(names: Sequence[str], *, most: int | None = None) -> tuple[str, ...]:
    names = tuple(check_name(name) for name in names)
    if len(names) < 2 or len(names) > (most or len(names)):
        wanted = f"{most} names are needed" if most else "at least two names are needed"
        raise OriginalError(f"{wanted}, but {len(names)} were given; separate them by commas, as --names horse,zebra.")
    if repeated := [name for name in names if names.count(name) > 1]:
        raise OriginalError(f"'{repeated[0]}' was given twice in --names; every domain needs a name of its own.")
    return names


def _all_alike(files: Sequence[StateFile], build: Callable[[StateFile], Network]) -> list[Network]:
    networks = [build(file) for file in files]
    for network, file in zip(networks, files, strict=True):
        if network.shape != networks[0].shape:
            raise _unlike(file, files[0])
    return networks


def _check_halves(encoder: ResnetEncoder, decoder: ResnetDecoder, first: StateFile, second: StateFile) -> None:
    for name in ("width", "activation", "norm"):
        if encoder.shape[name] != decoder.shape[name]:
            raise _unlike(second, first)


def _unlike(file: StateFile, other: StateFile) -> OriginalError:
    return OriginalError(
        f"{file.path} is of another shape than {other.path}, so they were not trained together; check that no files "
        "were mixed up."
    )


def _hashes(files: Sequence[StateFile]) -> dict[str, str]:
    return {file.path.name: file.sha256 for file in files}

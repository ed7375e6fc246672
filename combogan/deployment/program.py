"""Halves, or one direction, as programs of torch.export: any number of images of any size, float32 or float16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export
from torch.fx.experimental import _config

from combogan.deployment.network_card import NetworkCard, Precision, direction_card, half_card
from combogan.networks.latent import Latent
from combogan.registry.generator import SMALLEST
from combogan.registry.pack import Pack

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class Plug:
    """An input or output (batch, channels, times * rows, times * columns)."""

    name: str
    channels: int
    times: int
    """How many pixels it has for one row of the coarsest map."""


@dataclass(frozen=True)
class Program:
    """A network to be written to a file."""

    exported: ExportedProgram
    inputs: tuple[Plug, ...]
    outputs: tuple[Plug, ...]
    card: NetworkCard


def encoder_program(pack: Pack, precision: Precision = "float32") -> Program:
    """Image (n, channels, h, w) -> the maps of its latent; h and w are multiples of the stride. Raises PackError."""
    encoder = pack.load_encoder()
    card = half_card(pack, "encoder", precision)
    image = Plug("image", card.channels, encoder.latent.stride)
    return _program(encoder, (image,), maps(encoder.latent), card)


def decoder_program(pack: Pack, precision: Precision = "float32") -> Program:
    """The maps of a latent, one by one -> image (n, channels, h, w). Raises PackError."""
    decoder = pack.load_decoder()
    card = half_card(pack, "decoder", precision)
    image = Plug("image", card.channels, decoder.latent.stride)
    return _program(_Decoder(decoder), maps(decoder.latent), (image,), card)


def direction_program(source: Pack, target: Pack, precision: Precision = "float32") -> Program:
    """Image (n, channels, h, w) of any size -> its translation, of the same size. Raises PackError."""
    encoder, decoder = source.load_encoder(), target.load_decoder()
    whole = _Direction(encoder, decoder, encoder.latent.stride)
    card = direction_card(source, target, precision)
    image, translation = Plug("image", card.channels, 1), Plug("translation", card.channels, 1)
    return _program(whole, (image,), (translation,), card)


class _Decoder(nn.Module):
    """A decoder that takes its maps one by one."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, *maps: Tensor) -> Tensor:
        return self.decoder(maps)


class _Direction(nn.Module):
    """What `Generator` computes, without a branch on the size of the image."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, stride: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.stride = encoder, decoder, stride

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        padded = image
        for axis in (2, 3):
            padded = padded.index_select(axis, mirrored_places(image.shape[axis], self.stride))
        fake = self.decoder(self.encoder(padded))
        return fake.index_select(2, torch.arange(height)).index_select(3, torch.arange(width))  # a slice limits sizes


def mirrored_places(side: int, stride: int) -> Tensor:
    """The rows or columns that `fit_stride` makes of `side`: those there are, then the ones that it repeats."""
    wanted = stride * torch.sym_max((side + stride - 1) // stride, -(-SMALLEST // stride))
    place = torch.arange(wanted)
    mirrored = 2 * (side - 1) - place
    beyond = torch.where(mirrored[-1:] < 0, side - 1, mirrored)  # too small to mirror: the last one, repeated
    return torch.where(place < side, place, beyond)


def maps(latent: Latent) -> tuple[Plug, ...]:
    """What an encoder hands to a decoder."""
    skips = (Plug(f"map_{stride}", channels, latent.stride // stride) for channels, stride in latent.skips)
    return Plug("latent", latent.channels, 1), *skips


def _program(network: nn.Module, inputs: Sequence[Plug], outputs: Sequence[Plug], card: NetworkCard) -> Program:
    """The network as a program of the card's precision."""
    fewest = -(-card.smallest // card.multiple)
    batch, rows, columns = Dim("batch", min=1), Dim("rows", min=fewest), Dim("columns", min=fewest)
    dtype = DTYPES[card.precision]
    some = fewest + 2 * card.latent["stride"] // card.multiple
    examples = tuple(
        torch.zeros(2, plug.channels, plug.times * some, plug.times * (some + 1), dtype=dtype) for plug in inputs
    )
    sizes = tuple({0: batch, 2: plug.times * rows, 3: plug.times * columns} for plug in inputs)
    given = (sizes,) if isinstance(network, _Decoder) else sizes  # *maps are one argument
    # A size of 1 must not be taken for one of its own: U-Nets have maps of one pixel.
    with torch.no_grad(), _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        exported = export(network.eval().to(dtype), examples, dynamic_shapes=given, strict=False)
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    return Program(exported, tuple(inputs), tuple(outputs), card)

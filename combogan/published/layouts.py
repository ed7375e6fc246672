"""Which published network a state dict is of, by the places and shapes of its layers, and our network with its weights.

Our network is built from these and then compared with the file layer by layer: a file fits exactly or is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from combogan.errors import OriginalError
from combogan.networks.cpu import NormActivation
from combogan.networks.decoder import UPSAMPLING, ResnetDecoder, UnetDecoder
from combogan.networks.discriminator import discriminator as new_discriminator
from combogan.networks.encoder import ResnetEncoder, UnetEncoder
from combogan.networks.shared import SharedBlocks
from combogan.published.state_file import Layer, StateFile

Network = TypeVar("Network", bound=nn.Module)
Kind = Literal["encoder", "decoder", "generator", "shared"]

# The published generators: three convolutions down, blocks, two up, one to RGB; with norm, activation and padding
# between them, these are their places in the published Sequential.
DOWN = (1, 4, 7)
FIRST_BLOCK = 10
UP = (0, 3, 7)
"""Counted from the place after the last block."""
DROPOUT = 0.5
"""As published; a dropout layer has no weights, but moves a block's second convolution from place 5 to 6."""


def kind_of(file: StateFile) -> Kind:
    """What a file holds, by its 7x7 convolutions: first in an encoder, last in a decoder, both in a generator."""
    if not file.layers:
        return "shared"  # as published for the decoders if there is one shared block
    ends = [layer.kernel == 7 for layer in file.convolutions[:1] + file.convolutions[-1:]]
    if not ends or not (any(ends) or all("conv_block" in layer.name for layer in file.layers)):
        raise _unfit(file, "its convolutions begin and end like no generator's")
    if ends == [True, True] and len(file.convolutions) > 1:
        return "generator"
    return "encoder" if ends[0] else "decoder" if ends[1] else "shared"


def refuse_empty(file: StateFile) -> None:
    """OriginalError where a file holds no weights at all."""
    if not file.layers:
        raise OriginalError(
            f"{file.path} holds a state dict without weights; fetch the file again, or save network.state_dict() anew."
        )


def encoder(file: StateFile, *, activation: str | None = None) -> ResnetEncoder:
    """The encoder in a file; `activation` is used where the file has no PReLU (None is ReLU)."""
    convolutions = file.convolutions
    blocks = (len(convolutions) - len(DOWN)) // 2
    names = [f"model.{place}" for place in DOWN] + _block_names(file, FIRST_BLOCK, blocks)
    _check_names(file, convolutions, names)
    width = convolutions[0].tensors["weight"].shape[0]
    return _filled(file, ResnetEncoder, {"width": width, "blocks": blocks} | _style(file, activation))


def decoder(file: StateFile, *, activation: str | None = None) -> ResnetDecoder:
    """The decoder in a file; `activation` as in `encoder`."""
    convolutions = file.convolutions
    blocks = (len(convolutions) - len(UP)) // 2
    _check_names(file, convolutions, _block_names(file, 0, blocks) + [f"model.{blocks + place}" for place in UP])
    width, kernel = convolutions[-1].tensors["weight"].shape[1], convolutions[-2].kernel
    upsampling = next((name for name, how in UPSAMPLING.items() if how[0] == kernel), "transposed-4x4")
    shape = {"width": width, "blocks": blocks, "upsampling": upsampling}
    return _filled(file, ResnetDecoder, shape | _style(file, activation))


def unet(file: StateFile) -> tuple[UnetEncoder, UnetDecoder]:
    """The halves of a generator of pix2pix. Dropout leaves no trace in a file; for translating it is not needed."""
    convolutions = file.convolutions
    depth = len(convolutions) // 2
    if depth < 3:
        raise _unfit(file, "it has too few convolutions for a U-Net")
    inside = ["model.model.1.model" + level * ".3.model" for level in range(depth - 1)]
    down = ["model.model.0"] + [f"{place}.1" for place in inside]
    up = [f"{inside[-1]}.3"] + [f"{place}.5" for place in reversed(inside[:-1])] + ["model.model.3"]
    _check_names(file, convolutions, down + up)
    cut = file.layers.index(convolutions[depth])
    shape = {"width": convolutions[0].tensors["weight"].shape[0], "depth": depth, "norm": _norm(file)}
    first, second = replace(file, layers=file.layers[:cut]), replace(file, layers=file.layers[cut:])
    return _filled(first, UnetEncoder, shape), _filled(second, UnetDecoder, shape)


def shared_blocks(file: StateFile, like: ResnetEncoder, domains: int) -> SharedBlocks:
    """The blocks that `domains` domains share, for latents as of the encoder `like`; a file may hold none of them."""
    blocks = len(file.convolutions) // 2
    _check_names(file, file.convolutions, _block_names(file, 0, blocks))
    shape: dict[str, Any] = {"channels": like.latent.channels, "blocks": blocks, "domains": domains}
    shape |= {name: like.shape[name] for name in ("activation", "norm", "dropout")}
    if blocks:
        shape["dropout"] = DROPOUT if _dropout(file) else 0.0
        weight = file.convolutions[0].tensors["weight"]
        if weight.shape[1] - weight.shape[0] != domains:
            raise _unfit(
                file, f"its blocks are shared by {weight.shape[1] - weight.shape[0]} domains, but there are {domains}"
            )
    return _filled(file, SharedBlocks, shape)


def discriminator(file: StateFile) -> tuple[nn.Module, dict[str, Any]]:
    """The discriminator in a file, and the arguments of `discriminator` that it was built with."""
    refuse_empty(file)
    nets = {layer.name.partition(".")[0] for layer in file.layers}
    kind = "split" if nets == {"model_gray", "model_rgb"} else "patch"
    convolutions = file.convolutions
    layers = len(convolutions) // len(nets) - 2
    if layers < 1:
        raise _unfit(file, "it has too few convolutions for a discriminator")
    if kind == "split":
        places = [f"{layer}.0" for layer in range(layers + 1)] + [f"{layers}.3"]
        names = [f"{net}.{place}" for net in ("model_gray", "model_rgb") for place in places]
    else:
        names = ["model.0"] + [f"model.{2 + 3 * layer}" for layer in range(layers + 1)]
    _check_names(file, convolutions, names)
    shape: dict[str, Any] = {"width": convolutions[0].tensors["weight"].shape[0], "layers": layers, "padding": 2}
    shape |= {"activation": "prelu" if file.has("prelu") else "leaky", "norm": _norm(file)}
    return _filled(file, partial(new_discriminator, kind), shape), {"kind": kind} | shape


def split(file: StateFile) -> tuple[StateFile, StateFile]:
    """A generator's file -> an encoder's, with half of the blocks (rounded down, as in ComboGAN), and a decoder's."""
    blocks = (len(file.convolutions) - len(DOWN) - len(UP)) // 2
    cut = FIRST_BLOCK + blocks // 2
    first, second = [], []
    for layer in file.layers:
        net, place, *rest = layer.name.split(".")
        if not place.isdecimal() or int(place) < cut:
            first.append(layer)
        else:
            second.append(replace(layer, name=".".join([net, str(int(place) - cut), *rest])))
    return replace(file, layers=first), replace(file, layers=second)


def _block_names(file: StateFile, first: int, blocks: int) -> list[str]:
    second = 6 if _dropout(file) else 5
    return [f"model.{first + block}.conv_block.{place}" for block in range(blocks) for place in (1, second)]


def _style(file: StateFile, activation: str | None) -> dict[str, Any]:
    if file.has("prelu") and activation not in (None, "prelu"):
        raise OriginalError(f"{file.path} holds PReLU weights, so --activation {activation} cannot be; leave it out.")
    if not file.has("prelu") and activation == "prelu":
        raise OriginalError(f"{file.path} holds no PReLU weights; choose --activation relu or leaky.")
    chosen = "prelu" if file.has("prelu") else activation or "relu"
    return {"activation": chosen, "norm": _norm(file), "dropout": DROPOUT if _dropout(file) else 0.0}


def _norm(file: StateFile) -> str:
    return "batch" if file.has("norm") else "instance"


def _dropout(file: StateFile) -> bool:
    return any(layer.name.endswith("conv_block.6") for layer in file.convolutions)


def _check_names(file: StateFile, convolutions: Sequence[Layer], expected: Sequence[str]) -> None:
    for found, wanted in zip(convolutions, expected, strict=False):
        if found.name != wanted:
            raise _unfit(file, f"it has a convolution '{found.name}' where '{wanted}' was expected")
    if len(convolutions) != len(expected):
        raise _unfit(file, f"it has {len(convolutions)} convolutions, not {len(expected)}")


def _filled(file: StateFile, build: Callable[..., Network], shape: dict[str, Any]) -> Network:
    """The network of this shape with the file's weights; OriginalError where a layer differs."""
    with torch.device("meta"):  # first without memory, in case the file claims a giant network
        _compare(file, _modules(build(**shape)))
    with torch.random.fork_rng(devices=[]):  # building draws from the global random state
        network = build(**shape)
    with torch.no_grad():
        for layer, (_, module) in zip(file.layers, _modules(network), strict=True):
            weights = module.state_dict()
            for name, value in layer.tensors.items():
                weights[name].copy_(value)
    return network


def _modules(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules with weights in the order of a state dict, each with the kind of `Layer` that fills it."""
    kinds = {nn.Conv2d: "convolution", nn.ConvTranspose2d: "convolution", nn.BatchNorm2d: "norm"}
    kinds |= {nn.PReLU: "prelu", NormActivation: "prelu"}
    layers = [m for m in network.modules() if list(m.parameters(recurse=False))]
    return [(next(kind for known, kind in kinds.items() if isinstance(m, known)), m) for m in layers]


def _compare(file: StateFile, modules: Sequence[tuple[str, nn.Module]]) -> None:
    for layer, (kind, module) in zip(file.layers, modules, strict=False):
        wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        found = {name: tuple(value.shape) for name, value in layer.tensors.items()}
        counted = {"num_batches_tracked": ()} if kind == "norm" else {}  # which old PyTorch did not store
        if layer.kind != kind or found | counted != wanted:
            raise _unfit(file, f"'{layer.name}' is a {layer.kind} {_listed(found)}, not a {kind} {_listed(wanted)}")
    if len(file.layers) != len(modules):
        raise _unfit(file, f"it has {len(file.layers)} layers with weights, not {len(modules)}")


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return " and ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items() if shape)


def _unfit(file: StateFile, why: str) -> OriginalError:
    return OriginalError(
        f"{file.path} fits no known network: {why}; ComboGAN's networks, CycleGAN's ResNet generators and "
        "pix2pix's U-Nets for RGB pictures can be imported."
    )

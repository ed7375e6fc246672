"""Reads state dicts from untrusted files: nothing in them runs, and anything but a state dict is refused."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from torch import Tensor

from combogan.errors import OriginalError

# Prefixes that DataParallel and torch.compile put before every name.
WRAPPERS = ("module.", "_orig_mod.")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Layer:
    """One module with weights: `model.10.conv_block.1`, with `weight` and perhaps `bias`."""

    name: str
    kind: Literal["convolution", "norm", "prelu"]
    tensors: dict[str, Tensor]

    @property
    def kernel(self) -> int:
        """Side of a convolution's kernel."""
        return self.tensors["weight"].shape[-1]


@dataclass(frozen=True)
class StateFile:
    """A state dict, as layers in the order of their places in the network; statistics of instance norms are dropped."""

    path: Path
    sha256: str
    layers: list[Layer]

    @property
    def convolutions(self) -> list[Layer]:
        """The layers that are convolutions, transposed or not."""
        return [layer for layer in self.layers if layer.kind == "convolution"]

    def has(self, kind: str) -> bool:
        """Whether there is a layer of a kind."""
        return any(layer.kind == kind for layer in self.layers)


def read(path: Path) -> StateFile:
    """The state dict in a file of `torch.save` (new or old format, from CPU or GPU), as float32 on the CPU.

    OriginalError when it is missing, holds anything but named tensors, or holds a tensor that no network has.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OriginalError(f"{path} cannot be read ({error.strerror}); check the path.") from None
    found = _load(path, content)
    if not isinstance(found, dict):
        raise OriginalError(f"{path} holds a {type(found).__name__}, not a state dict; save network.state_dict().")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise OriginalError(
                f"{path} is not a state dict: {name!r} is a {type(value).__name__}, not a tensor; save the state dict "
                "of one network alone."
            )
    tensors = {name: _tensor(path, name, value) for name, value in _unwrapped(found).items()}
    return StateFile(path, hashlib.sha256(content).hexdigest(), _layers(path, tensors))


def _load(path: Path, content: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TorchScript archives, which are refused below
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail anywhere in torch's reader
        named = re.search(r"(?:GLOBAL|class|reduce for|global) ([\w.]*\w)", str(error))
        if isinstance(error, UnpicklingError) and named:
            raise OriginalError(
                f"{path} holds '{named[1]}' beside tensors, which could run code and was not touched; save its state "
                "dict alone, network.state_dict()."
            ) from None
        raise OriginalError(
            f"{path} is no file of weights that PyTorch can read; fetch it again, or, if it is from before 2017, save "
            "it anew with a newer PyTorch."
        ) from None


def _unwrapped(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors = dict(found)
    for _ in range(4):
        for wrapper in WRAPPERS:
            if tensors and all(name.startswith(wrapper) for name in tensors):
                tensors = {name.removeprefix(wrapper): value for name, value in tensors.items()}
    return tensors


def _tensor(path: Path, name: str, value: Tensor) -> Tensor:
    """A plain copy in float32; OriginalError for what cannot be a network's weight."""
    is_plain = value.layout == torch.strided and not value.is_quantized and value.device.type == "cpu"
    if not is_plain or value.is_complex() or value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise OriginalError(f"{path} is damaged: '{name}' is not a plain tensor of numbers; fetch the file again.")
    value = value.detach().to(torch.float32, copy=True).contiguous()
    if not value.isfinite().all():
        raise OriginalError(
            f"{path} holds weights that are not numbers ('{name}'), so its training diverged; take an earlier epoch."
        )
    if name.endswith("running_var") and value.lt(0).any():
        raise OriginalError(f"{path} is damaged: '{name}' has a variance below zero; fetch the file again.")
    return value


def _layers(path: Path, tensors: Mapping[str, Tensor]) -> list[Layer]:
    modules: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, {})[leaf] = value
    layers = []
    for name in sorted(modules, key=_place):
        if set(modules[name]) <= set(STATISTICS):
            continue  # statistics of old instance norms, which the network never used
        layers.append(Layer(name, _kind(path, name, modules[name]), modules[name]))
    return layers


def _kind(path: Path, name: str, tensors: Mapping[str, Tensor]) -> Literal["convolution", "norm", "prelu"]:
    leaves, sides = set(tensors), tensors["weight"].ndim if "weight" in tensors else 0
    if sides == 4 and leaves <= {"weight", "bias"}:
        return "convolution"
    if sides == 1 and leaves == {"weight"} and tensors["weight"].numel() == 1:
        return "prelu"
    if sides == 1 and leaves | {"num_batches_tracked"} == {"weight", "bias", *STATISTICS}:
        return "norm"
    raise OriginalError(
        f"{path} fits no known network: '{name}' with {', '.join(sorted(leaves))} is neither convolution, batch norm "
        "nor PReLU; ComboGAN's networks, CycleGAN's ResNet generators and pix2pix's U-Nets can be imported."
    )


def _place(name: str) -> list[tuple[bool, int, str]]:
    """Modules in the order of their numbers: model.2 before model.10."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in name.split(".")]

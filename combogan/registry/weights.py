"""Weights in safetensors files: written to the same bytes everywhere, read only when their hash is right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn

from combogan.errors import PackError
from combogan.registry.card import BlocksCard

Network = TypeVar("Network", bound=nn.Module)

HEADER = 256
"""Bytes that safetensors files spend on each tensor besides its name and values, at most, and on themselves."""


def load_network(folder: Path, card: BlocksCard, build: Callable[..., Network]) -> Network:
    """A network from its weights, once their hash is checked; in evaluation mode and without gradients."""
    path = folder / card.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PackError(f"{path} cannot be read ({error.strerror}); fetch or publish the pack again.") from None
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise PackError(
            f"{path} is damaged or was replaced: its SHA-256 begins with {found[:8]}, the card says {card.sha256[:8]}; "
            f"fetch or publish the pack again, or try again where its run is training."
        )
    expected = _described(path, card, build)
    try:
        weights = read_tensors(content)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise PackError(f"{path} cannot be read ({error}); fetch or publish the pack again.") from None
    if _forms(weights) != _forms(expected):
        raise PackError(f"{path} holds other weights than its card describes; fetch or publish the pack again.")
    with torch.random.fork_rng(devices=[]):  # building draws from the global random state
        network = build(**card.shape)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def largest_file(path: Path, card: BlocksCard, build: Callable[..., nn.Module]) -> int:
    """Bytes that a file of the weights that a card describes has at most. PackError for networks that cannot be."""
    expected = _described(path, card, build)
    return HEADER + sum(value.nbytes + len(name) + HEADER for name, value in expected.items())


def _described(path: Path, card: BlocksCard, build: Callable[..., nn.Module]) -> dict[str, Tensor]:
    """The weights that a card describes, without memory, in case it asks for a giant network."""
    try:
        with torch.device("meta"):
            return build(**card.shape).state_dict()
    except KeyError as error:
        raise PackError(
            f"{path} is of networks that this combogan does not know ({error}); use the version that wrote it."
        ) from None
    except (TypeError, ValueError, RuntimeError) as error:
        raise PackError(f"{path} cannot be read ({error}); fetch or publish the pack again.") from None


def _forms(weights: dict[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in weights.items()}


def weight_bytes(network: nn.Module) -> bytes:
    """The weights as the bytes of a safetensors file: the same weights give the same bytes on every device."""
    return tensor_bytes({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def half_hash(network: nn.Module) -> str:
    """SHA-256 of the file that a network's weights are stored in; `space_id` is made from these."""
    return hashlib.sha256(weight_bytes(network)).hexdigest()

"""Networks that are updated together: their state in a few flat tensors, and the networks that are bound to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

ALIGNED = 64
"""Tensors begin at multiples of so many bytes in a flat one, as tensors do that have memory of their own."""
MOMENTS = ("exp_avg", "exp_avg_sq")
Copied = Callable[[Tensor], Tensor]
"""A tensor -> its copy, perhaps on another device."""


class Place(NamedTuple):
    """Where a tensor lies in a flat one."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    start: int
    """In elements of its own type."""


@dataclass(frozen=True)
class Layout:
    """Where tensors lie in a flat tensor of bytes."""

    places: tuple[Place, ...]
    size: int

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Layout:
        """A layout for tensors of these names, types, shapes and orders in memory."""
        places, size = [], 0
        for name, one in tensors.items():
            places.append(Place(name, one.dtype, tuple(one.shape), one.stride(), size // one.element_size()))
            size += -(-prod(one.shape) * one.element_size() // ALIGNED) * ALIGNED
        return _one_of_equal(cls(tuple(places), size))

    def new(self, device: torch.device) -> Tensor:
        """A flat tensor of zeros."""
        return torch.zeros(self.size, dtype=torch.uint8, device=device)

    def tensors(self, flat: Tensor) -> list[Tensor]:
        """The tensors that lie in a flat one; nothing is copied."""
        typed = {dtype: flat.view(dtype) for dtype in {place.dtype for place in self.places}}
        return [typed[dtype].as_strided(shape, stride, start) for _, dtype, shape, stride, start in self.places]

    def named(self, flat: Tensor, prefix: str = "") -> dict[str, Tensor]:
        """The same by their names after a prefix."""
        return {prefix + place.name: one for place, one in zip(self.places, self.tensors(flat), strict=True)}


def give_weights(networks: Mapping[str, nn.Module], weights: Mapping[str, Tensor], device: torch.device) -> None:
    """Have networks use weights, as `NetworkGroup.published` gives them, on a device: for use, not training.

    Nothing is copied where the weights are there and in the memory layout of networks.
    """
    both = nn.ModuleDict(dict(networks))
    both.load_state_dict(weights, assign=True)
    both.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


@cache
def _one_of_equal(layout: Layout) -> Layout:
    """The first of all equal layouts, so that a thousand domains hold one."""
    return layout


class Networks(nn.ModuleDict):
    """Networks by their names, whose weights can be those of any group that has the same layout."""

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        super().__init__(dict(networks))
        self.weights: dict[str, nn.Parameter] = dict(self.named_parameters())
        self.tensors: dict[str, Tensor] = {**self.weights, **self.state_dict(keep_vars=True)}
        """What is saved of them: first the weights, then buffers."""


class NetworkGroup:
    """Networks that are updated together: their weights, Adam's moments, averaged weights and the count of updates.

    All tensors of a kind are parts of one flat tensor. Networks are bound to a group while they are in use: their
    weights are the group's, in the same memory. A group is complete without them, and has them only where they are
    needed. With ema = 0 there are no averages. A frozen group has weights only, and is never updated.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        *,
        betas: tuple[float, float],
        ema: float = 0.0,
        frozen: bool = False,
    ) -> None:
        bound = Networks(networks)
        self.betas, self.ema, self.updates = betas, ema, 0
        kinds = ["weights"] if frozen else ["weights", *(["average"] if ema else []), *MOMENTS]
        self._weights = Layout.of(bound.tensors)
        self._moments = Layout.of(bound.weights)
        device = next((one.device for one in bound.tensors.values()), torch.device("cpu"))
        self._flat = {kind: self._layout(kind).new(device) for kind in kinds}
        self.fill(networks)
        self.bind(bound)

    def bind(self, networks: Networks) -> None:
        """Use networks: their weights become the group's. Nothing is copied."""
        self._bound: Networks | None = networks
        self._tensors = {kind: self._layout(kind).tensors(flat) for kind, flat in self._flat.items()}
        for own, one in zip(networks.tensors.values(), self._tensors["weights"], strict=True):
            own.data = one

    def release(self) -> Networks:
        """Leave the networks to another group; until it binds them, they are empty."""
        networks, self._bound, self._tensors = self.networks, None, {}
        for own in networks.tensors.values():
            own.data = own.data.new_empty(0)
        return networks

    @property
    def networks(self) -> Networks:
        """The networks, while it has any."""
        assert self._bound is not None, "this group has no networks now"
        return self._bound

    @property
    def device(self) -> torch.device:
        """Where its state is."""
        return self._flat["weights"].device

    def update(self, rate: float) -> None:
        """One step of Adam; then gradients are cleared, and averages updated, with a warm-up of their decay."""
        weights = list(self.networks.weights.values())
        rows = zip(weights, *(self._tensors[kind] for kind in MOMENTS), strict=True)
        trained = [(weight.grad, weight, *moments) for weight, *moments in rows if weight.grad is not None]
        _adam([_in_memory_order(*row) for row in trained], rate, self.betas, self.updates)
        for weight in weights:
            weight.grad = None
        self.updates += 1
        if self.ema:
            decay = min(self.ema, (1 + self.updates) / (10 + self.updates))
            averages, now, count = self._tensors["average"], self._tensors["weights"], len(weights)
            torch._foreach_lerp_(averages[:count], now[:count], 1 - decay)
            for average, buffer in zip(averages[count:], now[count:], strict=True):
                average.copy_(buffer)

    def move(self, copied: Copied) -> None:
        """Replace every flat tensor by a copy of it."""
        self._flat = {kind: copied(flat) for kind, flat in self._flat.items()}
        if self._bound is not None:
            self.bind(self._bound)

    def fill(self, networks: Mapping[str, nn.Module]) -> None:
        """Copy networks, all of the group's or some, into its weights and into their averages."""
        given = nn.ModuleDict(dict(networks)).state_dict()
        for kind in ("weights", "average"):
            if kind in self._flat:
                own = self._weights.named(self._flat[kind])
                _copy({name: one for name, one in own.items() if name in given}, given)

    def published(self, saved: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The weights that packs are made from, by their names, in a saved state or as they are now."""
        kind = "average" if "average" in self._flat else "weights"
        return self._weights.named(self._flat[kind]) if saved is None else below(saved, f"{kind}/")

    def state(self) -> dict[str, Tensor]:
        """All of it as named tensors: weights/..., average/..., exp_avg/..., exp_avg_sq/..., updates."""
        state: dict[str, Tensor] = {}
        for kind, flat in self._flat.items():
            state |= self._layout(kind).named(flat, f"{kind}/")
        return state | {"updates": torch.tensor(self.updates)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state that `state()` returned. Raises KeyError or RuntimeError when it is of other networks."""
        _copy(self.state(), state)
        self.updates = int(state["updates"])

    def _layout(self, kind: str) -> Layout:
        return self._moments if kind in MOMENTS else self._weights


@torch.no_grad()
def _adam(rows: Sequence[tuple[Tensor, ...]], rate: float, betas: tuple[float, float], updates: int) -> None:
    """A step of Adam (Kingma, Ba 2015) on rows of gradient, weight and moments, after so many updates."""
    if not rows:
        return
    gradients, weights, first, second = (list(column) for column in zip(*rows, strict=True))
    steps = list(torch.full((len(rows),), float(updates), device=weights[0].device).unbind())
    adam(
        weights,
        gradients,
        first,
        second,
        [],
        steps,
        fused=True,
        amsgrad=False,
        beta1=betas[0],
        beta2=betas[1],
        lr=rate,
        weight_decay=0.0,
        eps=1e-8,
        maximize=False,
    )


@torch.no_grad()
def _in_memory_order(gradient: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
    """A gradient, and tensors that lie in memory in one order, as lists of numbers in that order.

    PyTorch's Adam rearranges whatever is not contiguous, such as weights in channels_last, there and back.
    """
    if _order(gradient) != _order(tensors[0]):
        gradient = torch.empty_like(tensors[0]).copy_(gradient)
    return tuple(one.as_strided((one.numel(),), (1,)) for one in (gradient, *tensors))


def _order(tensor: Tensor) -> list[int]:
    """The strides of a tensor, without those of dimensions that have one place only."""
    return [stride for stride, length in zip(tensor.stride(), tensor.shape, strict=True) if length > 1]


@torch.no_grad()
def _copy(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Copy named tensors into others. KeyError or RuntimeError where they do not have the same names and shapes."""
    if own.keys() != given.keys():
        raise KeyError(f"not the same tensors: {', '.join(sorted(own.keys() ^ given.keys()))}")
    for name, value in given.items():
        if own[name].shape != value.shape:
            raise RuntimeError(f"{name} has the shape {tuple(value.shape)} and not {tuple(own[name].shape)}")
        own[name].copy_(value)

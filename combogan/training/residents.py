"""The domains that are ready for training: on the device, where it has no room for all, and with networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from combogan.training.domain import Domain
from combogan.training.slots import Slots


class Residents:
    """Keeps at most `most` of the domains on a device (0: all of them): those in use, needed next, or used last.

    A domain that has to leave is copied to host memory, pinned where the device is CUDA, and copied back when it is
    needed. Copies change no bits, so a run is the same with any number of residents. With a limit, all domains are in
    host memory at first.

    Copies have a stream of their own: where there is room for the domains that are needed next too, those are copied
    while others are trained. CPUs have streams in name only; there, copies are done at once.
    """

    def __init__(self, domains: Mapping[str, Domain], device: torch.device, most: int = 0) -> None:
        self._domains, self._device, self._most = domains, device, most
        self._slots = Slots(domains, device)
        self._streams = torch.get_device_module(device)
        self._copying: Any = self._streams.Stream(device) if most else None
        self._in_use: list[str] = []
        self.names: list[str] = [] if most else list(domains)
        """The domains on the device: those that leave first, then those in use, then those that are needed next."""

    def bring(self, names: Collection[str]) -> None:
        """Have the named domains on the device, with networks; at most `most` of them."""
        self._in_use = list(names)
        if self._most:
            self._move(names)
            self._streams.current_stream(self._device).wait_stream(self._copying)
        self._slots.bring(names)

    def bring_ahead(self, names: Collection[str]) -> None:
        """Begin to copy the named domains, which are needed next, if there is room beside those in use."""
        if len({*self._in_use, *names}) <= self._most:
            self._move(names)

    def settle(self) -> None:
        """Wait for all copies: until then, what is in host memory may not have arrived there."""
        if self._most:
            self._streams.synchronize(self._device)

    def _move(self, names: Collection[str]) -> None:
        """Copy the named domains to the device, and those that have to leave for them to host memory."""
        needed_last = dict.fromkeys(reversed([*self.names, *self._in_use, *names]))
        staying = list(needed_last)[: self._most][::-1]
        self._copying.wait_stream(self._streams.current_stream(self._device))
        with self._streams.stream(self._copying):
            for name in self.names:
                if name not in staying:
                    self._slots.rest(name)
                    self._domains[name].move(self._on_host)
            for name in staying:
                if name not in self.names:
                    self._domains[name].move(self._on_device)
        self.names = staying

    def _on_device(self, tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, device=self._device).copy_(tensor, non_blocking=True)

    def _on_host(self, tensor: Tensor) -> Tensor:
        if tensor.is_cuda:  # its memory is free for others only after the copy
            tensor.record_stream(self._copying)
        return torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda).copy_(tensor, non_blocking=True)

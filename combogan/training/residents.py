"""The domains that are ready for training: on the device, where it has no room for all, and with networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from combogan.training.domain import Domain
from combogan.training.slots import Slots


class Residents:
    """Keeps at most `most` of the domains on a device (0: all of them), those that were needed last.

    A domain that has to leave is copied to host memory, pinned where the device is CUDA, and copied back when it is
    needed. Copies change no bits, so a run is the same with any number of residents. With a limit, all domains are in
    host memory at first.
    """

    def __init__(self, domains: Mapping[str, Domain], device: torch.device, most: int = 0) -> None:
        self._domains, self._device, self._most = domains, device, most
        self._slots = Slots(domains, device)
        self.names: list[str] = [] if most else list(domains)
        """The domains on the device, the one that was needed last at the end."""

    def bring(self, names: Collection[str]) -> None:
        """Have the named domains on the device, with networks; at most `most` of them."""
        if self._most:
            self._move(names)
        self._slots.bring(names)

    def _move(self, names: Collection[str]) -> None:
        """Copy the named domains to the device, and those that have to leave for them to host memory."""
        wanted = [name for name in self.names if name not in names] + list(names)
        staying = wanted[-self._most :]
        for name in self.names:
            if name not in staying:
                self._slots.rest(name)
                self._domains[name].move(self._on_host)
        for name in staying:
            if name not in self.names:
                self._domains[name].move(self._on_device)
        self.names = staying

    def _on_device(self, tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, device=self._device).copy_(tensor)

    def _on_host(self, tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, device="cpu", pin_memory=self._device.type == "cuda").copy_(tensor)

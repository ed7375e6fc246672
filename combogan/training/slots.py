"""Networks for the domains that are in use: many domains use few of them in turn."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch

from combogan.training.architecture import Architecture
from combogan.training.domain import Domain
from combogan.training.group import Networks

KEPT = 4
"""Domains that keep their networks after use; with no more domains than these, none ever changes its networks."""


class Slots:
    """Gives domains networks on a device, and takes them from those that have not been used for the longest time.

    A domain is trained and encoded with only while it has networks, and is complete without them. So network objects
    exist for a few domains, however many there are.
    """

    def __init__(self, domains: Mapping[str, Domain], device: torch.device) -> None:
        self._domains, self._device = domains, device
        self._free: list[tuple[Architecture, tuple[Networks, Networks]]] = []
        self.names: list[str] = []
        """The domains with networks, the one that was needed last at the end."""

    def bring(self, names: Collection[str]) -> None:
        """Have networks for the named domains."""
        self.names = [name for name in self.names if name not in names] + [n for n in self.names if n in names]
        for name in names:
            if name not in self.names:
                if len(self.names) >= KEPT and self.names[0] not in names:
                    self.rest(self.names[0])
                self._domains[name].use(self._networks(self._domains[name].architecture))
                self.names.append(name)

    def rest(self, name: str) -> None:
        """Take the networks of a domain, if it has any."""
        if name in self.names:
            self.names.remove(name)
            domain = self._domains[name]
            self._free.append((domain.architecture, domain.rest()))

    def _networks(self, architecture: Architecture) -> tuple[Networks, Networks]:
        """Networks that are free, or new ones where none of this architecture are."""
        for place, (other, _) in enumerate(self._free):
            if other == architecture:
                return self._free.pop(place)[1]
        return architecture.networks(self._device)

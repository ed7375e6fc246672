"""The fake pool: a discriminator is fed earlier translations too (Shrivastava et al. 2017)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class FakePool:
    """Up to `size` translations into one domain, (3, h, w) each."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fakes: list[Tensor] = []

    def query(self, fakes: Tensor, chance: np.random.Generator) -> Tensor:
        """Fresh fakes (n, 3, h, w) -> as many to judge: each fresh, or half of the time an earlier one it replaces.

        While the pool fills, fresh fakes are kept and handed out.
        """
        if not self.size:
            return fakes
        chosen = []
        for fake in fakes:
            if len(self.fakes) < self.size:
                self.fakes.append(fake.clone())
            elif chance.random() > 0.5:
                place = int(chance.integers(self.size))
                fake, self.fakes[place] = self.fakes[place], fake.clone()
            chosen.append(fake)
        return torch.stack(chosen).contiguous(memory_format=torch.channels_last)

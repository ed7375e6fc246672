"""Random draws as functions: a generator for (seed, purpose, when, domain).

Nothing in combogan draws from global random state, so no random state has to be saved: the draw of iteration 4000 can
be made at any time, in any order, and is always the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, purpose: str, *when: int | str) -> int:
    """A 63-bit seed that depends on every argument, and on nothing else."""
    key = "\x1f".join([str(seed), purpose, *map(str, when)])
    return int.from_bytes(hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=8).digest(), "big") >> 1


def numbers(seed: int, purpose: str, *when: int | str) -> np.random.Generator:
    """A NumPy generator for draws of numbers: pairs, pictures, crops, pools."""
    return np.random.Generator(np.random.PCG64(derive(seed, purpose, *when)))


def tensors(seed: int, purpose: str, *when: int | str, device: str = "cpu") -> torch.Generator:
    """A PyTorch generator on `device` for draws of whole tensors: weights, dropout."""
    import torch

    return torch.Generator(device).manual_seed(derive(seed, purpose, *when))

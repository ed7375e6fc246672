"""Gray pictures of 8 bits, 16 bits and floats with known values, and domains of them."""

import numpy as np
from PIL import Image


def values(height=40, width=48, seed=0):
    """Smooth values from 0 to 1, nearly all of which differ."""
    chance = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.sin(6 * down + chance.random()) * np.cos(5 * across + chance.random())
    return ((waves - waves.min()) / np.ptp(waves)).astype(np.float32)


def sixteen_bits(**size):
    return np.rint(values(**size) * 65535).astype(np.uint16)


def write_domain(folder, make, ending, count=3):
    """`count` pictures of arrays that `make(seed=...)` gives."""
    folder.mkdir(parents=True)
    for seed in range(count):
        Image.fromarray(make(seed=seed)).save(folder / f"{seed}{ending}")
    return folder

"""Where maps in tiles are kept: files without a name, which go with the process, however it ends."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import ceil, isqrt
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from torch import Tensor

from combogan import storage
from combogan.networks.blocks import at_least_float32
from combogan.translation.tiled_maps import Box, Moments, TiledMap

PIXELS = 2**16
"""Pixels whose moments are computed at once: sums of more lose digits in float32."""


def tile_side(values_per_pixel: float, values: int) -> int:
    """The side of the tiles of a map, in its pixels, where this many values may be in memory; at least 1."""
    return max(1, isqrt(int(values / values_per_pixel)))


def boxes(size: tuple[int, int], side: int) -> Iterator[Box]:
    """Boxes of at most `side` x `side` pixels that cover (height, width), of nearly the same size."""
    cuts = []
    for length in size:
        count = ceil(length / side)
        edges = [length * place // count for place in range(count + 1)]
        cuts.append([range(start, stop) for start, stop in pairwise(edges)])
    return ((rows, columns) for rows in cuts[0] for columns in cuts[1])


class MapFiles:
    """Keeps maps in files of a folder, computed in tiles of at most `values` values; `advance` is called after each.

    A file is mapped into memory for as long as a tile is read or written, so that it is the system that holds what
    there is room for. Raises StorageError.
    """

    def __init__(self, folder: Path, values: int, device: torch.device, advance: Callable[[], None]) -> None:
        self.folder, self.values, self.device, self.advance = folder, values, device, advance

    def keep(self, whole: TiledMap) -> TiledMap:
        """The map in a file, with its moments."""
        channels, height, width = whole.shape[1:]
        file = _MapFile(self.folder, (height, width, channels), whole.dtype, self.device)
        moments = RunningMoments(channels)
        for box in boxes((height, width), tile_side(whole.values, self.values)):
            tile = whole.read(box)
            file.write(box, tile)
            moments.add(tile)
            self.advance()
        size = channels, height, width
        return TiledMap(self, size, whole.dtype, file.read, direct=True, moments=moments.whole(self.device))


class MapPlan:
    """Computes nothing and counts what MapFiles would need: `tiles`, `most_bytes` on disk, `most_values` per pixel."""

    def __init__(self, values: int, device: torch.device) -> None:
        self.values, self.device = values, device
        self.tiles, self.most_bytes, self.most_values = 0, 0, 0.0
        self._bytes = 0

    def keep(self, whole: TiledMap) -> TiledMap:
        """A map of the same shape that cannot be read."""
        channels, height, width = whole.shape[1:]
        side = tile_side(whole.values, self.values)
        self.tiles += ceil(height / side) * ceil(width / side)
        self.most_values = max(self.most_values, whole.values)
        count = channels * height * width * whole.dtype.itemsize
        self._bytes += count
        self.most_bytes = max(self.most_bytes, self._bytes)
        zeros = torch.zeros(channels, dtype=torch.float64, device=self.device)
        moments = Moments(zeros, zeros, height * width)
        size = channels, height, width
        planned = TiledMap(self, size, whole.dtype, _unread, direct=True, moments=moments)
        weakref.finalize(planned, self._removed, count)
        return planned

    def _removed(self, count: int) -> None:
        self._bytes -= count


def _unread(box: Box) -> Tensor:
    raise AssertionError("a planned map is not read")


class _MapFile:
    """A map (height, width, channels) in a file that has no name."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> None:
        height, width, channels = shape
        self._shape, self._dtype, self._device = (height, width, channels * dtype.itemsize), dtype, device
        self._folder = folder
        with storage.explained(folder):
            self._file = TemporaryFile(dir=folder)  # noqa: SIM115
            weakref.finalize(self, self._file.close)  # which removes it
            size = height * width * channels * dtype.itemsize
            if hasattr(os, "posix_fallocate"):  # a disk that is full later would kill the process
                os.posix_fallocate(self._file.fileno(), 0, size)
            else:
                self._file.truncate(size)

    def write(self, box: Box, tile: Tensor) -> None:
        content, part = tile[0].permute(1, 2, 0).contiguous().flatten().view(torch.uint8), self._part(box)
        part[...] = content.cpu().numpy().reshape(part.shape)

    def read(self, box: Box) -> Tensor:
        content = torch.from_numpy(np.array(self._part(box))).view(self._dtype)
        return content.permute(2, 0, 1).unsqueeze(0).to(self._device)

    def _part(self, box: Box) -> np.ndarray:
        whole = np.memmap(self._file, np.uint8, "r+", shape=self._shape)
        rows, columns = box
        return whole[rows.start : rows.stop, columns.start : columns.stop]


class RunningMoments:
    """Mean and variance of each channel over the tiles that were added (Chan et al. 1983), in float64."""

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._mean, self._squares = torch.zeros(2, channels, dtype=torch.float64)

    def add(self, tile: Tensor) -> None:
        """A tile (1, c, h, w)."""
        for part in tile.split(max(1, PIXELS // tile.shape[3]), dim=2):
            measured = torch.batch_norm_update_stats(at_least_float32(part), None, None, 0.0)
            mean, variance = (moment.cpu().double() for moment in measured)
            count = part.shape[2] * part.shape[3]
            total = self._count + count
            apart = mean - self._mean
            self._mean += apart * (count / total)
            self._squares += variance * count + apart**2 * (self._count * count / total)
            self._count = total

    def whole(self, device: torch.device) -> Moments:
        """Of everything that was added."""
        return Moments(self._mean.to(device), self._squares.to(device), self._count)

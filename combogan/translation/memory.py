"""How much memory a translation takes, of a whole picture or in tiles, and how much is free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import torch

from combogan.errors import PictureError
from combogan.machine import ran_out_of_memory
from combogan.networks.adapter import LEAST_CHANNELS
from combogan.registry.registry import Choice

STEADY = 1.25
"""How much more maps take in films, because their norms compute averages over time in float32."""
FRAMES = 60
"""Bytes per pixel of a film's frames and their motion."""
ENCODER = 90
"""The same of each film that is written: its last frames, and those that its encoder keeps."""
WORKSPACE = 128 * 10**6
"""Bytes that convolutions take at any picture size."""
PER_CHANNEL = {"resnet": 11, "skip": 20, "unet": 7}
"""Bytes per pixel and channel of each kind of network."""
PER_PIXEL = 20
"""Bytes per pixel of what is in memory as a whole where a picture is translated in tiles: source, result and file."""
PER_VALUE = 12
"""Bytes of memory per value of a tile."""
MOST_VALUES = 2**24
"""Values of the largest tiles; larger ones take no less time."""


@dataclass(frozen=True)
class Needs:
    """What the memory of a translation depends on, besides its pixels."""

    width: int
    """Channels of the networks."""
    targets: int
    kind: str = "resnet"
    """Of the networks."""
    margin: int = 0
    """Pixels that are added on every side."""

    @classmethod
    def of(cls, choice: Choice, margin: int) -> Needs:
        """Of the packs of a choice."""
        assert choice.source.encoder is not None
        width = choice.latent.channels // min(choice.latent.stride, 8)  # three halvings double the channels
        if choice.bridges:
            width = max(width, LEAST_CHANNELS)
        return cls(width, len(choice.targets), str(choice.source.encoder.shape.get("kind", "resnet")), margin)

    def whole(self, size: tuple[int, int]) -> int:
        """Bytes that a picture of (width, height) takes as a whole."""
        width, height = (side + 2 * self.margin for side in size)
        return needed(width * height, width=self.width, targets=self.targets, kind=self.kind)

    def frame(self, size: tuple[int, int]) -> int:
        """Bytes that a film of (width, height) takes: a frame as a whole, and what is kept from frame to frame.

        Measured on a CPU at 1.2 million pixels, width 32, one target, with averages over time: beside the workspace 563
        bytes per pixel for kind `resnet` in bfloat16, 665 for `skip`, and 824 in float32.
        """
        width, height = (side + 2 * self.margin for side in size)
        maps = STEADY * (self.whole(size) - WORKSPACE)
        return WORKSPACE + round(maps) + width * height * (FRAMES + ENCODER * self.targets)


def needed(pixels: int, *, width: int, targets: int = 1, kind: str = "resnet") -> int:
    """An upper estimate of the peak memory in bytes of translating this many pixels as a whole.

    `width` is the networks' channels, `kind` their kind. Measured on a CPU, with widths from 8 to 64 and up to 12
    million pixels: in addition to pictures and workspace, 9.2 to 9.8 bytes per pixel and channel in float32, up to 11
    in bfloat16; 16.7 to 18.4 for kind `skip`; 5.6 for a U-Net of width 32 in float32, at one million pixels.
    """
    return WORKSPACE + pixels * (PER_CHANNEL[kind] * width + 36 + 15 * targets)


def needed_in_tiles(pixels: int, values: int) -> int:
    """The same in tiles of this many values."""
    return WORKSPACE + PER_PIXEL * pixels + PER_VALUE * values


def tile_values(pixels: int, room: int | None) -> int:
    """Values of the largest tiles of a picture of this many pixels that fit in `room` bytes; at least 1."""
    if room is None:
        return MOST_VALUES
    return min(MOST_VALUES, max(1, (room - needed_in_tiles(pixels, 0)) // PER_VALUE))


def half_of_free(device: torch.device) -> int | None:
    """Bytes that are used where nothing else is asked for; None where the system does not say."""
    free = available(device)
    return None if free is None else free // 2


def available(device: torch.device) -> int | None:
    """Bytes that are free on a device; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = [size for size in (_free_in_machine(), _free_in_container()) if size is not None]
    return min(free, default=None)


def refuse_too_large(name: str, size: tuple[int, int], needs: Needs, *, allowed: int | None) -> None:
    """PictureError, with the size that would fit, where a film's frame of (width, height) needs more than `allowed`."""
    wanted = needs.frame(size)
    if allowed is None or wanted <= allowed:
        return
    scale = sqrt(max(0, allowed - WORKSPACE) / (wanted - WORKSPACE))
    largest = int((min(size) + 2 * needs.margin) * scale - 2 * needs.margin) // 4 * 4
    remedy = f"--size {largest} would fit" if largest >= 8 else "close other programs, or allow more with --memory"
    raise PictureError(
        f"'{name}' is too large: a frame of {size[0]} x {size[1]} pixels, which is not tiled, needs about "
        f"{amount(wanted)} of memory, and {amount(allowed)} may be used; {remedy}."
    )


@contextmanager
def explained(name: str, size: tuple[int, int], *, tiles: bool) -> Iterator[None]:
    """Turn running out of memory, on a picture of (width, height), into a PictureError; `tiles` where it has some."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        raise PictureError(
            f"'{name}' is too large: the memory did not suffice for {size[0]} x {size[1]} pixels; "
            f"try {'--tile with a smaller --memory, or ' if tiles else ''}--size {max(8, min(size) // 2)}."
        ) from None


def amount(size: int) -> str:
    """Bytes for people: GB, or MB where these would be hardly any."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def _free_in_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # not known: all of the machine's memory is the upper bound
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _free_in_container() -> int | None:
    """What the memory limit of this process's control group leaves (cgroup v2)."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - used + int(statistics.get("inactive_file", 0))
    except (OSError, ValueError):
        return None

"""How large a picture can be translated in the memory that is free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt
from pathlib import Path

import torch

from combogan.errors import PictureError
from combogan.machine import ran_out_of_memory

WORKSPACE = 128 * 10**6
"""Bytes that convolutions take at any picture size."""


def needed(pixels: int, *, width: int, targets: int = 1, skips: bool = False) -> int:
    """An upper estimate of the peak memory in bytes of translating this many pixels by networks of `width` channels.

    Measured on a CPU, with widths from 8 to 64 and up to 12 million pixels: in addition to pictures and workspace,
    9.2 to 9.8 bytes per pixel and channel in float32, up to 11 in bfloat16; 16.7 to 18.4 with skip connections.
    """
    per_channel = 20 if skips else 11
    return WORKSPACE + pixels * (per_channel * width + 36 + 15 * targets)


def available(device: torch.device) -> int | None:
    """Bytes that are free on a device; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = [size for size in (_free_in_machine(), _free_in_container()) if size is not None]
    return min(free, default=None)


def refuse_too_large(
    name: str, size: tuple[int, int], *, width: int, targets: int, free: int | None, skips: bool = False
) -> None:
    """PictureError, with the size that would fit, where a picture of (width, height) needs more than is free."""
    pixels = size[0] * size[1]
    wanted = needed(pixels, width=width, targets=targets, skips=skips)
    if free is None or wanted <= free:
        return
    largest = int(min(size) * sqrt(max(0, free - WORKSPACE) / (wanted - WORKSPACE))) // 4 * 4
    remedy = f"--size {largest} would fit" if largest >= 8 else "close other programs"
    raise PictureError(
        f"'{name}' is too large: at {size[0]} x {size[1]} pixels it needs about {_gigabytes(wanted)} of memory, and "
        f"{_gigabytes(free)} are free; {remedy}."
    )


@contextmanager
def explained(name: str, size: tuple[int, int]) -> Iterator[None]:
    """Turn running out of memory, on a picture of (width, height), into a PictureError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        raise PictureError(
            f"'{name}' is too large: the memory did not suffice for {size[0]} x {size[1]} pixels; "
            f"try --size {max(8, min(size) // 2)}."
        ) from None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


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

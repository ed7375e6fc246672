"""What this machine can do: the device and the precision to compute with."""

from __future__ import annotations

import ctypes
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from combogan.errors import DeviceError

# Parameters of mallopt(3): the free memory at the top of the heap above which it is returned to the system, and the
# size from which a block is mapped on its own (at most half of a heap).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def device(word: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` -> an available device, set to compute exactly. Raises DeviceError."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", word):
        raise DeviceError(f"'{word}' is no device; give auto, cpu, cuda or cuda:N.")
    if word == "cpu" or (word == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceError(f"--device {word}: PyTorch finds no CUDA device here; use --device cpu.")
    found = torch.device("cuda" if word == "auto" else word)
    count = torch.cuda.device_count()
    if (found.index or 0) >= count:
        raise DeviceError(f"--device {word}: there are only {count} CUDA devices, from cuda:0; choose one of them.")
    _compute_exactly()
    return found


def _compute_exactly() -> None:
    """Make CUDA give the same bits each time, and switch off TF32, which silently keeps 10 of float32's 23 bits."""
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that no memory is left, in the system or on a device."""
    told = isinstance(error, RuntimeError) and "allocate" in str(error)
    return told or isinstance(error, MemoryError | torch.OutOfMemoryError)


@contextmanager
def memory_explained() -> Iterator[None]:
    """Turn an out-of-memory error in training into a DeviceError that says what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        raise DeviceError(
            "the memory does not suffice for this training; close other programs, or begin a run with smaller "
            "images.size, images.load, schedule.batch or networks.width."
        ) from None


def precision(word: str, on: torch.device) -> torch.dtype:
    """`auto`, `float32` or `bfloat16` -> a dtype; auto is bfloat16 where the device supports it. Raises DeviceError."""
    if word not in ("auto", "float32", "bfloat16"):
        raise DeviceError(f"'{word}' is no precision; give auto, float32 or bfloat16.")
    if word == "auto":
        return torch.bfloat16 if _computes_in_bfloat16(on) else torch.float32
    return torch.bfloat16 if word == "bfloat16" else torch.float32


def _computes_in_bfloat16(on: torch.device) -> bool:
    if on.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Context in which PyTorch computes with `count` CPU threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """With glibc as the C library: keep memory that tensors free in this process, for later tensors.

    Otherwise glibc returns blocks to the system in every iteration and gets the same pages again, zeroed one by one.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_MMAP_THRESHOLD, 2**25)


def return_freed_memory() -> None:
    """With glibc as the C library: give memory that is free now back to the system, such as that of first networks."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "gnu_get_libc_version"):
        library.malloc_trim(0)


def environment(on: torch.device, precision: torch.dtype, threads: int) -> dict[str, str | int]:
    """What the bits of a result depend on besides settings and pictures; saved with a run, compared on resume."""
    name = torch.cuda.get_device_name(on) if on.type == "cuda" else _processor()
    return {
        "torch": torch.__version__,
        "device": f"{on.type}: {name}",
        "precision": str(precision).removeprefix("torch."),
        "threads": threads,
        "vectors": torch.backends.cpu.get_cpu_capability(),
    }


def _processor() -> str:
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return str(capabilities.get("cpu_name") or platform.processor() or platform.machine())

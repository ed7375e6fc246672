"""One measurement in a process of its own, as benchmarks/speed.py starts it: prints what was found as JSON.

    python benchmarks/speed_measure.py JOB '{"argument": ...}'

A job imports only what it needs, because memory is measured too.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

IMAGES = 4
"""The number of different images that a measurement uses in turn."""


def nothing() -> dict[str, Any]:
    """The memory of a process that only imports torch."""
    return {"peak": peak("cpu")}


def iteration(
    side: str,
    *,
    warm: int,
    timed: int,
    device: str,
    size: int,
    domains: int,
    reference: str,
    preset: str,
    precision: str,
    together: int = 1,
    **shape: Any,
) -> dict[str, Any]:
    """Seconds per iteration on random pairs of domains, batch 1, and memory: before the iterations, and at its peak.

    `together` disjoint pairs are trained at a time, each on its share of the threads; seconds are per pair.
    """
    shape |= {"size": size, "domains": domains, "device": device}
    training: Any
    if side == "published":
        import speed_published

        training = speed_published.Training(reference, **shape)
    else:
        import speed_ours

        training = speed_ours.Training(preset, precision=precision, **shape)
    pictures = [training.prepared(image(size, number)) for number in range(IMAGES)]

    torch.set_num_threads(max(1, torch.get_num_threads() // together))
    workers = ThreadPoolExecutor(together, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),))

    def train(number: int) -> None:
        order = random.Random(number).sample(range(domains), 2 * together)
        x, y = pictures[number % IMAGES], pictures[(number + 1) % IMAGES]
        pairs = zip(order[::2], order[1::2], strict=True)
        if together == 1:
            training.train(number, next(pairs), x, y)
        else:
            list(workers.map(lambda pair: training.train(number, pair, x, y), pairs))

    before = held(device)
    seconds = [one / together for one in timings(train, warm=warm, timed=timed, device=device)]
    memory = {"held": before, "peak": peak(device)}  # measured before `state_bytes`, which takes memory too
    return {"seconds": seconds, **memory, "states": training.state_bytes(), "weights": training.weights()}


def translation(
    side: str,
    *,
    warm: int,
    timed: int,
    device: str,
    size: int,
    width: int,
    domains: int,
    reference: str,
    packs: str,
    precision: str,
) -> dict[str, Any]:
    """Seconds for translating an image into pictures of all other domains, and the peak of the memory."""
    translating: Any
    if side == "published":
        import speed_published

        translating = speed_published.Translating(reference, width=width, size=size, domains=domains, device=device)
    else:
        import speed_ours

        translating = speed_ours.Translating(packs, precision=precision, domains=domains, device=device)
    pictures = [image(size, number) for number in range(IMAGES)]

    def translate(number: int) -> None:
        assert translating.translate(pictures[number % IMAGES]) == domains - 1

    return {"seconds": timings(translate, warm=warm, timed=timed, device=device), "peak": peak(device)}


def operations(*, preset: str, width: int, size: int, device: str) -> dict[str, Any]:
    """Floating-point operations of one of our iterations, a multiplication and an addition counted as two."""
    import speed_ours

    training = speed_ours.Training(
        preset, width=width, size=size, precision="float32", domains=2, device=device, grown=False
    )
    x, y = (training.prepared(image(size, number)) for number in range(2))
    return {"operations": counted(lambda: training.train(0, (0, 1), x, y))}


def counted(call: Callable[[], object]) -> int:
    """Floating-point operations of the convolutions and matrix products of a call, compiled or not."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


def matrices(*, precision: str, device: str, side: int, timed: int) -> dict[str, Any]:
    """Median operations per second of a large matrix product.

    The faster of torch.mm and the same as a 1x1 convolution: which libraries compute them depends on the processor.
    """
    dtype: torch.dtype = getattr(torch, precision)
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    rows = side // 64
    pixels = a.view(1, rows, 64, side).permute(0, 3, 1, 2)  # channels_last
    weights = b.t().contiguous()[..., None, None]
    ways: tuple[Callable[[int], Tensor], ...] = (
        lambda _: torch.mm(a, b),
        lambda _: torch.nn.functional.conv2d(pixels, weights),
    )
    taken = [sorted(timings(way, warm=2, timed=timed, device=device))[timed // 2] for way in ways]
    return {"rate": 2 * side**3 / min(taken)}


def machine() -> dict[str, Any]:
    """The machine and versions, and the device and precision that combogan chooses here."""
    import platform

    import combogan
    from combogan import machine as here

    device = here.device("auto")
    precision = here.precision("auto", device)
    can: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    extensions = [name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "amx_fp16") if can.get(name)]
    return {
        "device": device.type,
        "precision": str(precision).removeprefix("torch."),
        "name": str(here.environment(device, precision, 0)["device"]).partition(": ")[2],
        "cores": can.get("num_physical_cores"),
        "threads": torch.get_num_threads(),
        "extensions": extensions,
        "versions": {"combogan": combogan.__version__, "torch": torch.__version__, "Python": platform.python_version()},
    }


def packs(folder: str, picture: str, *, domains: int, width: int, size: int) -> dict[str, Any]:
    """Write packs of untrained domains a, b, ... of one latent space, and a picture; nothing is measured."""
    import speed_inputs

    speed_inputs.write_packs(Path(folder), domains=domains, width=width, size=size)
    speed_inputs.write_picture(Path(picture), size=size)
    return {}


def pictures(folder: str, *, scenes: int, crops: int, size: int) -> dict[str, Any]:
    """Write drawn scenes as JPEG files, a folder per season; nothing is measured."""
    import speed_inputs

    speed_inputs.write_pictures(Path(folder), scenes=scenes, crops=crops, size=size)
    return {}


def image(size: int, number: int) -> Tensor:
    """An image (1, 3, size, size) in [-1, 1], the same for the same number."""
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(number)) * 2 - 1


def timings(call: Callable[[int], object], *, warm: int, timed: int, device: str) -> list[float]:
    """Seconds of each call after the first `warm`, including the work that the call began on a device."""
    seconds = []
    for number in range(warm + timed):
        start = time.perf_counter()
        call(number)
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds[warm:]


def peak(device: str) -> int:
    """Bytes: the largest resident set of this process so far, or the most that torch allocated on a GPU."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    highest = _status("VmHWM")  # of this process only; getrusage may give that of its parent
    if highest is not None:
        return highest
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def held(device: str) -> int | None:
    """Bytes in use now; None where the system does not say."""
    return _status("VmRSS") if device == "cpu" else torch.cuda.memory_allocated()


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    job.__name__: job for job in (nothing, iteration, translation, operations, matrices, machine, packs, pictures)
}

if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # the published code prints its networks
        found = JOBS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(found))

"""Where the time of an iteration goes, on one CPU thread, by PyTorch's profiler.

    python benchmarks/speed_profile.py [--presets quick,small-data] [--iterations 8]

Prints a table: for each preset the milliseconds of an iteration without the profiler, and the shares of its parts. A
part is the time in operations of its kind themselves, not in those that they call; what is left is Python and calls.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from speed_measure import image
from speed_ours import Training
from torch.profiler import ProfilerActivity, profile, record_function

from combogan import machine
from combogan.settings import Settings
from combogan.training.group import NetworkGroup

UPDATE = "update"
KINDS = {
    "convolution, backward": "convolution_backward",
    "convolution": "mkldnn_convolution _slow_conv2d_forward _convolution",
    "matrix products": "mm addmm bmm baddbmm",
    "norms": "native_batch_norm native_batch_norm_backward native_group_norm native_group_norm_backward var_mean std",
    "copies and casts": "copy_ _to_copy clone contiguous cat",
    "sorting": "sort",
    "padding and resampling": "reflection_pad2d reflection_pad2d_backward replication_pad2d replication_pad2d_backward "
    "constant_pad_nd upsample_nearest2d upsample_nearest2d_backward pixel_unshuffle",
}
"""Part -> the operations in it, which are counted where they are not in an update."""
OTHER, CALLS = "other operations", "Python and calls"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", type=lambda text: text.split(","), default=["quick", "small-data"])
    parser.add_argument("--iterations", type=int, default=8, metavar="N")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {preset: profiled(preset, given.iterations) for preset in given.presets}
    print("| part |", " | ".join(f"`{preset}`" for preset in found), "|")
    print("| --- |", " | ".join("---" for _ in found), "|")
    print("| an iteration |", " | ".join(f"{1000 * seconds:.0f} ms" for seconds, _ in found.values()), "|")
    for part in [*KINDS, UPDATE, OTHER, CALLS]:
        print(f"| {part} |", " | ".join(f"{100 * shares[part]:.1f}%" for _, shares in found.values()), "|")


def profiled(preset: str, iterations: int) -> tuple[float, dict[str, float]]:
    """Seconds of an iteration, and the share of each part in the profile of `iterations` others."""
    settings = Settings.load(preset)
    precision = str(machine.precision("auto", torch.device("cpu"))).removeprefix("torch.")
    size, width = settings.images.size, settings.networks.width
    training = Training(preset, width=width, size=size, precision=precision, domains=4, device="cpu", grown=True)
    pictures = [training.prepared(image(size, number)) for number in range(2)]

    def train(iteration: int) -> float:
        began = time.perf_counter()
        training.train(iteration, (iteration % 4, (iteration + 1) % 4), *pictures)
        return time.perf_counter() - began

    for iteration in range(4):
        train(iteration)
    seconds = statistics.median(train(iteration) for iteration in range(iterations))
    with labelled_updates(), profile(activities=[ProfilerActivity.CPU]) as profiler:
        wall = sum(train(iteration) for iteration in range(iterations))
    parts = Counter({part: micro / 1e6 / wall for part, micro in times(profiler).items()})
    return seconds, {**dict.fromkeys([*KINDS, UPDATE, OTHER], 0.0), **parts, CALLS: 1 - parts.total()}


def times(profiler: profile) -> Counter[str]:
    """Part -> microseconds in its operations themselves."""
    of_kind = {operation: part for part, operations in KINDS.items() for operation in operations.split()}
    found: Counter[str] = Counter()
    for event in profiler.events():
        above = event
        while above.cpu_parent is not None and above.name != UPDATE:
            above = above.cpu_parent
        if event.name.startswith("aten::"):
            found[UPDATE if above.name == UPDATE else of_kind.get(event.name.removeprefix("aten::"), OTHER)] += (
                event.self_cpu_time_total
            )
    return found


@contextmanager
def labelled_updates() -> Iterator[None]:
    """Context in which the updates of network groups (Adam and averages) can be told apart in a profile."""
    before = NetworkGroup.update

    def update(group: NetworkGroup, rate: float) -> None:
        with record_function(UPDATE):
            before(group, rate)

    NetworkGroup.update = update  # type: ignore[method-assign]
    try:
        yield
    finally:
        NetworkGroup.update = before  # type: ignore[method-assign]


if __name__ == "__main__":
    main()

"""How fast ONNX Runtime translates, beside combogan itself: one thread, the same untrained packs, in turn.

    python benchmarks/onnx_speed.py [--presets paper,default,quick] [--size 256] [--times 7]

Prints a line of a table for each preset: median seconds of one image, and how many times as fast ONNX Runtime is. They
are processor time, so that other work on the machine counts less. Needs the extra `onnx`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from combogan import machine
from combogan.deployment.export import Job, export
from combogan.deployment.program_files import opened
from combogan.errors import ComboganError
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.settings import Settings
from combogan.training import building
from combogan.translation.translator import Translator

HEAD = """\
| preset | ONNX Runtime, float32 | combogan, float32 | combogan, bfloat16 | ratio, float32 | ratio, bfloat16 |
| --- | --- | --- | --- | --- | --- |"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--presets", type=lambda text: text.split(","), default=["paper", "default", "quick"])
    parser.add_argument("--size", type=int, default=256, metavar="PX")
    parser.add_argument("--times", type=int, default=7, metavar="N")
    given = parser.parse_args()
    print(HEAD)
    try:
        for preset in given.presets:
            with tempfile.TemporaryDirectory() as folder, machine.threads(1):
                print(row(preset, Path(folder), given.size, given.times), flush=True)
    except ComboganError as error:
        sys.exit(f"Error: {error}")


def row(preset: str, folder: Path, size: int, times: int) -> str:
    """A line of the table."""
    registry = packs(preset, folder / "packs", size)
    (file,) = export(registry, Job(["a", "b"], folder / "models", whole=True))
    network = opened(file.path, threads=1)
    assert network is not None
    exact, rounded = (Translator(registry, "cpu", precision) for precision in ("float32", "bfloat16"))
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pixels = image.numpy()
    theirs, ours, half = in_turn(
        times,
        lambda: network.run([pixels]),
        lambda: exact.translate("a", ["b"], image),
        lambda: rounded.translate("a", ["b"], image),
    )
    return f"| `{preset}` | {theirs:.3f} s | {ours:.3f} s | {half:.3f} s | {ours / theirs:.2f} | {half / theirs:.2f} |"


def packs(preset: str, folder: Path, size: int) -> Registry:
    """Packs of two untrained domains, a and b, with the networks of a preset."""
    settings = Settings.load(preset)
    units = [building.new_domain(name, settings, torch.device("cpu")) for name in "ab"]
    publish(folder, [NewPack(unit.name, unit.encoder, unit.decoder, ("0a", "0a"), size) for unit in units])
    return Registry.open(folder)


def in_turn(times: int, *ways: Callable[[], object]) -> list[float]:
    """The median seconds of each way, after one call of each that is not counted."""
    seconds: list[list[float]] = [[] for _ in ways]
    for turn in range(times + 1):
        for way, taken in zip(ways, seconds, strict=True):
            start = time.process_time()
            way()
            if turn:
                taken.append(time.process_time() - start)
    return [median(taken) for taken in seconds]


if __name__ == "__main__":
    main()

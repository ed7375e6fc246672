"""The measurements of benchmarks/speed.py by name; each gives lines of the table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from speed_processes import Figure, MeasurementError, disturbed, in_turn, measure, wall
from speed_table import Row
from speed_train import command, learning

COUNTS = (2, 4, 16, 64, 256)
CASES = {
    f"{preset}-{size}": (preset, size, width)
    for preset in ("original", "paper")
    for size, width in ((256, 64), (128, 64), (64, 32))
}
"""Cases of `iterations`: preset, side of the images in pixels, and width of the networks."""


@dataclass(frozen=True)
class Bench:
    """What all measurements have in common."""

    references: Mapping[str, str]
    """Checkouts of the published code, by the preset that has the same networks."""
    device: str
    precision: str
    """The default of combogan on this machine."""
    threads: int
    base: int
    """Bytes that a process takes when it only imports torch."""
    scratch: Path
    quick: bool

    @property
    def rounds(self) -> int:
        """How often each side is measured, in turn."""
        return 1 if self.quick else 2

    @property
    def together(self) -> int:
        """How many disjoint pairs of four domains our code trains at a time on this machine."""
        return min(self.threads, 2) if self.device == "cpu" else 1

    def precisions(self) -> list[str]:
        """The precisions in which our code is measured."""
        return list(dict.fromkeys(["float32", self.precision]))

    def calls(self, size: int) -> dict[str, Any]:
        """How many calls of a process at this image size are for warming up, and how many are timed."""
        if self.quick:
            return {"warm": 1, "timed": 2}
        return {"warm": 3, "timed": 10} if size < 128 else {"warm": 2, "timed": 4 if size < 256 else 3}

    def memory(self, figure: Figure | None) -> float | None:
        """Bytes at the peak beyond what importing torch takes."""
        return None if figure is None else figure.median("peak") - (self.base if self.device == "cpu" else 0)


def iterations(bench: Bench, *, case: str) -> Iterator[Row]:
    """One training iteration on a pair of two domains, batch 1."""
    preset, size, width = CASES[case]
    run = partial(trained, bench, preset=preset, size=size, width=width, **bench.calls(size))
    sides: dict[str, Callable[[], dict[str, Any]]] = {p: partial(run, "ours", precision=p) for p in bench.precisions()}
    if preset in bench.references:
        sides = {"published": partial(run, "published"), **sides}
    if bench.together > 1:
        sides["together"] = partial(run, "ours", precision=bench.precision, together=bench.together, domains=4)
    figures = in_turn(sides, rounds=bench.rounds)
    published = figures.get("published")
    if len({figure.median("weights") for figure in figures.values()}) > 1:
        raise MeasurementError(f"{case}: the published networks have other weights than ours; compare like with like")
    count = measure("operations", preset=preset, width=width, size=size, device=bench.device)["operations"]
    kinds = {precision: (precision, precision) for precision in bench.precisions()}
    if "together" in figures:
        kinds["together"] = (bench.precision, f"{bench.precision}, {bench.together} pairs of 4 domains at once")
    for side, (precision, label) in kinds.items():
        ours = figures[side]
        rate = matrix_rate(precision, bench.device, 1024 if bench.quick else 4096)
        share = f"{count / 1e12:.3g} T operations, {count / ours.seconds / rate:.0%} of a matrix product's rate"
        yield Row(
            f"iteration, `{preset}`, {size} px, width {width}, {label}",
            ours.seconds,
            _seconds(published),
            bench.memory(ours),
            bench.memory(published) if side != "together" else None,  # it holds more domains' states
            _joined(f"{share} ({rate / 1e12:.2f} T/s)", disturbed(figures)),
        )


def trained(bench: Bench, side: str, *, preset: str, **arguments: Any) -> dict[str, Any]:
    """The result of one process that trains; `arguments` as of the job `iteration`."""
    given = {"precision": "float32", "domains": 2, "grown": False, **arguments}
    reference = bench.references.get(preset, "")
    return measure("iteration", side=side, preset=preset, device=bench.device, reference=reference, **given)


@cache
def matrix_rate(precision: str, device: str, side: int) -> float:
    """Operations per second of a product of side x side matrices; measured once."""
    return float(measure("matrices", precision=precision, device=device, side=side, timed=7)["rate"])


def translation(bench: Bench) -> Iterator[Row]:
    """One image into pictures of the three other domains, when everything is loaded."""
    size, width = _packs(bench)
    run = partial(
        measure,
        "translation",
        size=size,
        width=width,
        domains=4,
        device=bench.device,
        packs=str(bench.scratch / "packs"),
        reference=bench.references.get("original", ""),
        **({"warm": 1, "timed": 2} if bench.quick else {"warm": 2, "timed": 5}),
    )
    sides: dict[str, Callable[[], dict[str, Any]]] = {
        precision: partial(run, side="ours", precision=precision) for precision in bench.precisions()
    }
    if "original" in bench.references:
        sides = {"published": partial(run, side="published", precision="float32"), **sides}
    figures = in_turn(sides, rounds=bench.rounds)
    published = figures.get("published")
    for precision in bench.precisions():
        yield Row(
            f"translate into 3 domains, warm, {size} px, width {width}, {precision}",
            figures[precision].seconds,
            _seconds(published),
            bench.memory(figures[precision]),
            bench.memory(published),
            disturbed(figures),
        )


def cold(bench: Bench) -> Iterator[Row]:
    """The command `translate` of one picture, from its start to its end, compared with importing torch."""
    size, width = _packs(bench)
    where = ["--registry", str(bench.scratch / "packs"), "-o", str(bench.scratch / "translated")]
    translate = command("translate", str(bench.scratch / "picture.png"), "--from", "a", "--to", "b", *where)
    sides = {
        "import torch": partial(wall, [sys.executable, "-c", "import torch"]),
        "translate": partial(wall, [*translate, "--device", bench.device]),
    }
    in_turn(sides, rounds=1)  # so that the files are in the system's cache
    figures = in_turn(sides, rounds=2 if bench.quick else 5)
    took, least = figures["translate"].seconds, figures["import torch"].seconds
    remark = f"{took - least:+.2f} s over `import torch` ({least:.2f} s)"
    yield Row(f"`combogan translate` of one picture, cold, {size} px, width {width}", took, remarks=remark)


def train(bench: Bench) -> Iterator[Row]:
    """The command `train` with pictures in files, compared with the step alone on the same settings."""
    _pictures(bench)
    calls = {"warm": 1, "timed": 2} if bench.quick else {"warm": 5, "timed": 25}
    run = partial(learning, bench.scratch, device=bench.device, every=20 if bench.quick else 100)
    bare = partial(trained, bench, "ours", preset="quick", size=64, width=32, precision=bench.precision, domains=4)
    sides = {"bare": partial(bare, together=bench.together, **calls), "train": run}
    figures = in_turn(sides, rounds=bench.rounds)
    step, whole = figures["bare"].seconds, figures["train"].seconds
    saving = whole + figures["train"].median("pause") / figures["train"].median("interval")
    yield Row(
        "`combogan train`, `quick`, 4 domains of JPEG files, per iteration",
        whole,
        remarks=_joined(
            f"{1 / whole:.2f} iterations/s, the bare step {1 / step:.2f}: {step / whole:.3f}, "
            f"with samples and checkpoints as in the preset {step / saving:.3f}",
            disturbed(figures),
        ),
    )


def domains(bench: Bench) -> Iterator[Row]:
    """One iteration of small networks with few and with many domains; memory is that beyond the states."""
    size, width = 128, 8
    counts = (2, 16) if bench.quick else COUNTS
    calls: dict[str, Any] = {"warm": 1, "timed": 2} if bench.quick else {"warm": 4, "timed": 15}
    run = partial(trained, bench, preset="original", size=size, width=width, grown=True, **calls)
    asked = [("ours", count) for count in counts]
    if "original" in bench.references:
        asked += [("published", count) for count in (counts[0], counts[-1])]
    sides = {
        f"{side} {count}": partial(run, side, domains=count, precision=bench.precision if side == "ours" else "float32")
        for side, count in asked
    }
    figures = in_turn(sides, rounds=bench.rounds)

    first = figures[f"ours {counts[0]}"]
    for count in counts:
        ours, published = figures[f"ours {count}"], figures.get(f"published {count}")
        both = {"ours": ours, **({} if published is None else {"published": published})}
        memory, least = _beyond(bench, ours) or 0, _beyond(bench, first) or 1
        yield Row(
            f"iteration, one of {count} domains, `original`, {size} px, width {width}, {bench.precision}",
            ours.seconds,
            _seconds(published),
            memory,
            _beyond(bench, published),
            _joined(
                f"of {counts[0]} domains: time x {ours.seconds / first.seconds:.3f}, memory x {memory / least:.3f}"
                f"{_adding(ours, first)}; states {ours.median('states') / 1e6:.0f} MB, not counted",
                disturbed(both),
            ),
        )


def _beyond(bench: Bench, figure: Figure | None) -> float | None:
    """Bytes at the peak beyond importing torch and the states."""
    memory = bench.memory(figure)
    return None if figure is None or memory is None else memory - figure.median("states")


def _adding(figure: Figure, first: Figure) -> str:
    """The memory that iterating adds, compared with that of `first`; empty where the system does not say."""
    if figure.results[0]["held"] is None:
        return ""
    added, least = (one.median("peak") - one.median("held") for one in (figure, first))
    return f", what iterating adds x {added / least:.3f} ({added / 1e6:.0f} MB)"


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {case: partial(iterations, case=case) for case in CASES}
ROWS |= {"translation": translation, "cold": cold, "train": train, "domains": domains}


def _packs(bench: Bench) -> tuple[int, int]:
    """Packs and a picture in bench.scratch, written when first asked for; their size and the networks' width."""
    size, width = (64, 16) if bench.quick else (256, 64)
    if not (bench.scratch / "packs").exists():
        places = {"folder": str(bench.scratch / "packs"), "picture": str(bench.scratch / "picture.png")}
        measure("packs", **places, domains=4, width=width, size=size)
    return size, width


def _pictures(bench: Bench) -> None:
    """Pictures in bench.scratch, written when first asked for."""
    if not (bench.scratch / "pictures").exists():
        many = {"scenes": 2, "crops": 2} if bench.quick else {"scenes": 15, "crops": 10}
        measure("pictures", folder=str(bench.scratch / "pictures"), size=320, **many)


def _seconds(figure: Figure | None) -> float | None:
    return None if figure is None else figure.seconds


def _joined(*remarks: str) -> str:
    return "; ".join(remark for remark in remarks if remark)

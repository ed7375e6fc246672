"""Where shapes change: how well a thing's angle and hue survive its translation into another thing.

    python benchmarks/shapes.py check
    python benchmarks/shapes.py train FOLDER [--things house,conifer] [--presets discogan,cyclegan] [--seeds 0,1,2]
    python benchmarks/shapes.py measure FOLDER
    python benchmarks/shapes.py table

`train` trains presets at 64 px on drawn things, whose angle and hue are known, into runs below FOLDER; those that are
there already are left. `measure` looks up the shape of each translation of a test picture among drawings of both things
at all angles: the nearest says which thing it is (*arrived* where it is the target's) and at which angle; its hue is
that of the mean of its colours. It writes a line per run and direction to shapes.jsonl, which `table` shows, and a grid
of translations beside the runs. `check` measures the drawings themselves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

import combogan
from combogan.data.pictures import to_image, to_picture
from combogan.data.things import ThingPictures
from combogan.registry.registry import Registry
from combogan.scenery.figure import Pose
from combogan.settings import Settings

RECORD = Path(__file__).with_name("shapes.jsonl")
SIZE = 64
TEMPLATES, STEP = 24, 5
"""Training figures of a thing whose shapes are looked for, and degrees between the angles at which they are."""
WHOLE = {"images.size": SIZE, "images.load": SIZE, "images.flip": False, "run.precision": "auto", "run.threads": 1}
WHOLE |= {"networks.width": 16, "discriminator.width": 16, "optimizer.rate": 6e-4}
"""What both presets are trained with: narrow networks and a high rate, for short runs on a CPU."""
BATCH = {"discogan": {"schedule.batch": 16}}
"""A narrow U-Net sees 16 pictures in about the time in which a narrow ResNet of 9 blocks sees one."""
KEPT = 12
"""Test pictures in the grid of a run."""
Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """What translations into a thing show: an entry per picture."""

    arrived: NDArray[np.bool_]
    """Whether the shape is nearer to the target's drawings than to the source's."""
    angle: Floats
    """Degrees of the nearest drawing of the target."""
    hue: Floats
    """0..1."""


class Shapes:
    """The shapes of drawn things at all angles."""

    def __init__(self, things: Sequence[str]) -> None:
        self.angles: dict[str, Floats] = {}
        self.templates: dict[str, Floats] = {}
        for thing in things:
            figures, pixels, angles = ThingPictures(thing, "train"), [], []
            for index in range(TEMPLATES):
                drawn = figures.picture(index, SIZE)
                for turn in range(0, 360, STEP):
                    pixels.append(np.asarray(drawn.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))))
                    angles.append(figures.pose(index).angle + turn)
            self.templates[thing], self.angles[thing] = shape(np.stack(pixels)), np.array(angles)

    def find(self, source: str, target: str, pixels: Pixels) -> Found:
        """What translations (n, SIZE, SIZE, 3) from one thing into another show."""
        near = {thing: shape(pixels) @ self.templates[thing].T for thing in (source, target)}
        arrived = near[target].max(1) > near[source].max(1)
        return Found(arrived, self.angles[target][near[target].argmax(1)], hue(pixels))


def shape(pixels: Pixels) -> Floats:
    """How far each pixel is from white, whatever its hue: (n, h, w, 3) -> (n, h * w), with mean 0 and length 1."""
    ink = 255 - pixels.min(-1).reshape(len(pixels), -1).astype(np.float32)
    ink -= ink.mean(1, keepdims=True)
    return ink / np.maximum(np.linalg.norm(ink, axis=1, keepdims=True), 1e-6)


def hue(pixels: Pixels) -> Floats:
    """The hue, 0..1, of the mean of a picture's colours; white and gray have no weight in it."""
    red, green, blue = pixels.reshape(len(pixels), -1, 3).astype(np.float64).mean(1).T
    return np.arctan2(3**0.5 * (green - blue), 2 * red - green - blue) / (2 * np.pi) % 1


def circular(true: Floats, found: Floats, *, turn: float) -> float:
    """Correlation of two angles with `turn` to a circle: 1 where they differ by a constant, or so do true and -found.

    Where one of them tells nothing of the other it is 0, up to about 1 / sqrt(n).
    """
    a, b = (np.exp(2j * np.pi * np.asarray(values) / turn) for values in (true, found))
    return float(max(abs((a * b).mean()), abs((a.conj() * b).mean())))


def measured(true: Sequence[Pose], found: Found) -> dict[str, float]:
    """The share that arrived, and the correlations of angle, axis and hue in it; `true` are the sources' poses.

    The axis is the angle without its direction: a thing and the same thing upside down have one. What is *kept* is a
    correlation times the share that arrived, as if the rest told nothing.
    """
    at = found.arrived
    angles, hues = np.array([one.angle for one in true])[at], np.array([one.hue for one in true])[at]
    row = {"arrived": float(at.mean()), "angle": 0.0, "axis": 0.0, "hue": 0.0}
    if at.any():
        row["angle"] = circular(angles, found.angle[at], turn=360)
        row["axis"] = circular(angles, found.angle[at], turn=180)
        row["hue"] = circular(hues, found.hue[at], turn=1)
    return row | {f"{name} kept": row["arrived"] * row[name] for name in ("angle", "axis", "hue")}


def check(things: Sequence[str]) -> Iterable[dict[str, Any]]:
    """What is measured on the drawings themselves: a row per pair of things."""
    shapes = Shapes(things)
    for source in things:
        for target in (thing for thing in things if thing != source):
            figures = ThingPictures(target, "test")
            poses = [figures.pose(index) for index in range(len(figures))]
            found = shapes.find(source, target, stacked(pictures(figures)))
            yield {"from": source, "to": target, **measured(poses, found)}


def train(folder: Path, preset: str, things: Sequence[str], seed: int, iterations: int) -> None:
    """Train a preset on things, unless the run is there already."""
    changes = {**WHOLE, **BATCH.get(preset, {}), "run.seed": seed, "schedule.iterations": iterations}
    run = folder / f"{preset}-{seed}"
    if not run.is_dir():
        combogan.train(Settings.load(preset, changes), [f"things/{thing}" for thing in things], out=run)


def measure(run: Path) -> Iterable[dict[str, Any]]:
    """A row per direction of a run; its translations are shown in a picture of the same name beside it."""
    settings, registry = Settings.load(run / "settings.toml"), Registry.open(run)
    names = {origin.partition("/")[2]: name for name, origin in settings.domains.items()}
    shapes, rows = Shapes(list(names)), []
    for source in names:
        figures = ThingPictures(source, "test")
        drawn, poses = pictures(figures), [figures.pose(index) for index in range(len(figures))]
        rows.append(drawn)
        for target in (thing for thing in names if thing != source):
            rows.append(translations(registry.compose(names[source], names[target]), drawn))
            yield {
                "preset": run.name.rpartition("-")[0],
                "seed": settings.run.seed,
                "from": source,
                "to": target,
                **measured(poses, shapes.find(source, target, stacked(rows[-1]))),
                "iterations": settings.schedule.iterations,
                "batch": settings.schedule.batch,
                "width": settings.networks.width,
                "rate": settings.optimizer.rate,
                "date": date.today().isoformat(),
            }
    grid(rows).save(run.with_suffix(".png"))


def pictures(figures: ThingPictures) -> list[Image.Image]:
    return [figures.picture(index, SIZE) for index in range(len(figures))]


def stacked(drawn: Sequence[Image.Image]) -> Pixels:
    """(n, SIZE, SIZE, 3)."""
    return np.stack([np.asarray(picture) for picture in drawn])


@torch.no_grad()
def translations(generator: nn.Module, drawn: Sequence[Image.Image]) -> list[Image.Image]:
    """Pictures of one thing, translated into another."""
    return [to_picture(generator(to_image(picture)[None])[0]) for picture in drawn]


def grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """The first KEPT pictures of every row."""
    picture = Image.new("RGB", (KEPT * SIZE, len(rows) * SIZE))
    for row, pictures in enumerate(rows):
        for column, one in enumerate(pictures[:KEPT]):
            picture.paste(one, (column * SIZE, row * SIZE))
    return picture


COLUMNS = ("arrived", "angle kept", "axis kept", "hue kept")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line per preset and direction: the mean of all seeds, and the lowest and highest of them."""
    lines = [f"| preset | from | to | seeds | {' | '.join(COLUMNS)} |", "| --- " * (4 + len(COLUMNS)) + "|"]
    for key in dict.fromkeys((row["preset"], row["from"], row["to"]) for row in rows):
        same = [row for row in rows if (row["preset"], row["from"], row["to"]) == key]
        cells = []
        for column in COLUMNS:
            values = [row[column] for row in same]
            cells.append(f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})")
        lines.append(f"| {' | '.join(key)} | {len(same)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["check", "train", "measure", "table"])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/shapes"), help="of the runs")
    parser.add_argument("--things", default="house,conifer", metavar="NAME,...")
    parser.add_argument("--presets", default="discogan,cyclegan", metavar="NAME,...")
    parser.add_argument("--seeds", default="0,1,2", metavar="N,...")
    parser.add_argument("--iterations", type=int, default=700, metavar="N")
    given = parser.parse_args()
    things = given.things.split(",")
    if given.stage == "check":
        for row in check(things):
            print(json.dumps(row))
    elif given.stage == "train":
        for seed, preset in product(map(int, given.seeds.split(",")), given.presets.split(",")):
            train(given.folder, preset, things, seed, given.iterations)
    elif given.stage == "measure":
        for run in sorted(path for path in given.folder.iterdir() if path.is_dir()):
            for row in measure(run):
                print(json.dumps(row), flush=True)
                with RECORD.open("a", encoding="utf-8") as record:
                    record.write(json.dumps(row) + "\n")
    else:
        print(table([json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]))


if __name__ == "__main__":
    main()

"""Translations as training data: the table of CyCADA (Hoffman et al. 2018) on the drawn seasons.

    combogan train --domains summer,winter,spring,fall --preset quick --out runs/seasons
    python benchmarks/adaptation.py runs/seasons                    all twelve directions, one seed
    python benchmarks/adaptation.py runs/seasons --seeds 0 1 2      three
    python benchmarks/adaptation.py runs/seasons --sources winter   a part; several processes can share the record
    python benchmarks/adaptation.py runs/seasons --table            only the table of what is recorded

A small segmentation network learns what every pixel shows, and is tested on the 40 test scenes of a target season:
`oracle` learned on the target with its labels, `source only` on another season, `translated` on that season's pictures
translated into the target by the run, and `colour matching` on them in the target's colours. These three have the
labels of the source; those of the target are used to test only. Snow and ice count as what they lie on. Rows are lines
of adaptation.jsonl; what is recorded there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import permutations, product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan import machine, storage
from combogan.data.pictures import to_image
from combogan.data.scenes import ScenePictures
from combogan.errors import ComboganError
from combogan.evaluation.colour_matching import ColourMatch
from combogan.registry.registry import Registry
from combogan.scenery.colours import SEASONS
from combogan.scenery.labels import THINGS, without_snow
from combogan.translation.translator import Translator

RECORD = Path(__file__).with_name("adaptation.jsonl")
ORACLE, SOURCE, MATCHED, TRANSLATED = "oracle", "source only", "colour matching", "translated"
METHODS = (SOURCE, MATCHED, TRANSLATED, ORACLE)
MEASURES = {"accuracy": "per-pixel accuracy", "class_accuracy": "per-class accuracy", "iou": "mean IoU"}
PRECISION = machine.precision("auto", torch.device("cpu"))
Row = Mapping[str, Any]


class Segmentation(nn.Module):
    """Image (n, 3, h, w) -> scores of classes (n, classes, h, w); h and w are multiples of 4."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.fine = _convolution(3, width)
        self.middle = _convolution(width, 2 * width, stride=2)
        self.coarse = nn.Sequential(_convolution(2 * width, 4 * width, stride=2), _convolution(4 * width, 4 * width))
        self.up = _convolution(6 * width, 2 * width)
        self.out = nn.Sequential(_convolution(3 * width, width), nn.Conv2d(width, classes, 1))

    def forward(self, image: Tensor) -> Tensor:
        fine = self.fine(image)
        middle = self.middle(fine)
        coarse = F.interpolate(self.coarse(middle), scale_factor=2)
        middle = F.interpolate(self.up(torch.cat([coarse, middle], 1)), scale_factor=2)
        return self.out(torch.cat([middle, fine], 1))


def _convolution(inside: int, outside: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1), nn.BatchNorm2d(outside), nn.ReLU())


def trained(images: Tensor, labels: Tensor, seed: int, iterations: int, batch: int = 8) -> Segmentation:
    """A network that has learned labels (n, h, w) of images (n, 3, h, w).

    Half of each batch is mirrored; colours are not varied. The weight of a class is 1 / sqrt(its number of pixels), so
    that rare ones are learned too.
    """
    torch.manual_seed(seed)
    weights = labels.flatten().bincount(minlength=len(THINGS)).clamp(min=1).rsqrt()
    network = Segmentation(len(THINGS)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    for _ in range(iterations):
        chosen = torch.randint(len(images), (batch,))
        x, y = images[chosen], labels[chosen]
        half = batch // 2
        x, y = torch.cat([x[:half], x[half:].flip(3)]), torch.cat([y[:half], y[half:].flip(2)])
        with torch.autocast("cpu", PRECISION, enabled=PRECISION is not torch.float32):
            answer = network(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(answer.float(), y, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def scores(network: Segmentation, images: Tensor, labels: Tensor) -> dict[str, Any]:
    """Accuracy over pixels and means over classes, and the accuracy and IoU of every class."""
    count = len(THINGS)
    found = torch.cat([network(some).argmax(1) for some in images.split(8)])
    confusion = (labels * count + found).flatten().bincount(minlength=count**2).view(count, count).double()
    right, true, guessed = confusion.diag(), confusion.sum(1), confusion.sum(0)
    accuracy, iou = right / true, right / (true + guessed - right)
    return {
        "accuracy": float(right.sum() / true.sum()),
        "class_accuracy": float(accuracy.mean()),
        "iou": float(iou.mean()),
        "classes": {
            name: [round(float(accuracy[number]), 4), round(float(iou[number]), 4)]
            for number, name in enumerate(THINGS)
        },
    }


@dataclass(frozen=True)
class Season:
    """Images (n, 3, h, w) and labels (n, h, w) of a season, to train on and to test with."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    @classmethod
    def drawn(cls, season: str, size: int) -> Season:
        return cls(*(images_and_labels(ScenePictures(season, split), size) for split in ("train", "test")))


def images_and_labels(pictures: ScenePictures, size: int) -> tuple[Tensor, Tensor]:
    places = range(len(pictures))
    images = torch.stack([to_image(pictures.picture(place, size)) for place in places])
    labels = torch.stack([torch.from_numpy(without_snow(pictures.labels(place, size))) for place in places])
    return images, labels.long()


class Experiment:
    """All trainings with a run; gives rows as they come, except those that are recorded."""

    def __init__(self, run: Path, iterations: int, record: Path) -> None:
        registry = Registry.open(run)
        self.space = registry.choose(SEASONS[0], SEASONS[1:]).space
        self.translator, self.iterations, self.record = Translator(registry), iterations, record
        self.size = registry.pack(SEASONS[0]).image_size
        self.seasons = {season: Season.drawn(season, self.size) for season in SEASONS}

    def rows(self, source: str, seed: int, methods: Sequence[str] = METHODS) -> Iterator[Row]:
        """Every method that learns with the labels of `source`."""
        others = [season for season in SEASONS if season != source]
        images, labels = self.seasons[source].train
        if {ORACLE, SOURCE} & set(methods):
            tests = [(ORACLE, source), *((SOURCE, target) for target in others)]
            yield from self._rows(lambda: images, labels, [self._key(*test, source, seed) for test in tests])
        if MATCHED in methods:
            for target in others:
                match = ColourMatch.fit(self.seasons[target].train[0])
                yield from self._rows(partial(match, images), labels, [self._key(MATCHED, target, source, seed)])
        if TRANSLATED in methods:
            for target in others:
                key = self._key(TRANSLATED, target, source, seed) | {"space": self.space}
                yield from self._rows(partial(self._translated, source, target), labels, [key])

    def _key(self, method: str, target: str, source: str, seed: int) -> dict[str, Any]:
        key = {"method": method, "source": source, "target": target, "seed": seed}
        return key | {"size": self.size, "iterations": self.iterations}

    def _rows(self, images: Callable[[], Tensor], labels: Tensor, keys: Sequence[Row]) -> Iterator[Row]:
        """Train once and test in the target of every key, unless all keys are recorded."""
        known = lines(self.record)
        wanted = [key for key in keys if not any(has(row, key) for row in known)]
        if wanted:
            network = trained(images(), labels, wanted[0]["seed"], self.iterations)
            for key in wanted:
                found = scores(network, *self.seasons[key["target"]].test)
                yield {**key, **found, "date": date.today().isoformat()}

    def _translated(self, source: str, target: str) -> Tensor:
        batches = self.seasons[source].train[0].split(20)
        return torch.cat([self.translator.translate(source, [target], batch)[target] for batch in batches])


def has(row: Row, key: Row) -> bool:
    return all(row.get(name) == value for name, value in key.items())


def lines(record: Path) -> list[Row]:
    """All rows, oldest first."""
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def write(record: Path, row: Row) -> None:
    """Add a row, in one piece, so that processes can share the file."""
    handle = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, (json.dumps(row) + "\n").encode())
    finally:
        os.close(handle)


def table(rows: Sequence[Row]) -> str:
    """Means over directions and seeds, then the mean IoU of every direction, in Markdown, and shares of the gap."""
    names = [name for name in METHODS if any(row["method"] == name for row in rows)]
    text = [f"| | {' | '.join(MEASURES.values())} |", "| --- |" + " --- |" * len(MEASURES)]
    for name in names:
        text.append(f"| {name} | {' | '.join(f'{mean(rows, name, measure):.3f}' for measure in MEASURES)} |")
    text += ["", f"| mean IoU | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    for source, target in permutations(SEASONS, 2):
        part = [row for row in rows if row["target"] == target and row["source"] in (source, target)]
        part = [row for row in part if row["source"] == source or row["method"] == ORACLE]
        text.append(f"| {source} to {target} | {' | '.join(f'{mean(part, name):.3f}' for name in names)} |")
    text += ["", f"| IoU of a class | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    for thing in THINGS:
        found = [fmean(row["classes"][thing][1] for row in rows if row["method"] == name) for name in names]
        text.append(f"| {thing} | {' | '.join(f'{iou:.3f}' for iou in found)} |")
    text.append("")
    for name in (TRANSLATED, MATCHED):
        if {name, SOURCE, ORACLE} <= set(names):
            parts = ", ".join(f"{share(rows, name, measure):.0%} in {MEASURES[measure]}" for measure in MEASURES)
            text.append(f"{name} closes of the gap from {SOURCE} to {ORACLE}: {parts}")
    return "\n".join(text)


def mean(rows: Sequence[Row], method: str, measure: str = "iou") -> float:
    """The mean of a measure over all rows of a method; NaN where there are none."""
    found = [row[measure] for row in rows if row["method"] == method]
    return fmean(found) if found else float("nan")


def share(rows: Sequence[Row], method: str, measure: str = "iou") -> float:
    """How much of the gap between source only and oracle a method closes."""
    low, high = mean(rows, SOURCE, measure), mean(rows, ORACLE, measure)
    return (mean(rows, method, measure) - low) / (high - low)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a trained run of the four drawn seasons")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N")
    parser.add_argument("--sources", choices=SEASONS, nargs="+", default=SEASONS, metavar="SEASON")
    parser.add_argument("--iterations", type=int, default=300, metavar="N", help="of each segmentation network")
    parser.add_argument("--record", type=Path, default=RECORD, metavar="FILE")
    parser.add_argument("--table", action="store_true", help="train nothing")
    given = parser.parse_args()
    try:
        registry = Registry.open(given.run)
        space, size = registry.choose(SEASONS[0], SEASONS[1:]).space, registry.pack(SEASONS[0]).image_size
        if not given.table:
            storage.refuse_unwritable(given.record.parent)
            experiment = Experiment(given.run, given.iterations, given.record)
            for seed, source in product(given.seeds, given.sources):
                for row in experiment.rows(source, seed):
                    write(given.record, row)
                    print("{method}, {source} to {target}, seed {seed}: mean IoU {iou:.3f}".format(**row), flush=True)
    except ComboganError as error:
        sys.exit(f"Error: {error}")
    same = {"size": size, "iterations": given.iterations}
    found = [row for row in lines(given.record) if has(row, same) and row["seed"] in given.seeds]
    print(table([row for row in found if row.get("space", space) == space]))


if __name__ == "__main__":
    main()

"""Validation of a run while it trains: a fast subset of the scores, and which validation is the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import torch
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import PictureSet, middle_square, to_image
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.images import choice
from combogan.evaluation.metrics import edges, psnr, ssim
from combogan.evaluation.scoring import Translate
from combogan.evaluation.truth import shared
from combogan.seeding import derive

MEASURES = ("psnr", "ssim", "arrival", "edges")
DIRECTIONS = 20
"""Directions to validate, at most; more only where every domain could not be a source and a target otherwise."""
PICTURES = 16
"""Pictures of each source, at most."""
LEARNT, LARGEST = 100, 64
"""Of the classifier: training pictures of each domain, and the side that it sees; enough to compare validations."""
_BATCH = 8


def goodness(measured: Mapping[str, float]) -> float:
    """The measure of the best checkpoint: PSNR to the truth, or arrival times kept edges where it was measured."""
    if "arrival" not in measured and "psnr" in measured:
        return measured["psnr"]
    return measured.get("arrival", 0.0) * measured.get("edges", 1.0)


def best_iteration(validations: Mapping[int, Mapping[str, float]]) -> int | None:
    """The iteration with the best validation, the latest of equals; None where there is none."""
    return max(validations, key=lambda iteration: (goodness(validations[iteration]), iteration), default=None)


def described(measured: Mapping[str, float]) -> str:
    """What `goodness` is made of, for people: `19.3 dB`, or `82% arrived, 0.61 of the edges kept`."""
    if "arrival" not in measured and "psnr" in measured:
        return f"{measured['psnr']:.1f} dB"
    return f"{measured.get('arrival', 0.0):.0%} arrived, {measured.get('edges', 1.0):.2f} of the edges kept"


def across(pairs: Sequence[tuple[str, str]], *, seed: int) -> list[tuple[str, str]]:
    """The directions to validate where only these pairs are trained, a seeded choice where there are many."""
    chosen = sorted(pairs, key=lambda pair: (derive(seed, "directions", *pair), pair))[: DIRECTIONS // 2]
    return [direction for a, b in chosen for direction in ((a, b), (b, a))]


def directions(names: Sequence[str], *, seed: int, new: str | None = None) -> list[tuple[str, str]]:
    """The directions to validate, a seeded choice where there are many: those to and from `new`, if it is given.

    Else the domains are put in a circle in random order, and each is translated into the ones that follow it: into as
    many as DIRECTIONS allows, but at least one.
    """
    circle = sorted(names, key=lambda name: (derive(seed, "directions", name), name))
    if new is not None:
        old = [name for name in circle if name != new][: DIRECTIONS // 2]
        return [pair for name in old for pair in ((new, name), (name, new))]
    count = len(circle)
    steps = range(1, 1 + min(count - 1, max(1, DIRECTIONS // count)))
    return [(source, circle[(index + step) % count]) for step in steps for index, source in enumerate(circle)]


class Validation:
    """Validates translators on pictures held out of training: on the same ones, in the same way, throughout a run.

    Where a direction has no truth, a classifier is trained on the training pictures that are not held out.
    """

    def __init__(
        self,
        sources: Mapping[str, DomainPictures],
        chosen: Sequence[tuple[str, str]],
        size: int,
        *,
        device: str | torch.device = "cpu",
        tell: Callable[[str], object] = lambda what: None,
    ) -> None:
        """Reads the `validation` pictures of domains in the `chosen` directions, as square images of `size` pixels.

        `tell` is called before the classifier is trained. Raises what reading the pictures raises.
        """
        self._targets: dict[str, list[str]] = defaultdict(list)
        for source, target in chosen:
            self._targets[source].append(target)
        self._device = torch.device(device)
        held = {name: replace(one, test=one.validation) for name, one in sources.items() if one.validation is not None}
        indices = {name: choice(one.test.names, PICTURES) for name, one in held.items()}
        self._pictures = {
            name: [middle_square(one.test.picture(index, size), size) for index in indices[name]]
            for name, one in held.items()
        }
        self._truth = {
            (source, target): _truth(held[source], indices[source], held[target], indices[target])
            for source, target in chosen
        }
        self._arrival: Arrival | None = None
        if not all(self._truth.values()):
            tell("Training the classifier for the validation.")
            trained_on = {name: _some(one.train) for name, one in sources.items()}
            self._arrival = Arrival.train(trained_on, size, largest=LARGEST, device=device)

    @torch.no_grad()
    def __call__(self, translate: Translate) -> dict[str, float]:
        """Measure -> mean over the directions that have it: kept edges in all of them, PSNR and SSIM to the truth where
        that is known, and arrival in all of them where one has no truth."""
        means: dict[str, list[float]] = defaultdict(list)
        for source, targets in self._targets.items():
            values: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
            for start in range(0, len(self._pictures[source]), _BATCH):
                here = range(start, min(start + _BATCH, len(self._pictures[source])))
                x = self._images(source, here)
                made = translate(source, targets, x)
                for target in targets:
                    for measure, value in self._measure(source, target, here, x, made[target]):
                        values[target, measure].append(value)
            for (_, measure), found in values.items():
                means[measure].append(torch.cat(found).double().mean().item())
        return {measure: fmean(means[measure]) for measure in MEASURES if measure in means}

    def _measure(
        self, source: str, target: str, here: Sequence[int], x: Tensor, fake: Tensor
    ) -> list[tuple[str, Tensor]]:
        """Measures of the translations (n, 3, h, w) of those pictures: (n,), or fewer where some have no truth."""
        found = [("edges", edges(fake, x))]
        if self._arrival is not None:
            found.append(("arrival", self._arrival.taken(fake, target)))
        truth = self._truth[source, target]
        known = [row for row, index in enumerate(here) if index in truth]
        if known:
            images = self._images(target, [truth[here[row]] for row in known])
            found += [("psnr", psnr(fake[known], images)), ("ssim", ssim(fake[known], images))]
        return found

    def _images(self, name: str, indices: Sequence[int]) -> Tensor:
        """Pictures as images (n, 3, size, size)."""
        return torch.stack([to_image(self._pictures[name][index]) for index in indices]).to(self._device)


def _some(pictures: PictureSet) -> PictureSet:
    """At most LEARNT of the pictures."""
    return pictures.named([pictures.names[index] for index in choice(pictures.names, LEARNT)])


def _truth(
    source: DomainPictures, chosen: Sequence[int], target: DomainPictures, of_target: Sequence[int]
) -> dict[int, int]:
    """Position among the chosen pictures of the source -> position of its truth among those chosen of the target."""
    known = shared(source, target)
    positions = {index: position for position, index in enumerate(of_target)}
    truths = [known.get(source.test.names[index]) for index in chosen]
    return {position: positions[index] for position, index in enumerate(truths) if index in positions}

"""A fast subset of the scores, for a run to be validated with while it trains; and which validation is the best."""

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

__all__ = ["Validation", "best_iteration", "described", "directions", "goodness"]

MEASURES = ("psnr", "ssim", "arrival", "edges")
DIRECTIONS = 20
"""Directions that are translated in, at most, as long as every domain is a source and a target once."""
PICTURES = 16
"""Pictures of each source, at most."""
LEARNT, ITERATIONS = 100, 200
"""Training pictures of each domain, and iterations, of a classifier that is good enough to compare with itself."""
_BATCH = 8


def goodness(measured: Mapping[str, float]) -> float:
    """By which the best checkpoint is chosen: truth PSNR where it is known, else arrival times kept edges."""
    if "psnr" in measured:
        return measured["psnr"]
    return measured.get("arrival", 0.0) * measured.get("edges", 1.0)


def best_iteration(validations: Mapping[int, Mapping[str, float]]) -> int | None:
    """The iteration with the best validation, the latest of equals; None where there is none."""
    return max(validations, key=lambda iteration: (goodness(validations[iteration]), iteration), default=None)


def described(measured: Mapping[str, float]) -> str:
    """What `goodness` is made of, for people: `19.3 dB`, or `82% arrived, 0.61 of the edges kept`."""
    if "psnr" in measured:
        return f"{measured['psnr']:.1f} dB"
    return f"{measured.get('arrival', 0.0):.0%} arrived, {measured.get('edges', 1.0):.2f} of the edges kept"


def directions(names: Sequence[str], *, seed: int, new: str | None = None) -> list[tuple[str, str]]:
    """The directions to validate, a seeded choice where there are many: those to and from `new`, if it is given.

    Else the domains stand in a circle, and each is translated into its next neighbours, as many as there is room for.
    """
    circle = sorted(names, key=lambda name: (derive(seed, "directions", name), name))
    if new is not None:
        old = [name for name in circle if name != new][: DIRECTIONS // 2]
        return [pair for name in old for pair in ((new, name), (name, new))]
    count = len(circle)
    steps = range(1, 1 + min(count - 1, max(1, DIRECTIONS // count)))
    return [(source, circle[(place + step) % count]) for step in steps for place, source in enumerate(circle)]


class Validation:
    """Pictures held out of training, and what their translations are measured with: the same throughout a run.

    The classifier learns from training pictures that are not held out, and only where no truth decides.
    """

    def __init__(
        self,
        domains: Mapping[str, DomainPictures],
        chosen: Sequence[tuple[str, str]],
        size: int,
        *,
        device: str | torch.device = "cpu",
        tell: Callable[[str], object] = lambda what: None,
    ) -> None:
        """Of domains with a `validation`, in the `chosen` directions, as images of `size`. Errors as of reading.

        `tell` hears what takes long.
        """
        self._targets: dict[str, list[str]] = defaultdict(list)
        for source, target in chosen:
            self._targets[source].append(target)
        self._device = torch.device(device)
        held = {
            name: replace(domain, test=domain.validation)
            for name, domain in domains.items()
            if domain.validation is not None
        }
        places = {name: choice(domain.test.names, PICTURES) for name, domain in held.items()}
        self._pictures = {
            name: [middle_square(domain.test.picture(place, size), size) for place in places[name]]
            for name, domain in held.items()
        }
        self._truth = {
            (source, target): _truth(held[source], places[source], held[target], places[target])
            for source, target in chosen
        }
        self._arrival: Arrival | None = None
        if not any(self._truth.values()):
            tell("Training the classifier for the validation.")
            learnt = {name: _some(domain.train) for name, domain in domains.items()}
            self._arrival = Arrival.train(learnt, size, iterations=ITERATIONS, device=device)

    @torch.no_grad()
    def __call__(self, translate: Translate) -> dict[str, float]:
        """Measure -> its mean over the directions: PSNR and SSIM where truth is known, else arrival; kept edges."""
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
        """Each measure of the translations (n, 3, h, w) of those pictures: (n,), less where not all have a truth."""
        found = [("edges", edges(fake, x))]
        if self._arrival is not None:
            found.append(("arrival", self._arrival.taken(fake, target)))
        truth = self._truth[source, target]
        known = [row for row, place in enumerate(here) if place in truth]
        if known:
            images = self._images(target, [truth[here[row]] for row in known])
            found += [("psnr", psnr(fake[known], images)), ("ssim", ssim(fake[known], images))]
        return found

    def _images(self, name: str, places: Sequence[int]) -> Tensor:
        """Pictures as images (n, 3, size, size)."""
        return torch.stack([to_image(self._pictures[name][place]) for place in places]).to(self._device)


def _some(pictures: PictureSet) -> PictureSet:
    """At most LEARNT of the pictures."""
    return pictures.named([pictures.names[place] for place in choice(pictures.names, LEARNT)])


def _truth(
    source: DomainPictures, chosen: Sequence[int], target: DomainPictures, rivals: Sequence[int]
) -> dict[int, int]:
    """Place among the chosen pictures of the source -> that of its truth among those of the target."""
    known = shared(source, target)
    there = {place: index for index, place in enumerate(rivals)}
    truths = [known.get(source.test.names[place]) for place in chosen]
    return {index: there[place] for index, place in enumerate(truths) if place is not None and place in there}

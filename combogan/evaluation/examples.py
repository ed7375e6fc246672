"""Examples for the page: the best, the median and the worst translation of every direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from PIL import Image
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import to_picture
from combogan.evaluation.images import choice, square
from combogan.evaluation.metrics import edges, psnr
from combogan.evaluation.scoring import PICTURES, Composes, Translate
from combogan.evaluation.truth import shared

BATCH = 8
KEPT = 1 << 28
"""Bytes of images that are cached: a drawn scene takes longer to draw than to translate."""


@dataclass(frozen=True)
class Example:
    """A test picture and its translation."""

    label: str
    """best, median or worst."""
    name: str
    """Of the picture, in the source's test set."""
    score: float
    """By the measure of its `Examples`."""
    source: Image.Image
    translation: Image.Image
    back: Image.Image | None
    """The translation, translated back; None where there is no such translation."""
    truth: Image.Image | None
    """What the translation should have been, where that is known."""


@dataclass(frozen=True)
class Examples:
    """The examples of one direction, the best first."""

    source: str
    target: str
    measure: str
    """What the test pictures are ranked by: PSNR to the truth, in dB, or `edges` kept, 0 to 1, without a truth."""
    shown: tuple[Example, ...]


def collect(
    translate: Translate,
    sources: Sequence[DomainPictures],
    size: int,
    *,
    composes: Composes = lambda source, target: True,
    pictures: int | None = PICTURES,
) -> list[Examples]:
    """The examples of every direction that composes, as square images of `size` pixels.

    They are chosen among the pictures that `score` scores, at most `pictures` of each domain. Raises what reading
    pictures and translating raises.
    """
    ranking = _Ranking(translate, {source.name: source for source in sources}, size, composes, pictures)
    return [examples for source in sources for examples in ranking.directions(source.name)]


class _Ranking:
    """Ranks test pictures by the score of their translation; translates the shown ones again, to save memory."""

    def __init__(
        self,
        translate: Translate,
        sources: Mapping[str, DomainPictures],
        size: int,
        composes: Composes,
        limit: int | None,
    ) -> None:
        self._translate, self._composes, self._limit = translate, composes, limit
        self._sources = sources
        indices = {name: {each: i for i, each in enumerate(one.test.names)} for name, one in sources.items()}

        @lru_cache(maxsize=KEPT // (12 * size * size))
        def image(domain: str, name: str) -> Tensor:
            return square(sources[domain].test, indices[domain][name], size)

        self._image = image

    def directions(self, source: str) -> Iterator[Examples]:
        """The examples from one domain to each other that it can be translated into."""
        targets = [name for name in self._sources if name != source and self._composes(source, name)]
        scores: dict[str, dict[str, float]] = {target: {} for target in targets}
        tested = self._sources[source].test.names
        names = [tested[index] for index in choice(tested, self._limit)]
        for start in range(0, len(names) if targets else 0, BATCH):
            batch = names[start : start + BATCH]
            fakes = self._translate(source, targets, self._images(source, batch))
            for target in targets:
                scores[target] |= self._scored(source, target, batch, fakes[target].cpu())
        for target in targets:
            shown = [self._example(source, target, *chosen) for chosen in _chosen(scores[target])]
            yield Examples(source, target, "PSNR" if self._truths(source, target) else "edges", tuple(shown))

    def _scored(self, source: str, target: str, names: Sequence[str], fake: Tensor) -> dict[str, float]:
        """Name -> score of its translation; where some pictures have a truth, those without one are left out."""
        truths = self._truths(source, target)
        if not truths:
            return dict(zip(names, edges(fake, self._images(source, names)).tolist(), strict=True))
        known = {row: name for row, name in enumerate(names) if name in truths}
        if not known:
            return {}
        images = self._images(target, [truths[name] for name in known.values()])
        return dict(zip(known.values(), psnr(fake[list(known)], images).tolist(), strict=True))

    def _example(self, source: str, target: str, label: str, name: str, score: float) -> Example:
        x = self._images(source, [name])
        fake = self._translate(source, [target], x)[target]
        rec = self._translate(target, [source], fake)[source] if self._composes(target, source) else None
        truths = self._truths(source, target)
        truth = self._images(target, [truths[name]]) if name in truths else None
        back, right = (None if image is None else to_picture(image[0]) for image in (rec, truth))
        return Example(label, name, score, to_picture(x[0]), to_picture(fake[0]), back, right)

    def _truths(self, source: str, target: str) -> dict[str, str]:
        """Name of each of the source's test pictures that has a truth -> the truth's name in the target's test set."""
        tested = self._sources[target].test.names
        return {name: tested[index] for name, index in shared(self._sources[source], self._sources[target]).items()}

    def _images(self, domain: str, names: Sequence[str]) -> Tensor:
        """Test pictures as images (n, 3, size, size)."""
        return torch.stack([self._image(domain, name) for name in names])


def _chosen(scores: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """Label, name and score of the best, the median and the worst; fewer where there are fewer pictures."""
    ranked = sorted(scores, key=lambda name: -scores[name])
    if len(ranked) < 3:
        chosen = dict(zip(("best", "worst"), ranked, strict=False))
    else:
        chosen = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
    return [(label, name, scores[name]) for label, name in chosen.items()]

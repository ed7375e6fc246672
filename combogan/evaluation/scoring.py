"""Scores of the translations between all domains: against truth where it is known, real pictures, and baselines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.colour_matching import ColourMatch, colour_matches, more_than_colour
from combogan.evaluation.content import content
from combogan.evaluation.image_features import NAME, ImageFeatures
from combogan.evaluation.images import batches, choice, square
from combogan.evaluation.kid import Backbone, kid
from combogan.evaluation.metrics import edges, psnr, ssim
from combogan.evaluation.scores import Comparison, PairScores, Quality, Scores, UnpairedScores
from combogan.evaluation.texture import Patches, Texture
from combogan.evaluation.truth import named_alike, shared

Translate = Callable[[str, Sequence[str], Tensor], Mapping[str, Tensor]]
"""(source, targets, images (n, 3, h, w)) -> the same images in each target, as `Translator.translate`."""
Composes = Callable[[str, str], bool]
"""(source, target) -> whether there is such a translation, as `Registry.composes`."""

PICTURES = 200
"""Test pictures of each domain, at most: a fixed choice of them where there are more."""
ALONE = "no pack leads from it to another domain, or to it"
NO_OTHER = "no other domain has pictures and a pack"


def score(
    translate: Translate,
    sources: Iterable[DomainPictures],
    size: int,
    *,
    composes: Composes = lambda source, target: True,
    pictures: int | None = PICTURES,
    arrival: Arrival | None = None,
    features: Backbone | None = None,
    device: str | torch.device = "cpu",
    say: Callable[[str], object] = lambda what: None,
) -> Scores:
    """Score the translations between all domains, on square images of `size` pixels.

    `arrival` is trained where it is not given; the KID is on `features`, or else on those that `arrival` sees. `say` is
    called with what is being done. Raises what reading the pictures raises, and FeaturesError.
    """
    sources = list(sources)
    if len(sources) < 2:
        return Scores(size, unscored={source.name: NO_OTHER for source in sources})
    if arrival is None:
        say("Training the classifier")
        arrival = Arrival.train({source.name: source.train for source in sources}, size, device=device)
    say("Fitting the colours")
    matches = colour_matches(sources, size)
    say("Looking at the real test pictures")
    tests = [_TestSet.measured(one, size, pictures, matches[one.name], arrival, features) for one in sources]
    pairs: list[PairScores] = []
    for place, source in enumerate(tests, 1):
        say(f"Translating {source.name}, {place} of {len(tests)} domains")
        targets = [target for target in tests if target is not source and composes(source.name, target.name)]
        pairs += _scores_from(translate, source, targets, size, composes, torch.device(device))
    scored = {name for pair in pairs for name in (pair.source, pair.target)}
    return Scores(
        size,
        tuple(pairs),
        {test.name: test.accuracy for test in tests},
        {test.name: ALONE for test in tests if test.name not in scored},
        named_alike(sources),
        NAME if features is None else features.backbone,
    )


@dataclass(frozen=True)
class _TestSet:
    """The real test pictures of a domain, and all that translations into it are measured with."""

    pictures: DomainPictures
    chosen: Sequence[int]
    """Indices of the pictures that are translated, in the test set."""
    texture: Texture
    accuracy: float
    """Share of them that the classifier takes for the domain."""
    real_features: Tensor
    """What the KID compares with."""
    match: ColourMatch
    arrival: Arrival
    features: Backbone | None

    @classmethod
    def measured(
        cls,
        pictures: DomainPictures,
        size: int,
        limit: int | None,
        match: ColourMatch,
        arrival: Arrival,
        features: Backbone | None,
    ) -> _TestSet:
        chosen = choice(pictures.test.names, limit)
        patches, taken, found = Patches(len(chosen)), [], []
        for images in batches(pictures.test, chosen, size):
            patches.add(images)
            seen = arrival.features(images)
            taken.append(arrival.takes(seen, pictures.name))
            found.append(arrival.standardised(seen.pooled) if features is None else features(images))
        return cls(pictures, chosen, Texture(patches), _mean(taken), torch.cat(found), match, arrival, features)

    @property
    def name(self) -> str:
        return self.pictures.name


class _UnpairedMeasurements:
    """Measures images against the real pictures of their target, batch by batch."""

    def __init__(self, target: _TestSet, pictures: int) -> None:
        self._target = target
        self._patches = Patches(pictures)
        self._taken: list[Tensor] = []
        self._edges: list[Tensor] = []
        self._content: list[Tensor] = []
        self._features: list[Tensor] = []

    def add(self, images: Tensor, source: Tensor, of_source: ImageFeatures) -> None:
        """Images (n, 3, h, w), and what they were made of."""
        arrival, features = self._target.arrival, self._target.features
        seen = arrival.features(images)
        self._patches.add(images)
        self._taken.append(arrival.takes(seen, self._target.name))
        self._edges.append(edges(images, source))
        self._content.append(content(seen, of_source))
        self._features.append(arrival.standardised(seen.pooled) if features is None else features(images))

    def scores(self) -> UnpairedScores:
        return UnpairedScores(
            arrival=_mean(self._taken),
            edges=_mean(self._edges),
            content=_mean(self._content),
            texture=self._target.texture(self._patches),
            kid=kid(torch.cat(self._features), self._target.real_features),
        )


class _PairMeasurements:
    """Measures the translations of one direction and their baselines, batch by batch."""

    def __init__(self, target: _TestSet, pictures: int) -> None:
        self._target, self._pictures = target, pictures
        self._translation = _UnpairedMeasurements(target, pictures)
        self._colour_matching = _UnpairedMeasurements(target, pictures)
        self._values: dict[str, list[Tensor]] = defaultdict(list)

    def add(self, x: Tensor, of_x: ImageFeatures, fake: Tensor, rec: Tensor | None) -> None:
        """Images of the source and their features, their translations, and those translated back: (n, 3, h, w) each."""
        self._translation.add(fake, x, of_x)
        self._colour_matching.add(self._target.match(x), x, of_x)
        self._values["more_than_colour"].append(more_than_colour(fake, x))
        if rec is not None:
            self._values["cycle"].append(psnr(rec, x))

    def compare(self, x: Tensor, fake: Tensor, truth: Tensor) -> None:
        """Images of the source, their translations, and what these should be: (n, 3, h, w) each."""
        for name, images in (("translation", fake), ("colour_matching", self._target.match(x)), ("copying", x)):
            self._values[f"{name} psnr"].append(psnr(images, truth))
            self._values[f"{name} ssim"].append(ssim(images, truth))

    def scores(self, source: str) -> PairScores:
        means = {name: _mean(values) for name, values in self._values.items()}
        truth = None
        if "copying psnr" in means:
            names = ("translation", "colour_matching", "copying")
            truth = Comparison(*(Quality(means[f"{name} psnr"], means[f"{name} ssim"]) for name in names))
        return PairScores(
            source=source,
            target=self._target.name,
            pictures=self._pictures,
            truth=truth,
            translation=self._translation.scores(),
            colour_matching=self._colour_matching.scores(),
            cycle=means.get("cycle"),
            more_than_colour=means["more_than_colour"],
        )


@torch.no_grad()
def _scores_from(
    translate: Translate,
    source: _TestSet,
    targets: Sequence[_TestSet],
    size: int,
    composes: Composes,
    device: torch.device,
) -> list[PairScores]:
    """The scores from one domain to the others; every picture is encoded once for all targets."""
    a, tested = source.name, source.pictures.test
    pairs = {target.name: _PairMeasurements(target, len(source.chosen)) for target in targets}
    truths = {target.name: shared(source.pictures, target.pictures) for target in targets}
    names = iter([tested.names[index] for index in source.chosen])
    for loaded in batches(tested, source.chosen, size) if targets else ():
        x = loaded.to(device)
        here, of_x = [next(names) for _ in x], source.arrival.features(x)
        fakes = translate(a, list(pairs), x)
        for target in targets:
            b, known = target.name, truths[target.name]
            fake = fakes[b].to(x)
            rec = translate(b, [a], fake)[a].to(x) if composes(b, a) else None
            pairs[b].add(x, of_x, fake, rec)
            rows = [row for row, name in enumerate(here) if name in known]
            if rows:
                truth = [square(target.pictures.test, known[here[row]], size) for row in rows]
                pairs[b].compare(x[rows], fake[rows], torch.stack(truth).to(x))
    return [pair.scores(a) for pair in pairs.values()]


def _mean(values: Sequence[Tensor]) -> float:
    """Over all pictures."""
    return torch.cat(list(values)).double().mean().item()

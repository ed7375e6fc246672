"""Translations between domains, judged: against truth where there is one, and against real pictures and baselines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.images import batches, choice, square
from combogan.evaluation.kid import Features, kid
from combogan.evaluation.metrics import ColourMatch, edges, more_than_colour, psnr, ssim
from combogan.evaluation.scores import Comparison, Judgement, PairScores, Quality, Scores
from combogan.evaluation.texture import Patches, Texture
from combogan.evaluation.truth import is_paired, shared

Translate = Callable[[str, Sequence[str], Tensor], Mapping[str, Tensor]]
"""(source, targets, images (n, 3, h, w)) -> the same images in each target, as `Translator.translate`."""
Composes = Callable[[str, str], bool]
"""(source, target) -> whether there is such a translation, as `Registry.composes`."""

PICTURES = 200
"""Test pictures of each domain, at most: a fixed choice of them where there are more."""
ALONE = "no pack leads from it to another domain, or to it"
NO_OTHER = "no other domain has pictures and a pack"


def judge(
    translate: Translate,
    domains: Iterable[DomainPictures],
    size: int,
    *,
    composes: Composes = lambda source, target: True,
    pictures: int | None = PICTURES,
    arrival: Arrival | None = None,
    matches: Mapping[str, ColourMatch] | None = None,
    features: Features | None = None,
    device: str | torch.device = "cpu",
    say: Callable[[str], object] = lambda what: None,
) -> Scores:
    """Judge the translations between all domains, on square images of `size` pixels.

    `arrival` and `matches` (as `colour_matches` gives them) are learnt from the training pictures where they are not
    given; there is a KID only with `features`. `say` is told what is being done. Errors as of what reads pictures.
    """
    domains = list(domains)
    if len(domains) < 2:
        return Scores(size, unscored={domain.name: NO_OTHER for domain in domains})
    if arrival is None:
        say("Training the classifier")
        arrival = Arrival.train({domain.name: domain.train for domain in domains}, size, device=device)
    if matches is None:
        say("Fitting the colours")
        matches = colour_matches(domains, size)
    say("Looking at the real test pictures")
    reals = {domain.name: _Real.look(domain, size, pictures, arrival, features) for domain in domains}
    judges = {one.name: _Judge(one.name, reals[one.name], matches[one.name], arrival, features) for one in domains}
    pairs: list[PairScores] = []
    for source in domains:
        say(f"Translating {source.name}")
        targets = [one for one in domains if one is not source and composes(source.name, one.name)]
        pairs += _from(translate, source, targets, reals[source.name], judges, size, composes, torch.device(device))
    scored = {name for pair in pairs for name in (pair.source, pair.target)}
    return Scores(
        size,
        tuple(pairs),
        {name: real.accuracy for name, real in reals.items()},
        {one.name: ALONE for one in domains if one.name not in scored},
        tuple(one.name for one in domains if is_paired(one)),
    )


def colour_matches(domains: Iterable[DomainPictures], size: int) -> dict[str, ColourMatch]:
    """The colours of each domain, over all pixels of its training pictures."""
    return {
        domain.name: ColourMatch.fit(square(domain.train, index, size) for index in range(len(domain.train)))
        for domain in domains
    }


@dataclass(frozen=True)
class _Real:
    """What is known of the real test pictures of a domain."""

    chosen: Sequence[int]
    """Their places in the test set."""
    texture: Texture
    accuracy: float
    """Share of them that the classifier takes for the domain."""
    features: Tensor | None

    @classmethod
    def look(
        cls, domain: DomainPictures, size: int, limit: int | None, arrival: Arrival, features: Features | None
    ) -> _Real:
        chosen = choice(domain.test.names, limit)
        patches, taken, found = Patches(len(chosen)), [], []
        for images in batches(domain.test, chosen, size):
            patches.add(images)
            taken.append(arrival.taken(images, domain.name))
            if features is not None:
                found.append(features(images))
        accuracy = torch.cat(taken).double().mean().item()
        return cls(chosen, Texture(patches), accuracy, torch.cat(found) if found else None)


@dataclass(frozen=True)
class _Judge:
    """Knows one target, and what its pictures are like."""

    target: str
    real: _Real
    match: ColourMatch
    arrival: Arrival
    features: Features | None


class _Claims:
    """Images that claim to be of a target, as they come in; and what is to be said of them in the end."""

    def __init__(self, judge: _Judge, pictures: int) -> None:
        self._judge = judge
        self._patches = Patches(pictures)
        self._taken: list[Tensor] = []
        self._edges: list[Tensor] = []
        self._features: list[Tensor] = []

    def add(self, images: Tensor, source: Tensor) -> None:
        """Images (n, 3, h, w), and what they were made of."""
        self._patches.add(images)
        self._taken.append(self._judge.arrival.taken(images, self._judge.target))
        self._edges.append(edges(images, source))
        if self._judge.features is not None:
            self._features.append(self._judge.features(images))

    def judgement(self) -> Judgement:
        real = self._judge.real
        distance = kid(torch.cat(self._features), real.features) if real.features is not None else None
        return Judgement(_mean(self._taken), _mean(self._edges), real.texture(self._patches), distance)


class _Pair:
    """One direction, as its images come in."""

    def __init__(self, judge: _Judge, pictures: int) -> None:
        self._judge, self._pictures = judge, pictures
        self._translation, self._colour_matching = _Claims(judge, pictures), _Claims(judge, pictures)
        self._values: dict[str, list[Tensor]] = defaultdict(list)

    def add(self, x: Tensor, fake: Tensor, back: Tensor | None) -> None:
        """Images of the source, their translations, and those translated back: (n, 3, h, w) each."""
        self._translation.add(fake, x)
        self._colour_matching.add(self._judge.match(x), x)
        self._values["more_than_colour"].append(more_than_colour(fake, x))
        if back is not None:
            self._values["cycle"].append(psnr(back, x))

    def compare(self, x: Tensor, fake: Tensor, truth: Tensor) -> None:
        """The same, for those whose truth is known."""
        for rival, images in (("translation", fake), ("colour_matching", self._judge.match(x)), ("copying", x)):
            self._values[f"{rival} psnr"].append(psnr(images, truth))
            self._values[f"{rival} ssim"].append(ssim(images, truth))

    def scores(self, source: str) -> PairScores:
        means = {name: _mean(values) for name, values in self._values.items()}
        truth = None
        if "copying psnr" in means:
            rivals = ("translation", "colour_matching", "copying")
            truth = Comparison(*(Quality(means[f"{rival} psnr"], means[f"{rival} ssim"]) for rival in rivals))
        return PairScores(
            source=source,
            target=self._judge.target,
            pictures=self._pictures,
            truth=truth,
            translation=self._translation.judgement(),
            colour_matching=self._colour_matching.judgement(),
            cycle=means.get("cycle"),
            more_than_colour=means["more_than_colour"],
        )


@torch.no_grad()
def _from(
    translate: Translate,
    source: DomainPictures,
    targets: Sequence[DomainPictures],
    real: _Real,
    judges: Mapping[str, _Judge],
    size: int,
    composes: Composes,
    device: torch.device,
) -> list[PairScores]:
    """The scores from one domain to all others; every picture is encoded once for all targets."""
    pairs = {target.name: _Pair(judges[target.name], len(real.chosen)) for target in targets}
    places = {target.name: shared(source, target) for target in targets}
    names = iter([source.test.names[index] for index in real.chosen])
    for loaded in batches(source.test, real.chosen, size) if targets else ():
        x = loaded.to(device)
        here = [next(names) for _ in x]
        for target, made in zip(targets, _translated(translate, source, targets, x), strict=True):
            fake = made.to(x)
            back = (
                translate(target.name, [source.name], fake)[source.name] if composes(target.name, source.name) else None
            )
            pairs[target.name].add(x, fake, None if back is None else back.to(x))
            known = [place for place, name in enumerate(here) if name in places[target.name]]
            if known:
                truth = [square(target.test, places[target.name][here[place]], size) for place in known]
                pairs[target.name].compare(x[known], fake[known], torch.stack(truth).to(x))
    return [pair.scores(source.name) for pair in pairs.values()]


def _translated(
    translate: Translate, source: DomainPictures, targets: Sequence[DomainPictures], x: Tensor
) -> list[Tensor]:
    made = translate(source.name, [target.name for target in targets], x)
    return [made[target.name] for target in targets]


def _mean(values: Sequence[Tensor]) -> float:
    """Over all pictures."""
    return torch.cat(list(values)).double().mean().item()

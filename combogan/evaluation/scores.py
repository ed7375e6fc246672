"""Scores as values: of each pair, their means over the pairs, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean

from combogan.evaluation.image_features import NAME


@dataclass(frozen=True)
class Quality:
    """Similarity to the truth, averaged over pictures."""

    psnr: float
    """In dB, each picture's at most BEST_PSNR."""
    ssim: float
    """At most 1."""

    @classmethod
    def mean(cls, qualities: Sequence[Quality]) -> Quality:
        return cls(fmean(one.psnr for one in qualities), fmean(one.ssim for one in qualities))


@dataclass(frozen=True)
class Comparison:
    """Translation and baselines against the truth, on the same pictures."""

    translation: Quality
    colour_matching: Quality
    """The input with each channel at the mean and deviation of the target's training pictures."""
    copying: Quality
    """The input as it is."""

    @property
    def over_colour_matching(self) -> float:
        """PSNR of the translation minus that of colour matching, in dB."""
        return self.translation.psnr - self.colour_matching.psnr

    @property
    def over_copying(self) -> float:
        """PSNR of the translation minus that of copying, in dB."""
        return self.translation.psnr - self.copying.psnr

    @classmethod
    def mean(cls, comparisons: Sequence[Comparison]) -> Comparison:
        """The mean of each number, every comparison counting the same."""
        return cls(
            Quality.mean([one.translation for one in comparisons]),
            Quality.mean([one.colour_matching for one in comparisons]),
            Quality.mean([one.copying for one in comparisons]),
        )

    def numbers(self) -> dict[str, object]:
        """All numbers, by name; nested for the baselines."""
        return {
            **asdict(self.translation),
            "over_colour_matching": self.over_colour_matching,
            "over_copying": self.over_copying,
            "colour_matching": asdict(self.colour_matching),
            "copying": asdict(self.copying),
        }


@dataclass(frozen=True)
class UnpairedScores:
    """Scores of translations (or a baseline) that need no truth."""

    arrival: float
    """Share of them that the classifier takes for the target, 0 to 1."""
    edges: float
    """How much of the source's edges is kept, 0 to 1."""
    content: float
    """Distance of deep features from the source's, place by place: 0 for the source itself, 1 for unrelated ones."""
    texture: tuple[float, ...]
    """Sliced Wasserstein distance to real test pictures of the target x 1000, per level of a Laplacian pyramid, finest
    first."""
    kid: float | None = None
    """Kernel inception distance to the same pictures, on features of `Scores.kid_network`; it can be negative.

    None for fewer than two pictures.
    """

    @classmethod
    def mean(cls, scores: Sequence[UnpairedScores]) -> UnpairedScores:
        """The mean of each number, all scores counting the same."""
        return cls(
            fmean(one.arrival for one in scores),
            fmean(one.edges for one in scores),
            fmean(one.content for one in scores),
            tuple(map(fmean, zip(*(one.texture for one in scores), strict=True))),
            _mean(one.kid for one in scores),
        )


@dataclass(frozen=True)
class PairScores:
    """The scores of one direction of a pair."""

    source: str
    target: str
    pictures: int
    """Test pictures that were translated."""
    truth: Comparison | None
    """PSNR and SSIM against the truth; None where there is none."""
    translation: UnpairedScores
    colour_matching: UnpairedScores
    """Of the same pictures with only their colours matched: a translation that does no more has the same scores."""
    cycle: float | None
    """PSNR of source -> target -> source against the source, in dB; None where no pack leads back."""
    more_than_colour: float
    """Share of the change that is left after the best fit of the input's colours to the output, 0 to 1."""


@dataclass(frozen=True)
class Scores:
    """The scores of all ordered pairs, and their means, all pairs counting the same; a mean of no pairs is None."""

    size: int
    """Side of the square images compared, in pixels."""
    pairs: tuple[PairScores, ...] = ()
    classifier: Mapping[str, float] = field(default_factory=dict)
    """Domain -> share of its real test pictures that the classifier takes for it, 0 to 1."""
    unscored: Mapping[str, str] = field(default_factory=dict)
    """Domain without scores -> the reason."""
    paired: tuple[str, ...] = ()
    """Domains whose test pictures pair up by name, and so have a truth."""
    kid_network: str = NAME
    """The network whose features the KID compares: distances on others are other numbers."""

    @property
    def kid_name(self) -> str:
        return f"KID, {self.kid_network}"

    @property
    def truth(self) -> Comparison | None:
        """Mean over the pairs that have a truth."""
        known = [pair.truth for pair in self.pairs if pair.truth is not None]
        return Comparison.mean(known) if known else None

    @property
    def translation(self) -> UnpairedScores | None:
        return UnpairedScores.mean([pair.translation for pair in self.pairs]) if self.pairs else None

    @property
    def colour_matching(self) -> UnpairedScores | None:
        return UnpairedScores.mean([pair.colour_matching for pair in self.pairs]) if self.pairs else None

    @property
    def cycle(self) -> float | None:
        """Mean over the pairs that have a way back."""
        return _mean(pair.cycle for pair in self.pairs)

    @property
    def more_than_colour(self) -> float | None:
        return _mean(pair.more_than_colour for pair in self.pairs)

    @property
    def accuracy(self) -> float | None:
        """Of the classifier on real test pictures, all domains counting the same."""
        return _mean(self.classifier.values())

    def notes(self) -> list[str]:
        """A sentence about truth by name, and one per reason for which domains have no scores."""
        named: dict[str, list[str]] = {}
        for name, reason in self.unscored.items():
            named.setdefault(reason, []).append(name)
        notes = [f"No score for {', '.join(names)}: {reason.rstrip('.')}." for reason, names in named.items()]
        if self.paired:
            names = ", ".join(self.paired)
            notes.insert(0, f"Truth: test pictures of the same name are taken to show the same thing, in {names}.")
        return notes

    def json(self) -> str:
        """All numbers, unrounded."""
        pairs = [
            {"source": pair.source, "target": pair.target, "pictures": pair.pictures, **_numbers(pair)}
            for pair in self.pairs
        ]
        content = {
            "size": self.size,
            "mean": _numbers(self) if self.pairs else None,
            "pairs": pairs,
            "classifier": dict(self.classifier),
            "unscored": dict(self.unscored),
            "paired": list(self.paired),
            "legend": self._legend(),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def _legend(self) -> dict[str, str]:
        """What the numbers mean that depend on a pretrained network."""
        return {
            "arrival": f"share that a linear classifier of features takes for the target ({NAME})",
            "content": f"distance of features from the source's, place by place: 1 - cosine ({NAME})",
            "kid": f"{self.kid_name}: kernel distance of features from those of real test pictures of the target",
        }


def _numbers(scores: PairScores | Scores) -> dict[str, object]:
    """The numbers that a pair and the mean over pairs both have."""
    return {
        "truth": scores.truth.numbers() if scores.truth else None,
        "translation": asdict(scores.translation) if scores.translation else None,
        "colour_matching": asdict(scores.colour_matching) if scores.colour_matching else None,
        "cycle": scores.cycle,
        "more_than_colour": scores.more_than_colour,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Of the values that are not None; None where there are none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None

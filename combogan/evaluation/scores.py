"""Scores as values: what was compared, how near it came, and how that is shown and stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True)
class Quality:
    """How near to the truth, averaged over pictures."""

    psnr: float
    """In dB, each picture's at most BEST_PSNR."""
    ssim: float
    """At most 1."""

    @classmethod
    def mean(cls, qualities: Sequence[Quality]) -> Quality:
        return cls(fmean(one.psnr for one in qualities), fmean(one.ssim for one in qualities))


@dataclass(frozen=True)
class Comparison:
    """Translation and baselines, on the same pictures."""

    translation: Quality
    colour_matching: Quality
    """Each channel of the input brought to the mean and deviation of the target's training pictures."""
    copying: Quality
    """The input as it is."""

    @property
    def over_colour_matching(self) -> float:
        """PSNR of the translation less that of colour matching, in dB."""
        return self.translation.psnr - self.colour_matching.psnr

    @property
    def over_copying(self) -> float:
        """PSNR of the translation less that of copying, in dB."""
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
class PairScores:
    """The scores of one direction of a pair."""

    source: str
    target: str
    pictures: int
    """Test pictures that were translated."""
    scores: Comparison


@dataclass(frozen=True)
class Scores:
    """The scores of all ordered pairs that have truth, and why the other domains have none."""

    size: int
    """Side of the square images compared, in pixels."""
    pairs: tuple[PairScores, ...] = ()
    unscored: Mapping[str, str] = field(default_factory=dict)
    """Name of each domain without scores -> the reason."""

    @property
    def mean(self) -> Comparison | None:
        """The mean over the pairs; None where there are none."""
        return Comparison.mean([pair.scores for pair in self.pairs]) if self.pairs else None

    def notes(self) -> list[str]:
        """A sentence for the domains without scores, one per reason."""
        named: dict[str, list[str]] = {}
        for name, reason in self.unscored.items():
            named.setdefault(reason, []).append(name)
        return [f"No score for {', '.join(names)}: {reason.rstrip('.')}." for reason, names in named.items()]

    def table(self) -> Table:
        """A row per ordered pair, the mean last; 80 columns suffice where names are short."""
        counts = sorted({pair.pictures for pair in self.pairs})
        pictures = " to ".join(str(count) for count in dict.fromkeys([*counts[:1], *counts[-1:]])) or "no"
        table = Table(
            title=f"Against the truth: {pictures} pictures per pair, at {self.size} x {self.size} pixels; PSNR in dB",
            title_justify="left",
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        table.add_column("from -> to", overflow="fold")
        for heading in (
            "PSNR",
            "SSIM",
            "dB over\ncolour",
            "dB over\ncopying",
            "colour\nmatching",
            "copying\nthe input",
        ):
            table.add_column(heading, justify="right", no_wrap=True)
        for pair in self.pairs:
            table.add_row(f"{pair.source} -> {pair.target}", *_figures(pair.scores))
        if self.mean is not None:
            table.add_section()
            table.add_row(f"mean of {len(self.pairs)}", *_figures(self.mean), style="bold")
        return table

    def json(self) -> str:
        """All numbers, unrounded."""
        pairs = [
            {"source": pair.source, "target": pair.target, "pictures": pair.pictures, **pair.scores.numbers()}
            for pair in self.pairs
        ]
        mean = self.mean.numbers() if self.mean else None
        content = {"size": self.size, "mean": mean, "pairs": pairs, "unscored": dict(self.unscored)}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _figures(scores: Comparison) -> list[str]:
    """One row of the table."""
    baselines = (scores.colour_matching, scores.copying)
    return [
        f"{scores.translation.psnr:.2f}",
        f"{scores.translation.ssim:.3f}",
        f"{scores.over_colour_matching:+.2f}",
        f"{scores.over_copying:+.2f}",
        *(f"{quality.psnr:.2f} {quality.ssim:.3f}" for quality in baselines),
    ]

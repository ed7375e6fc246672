"""The measures on the page: where each one's numbers are, how they are formatted and coloured, and how to read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from combogan.evaluation.scores import PairScores, Scores

Value = Callable[[PairScores | Scores], float | None]
Heat = Callable[[float, float | None], float]
"""(value, value of colour matching) -> -1 (bad) to 1 (good)."""


def _nothing(scores: PairScores | Scores) -> None:
    return None


@dataclass(frozen=True)
class Measure:
    """A number of each direction and of their mean."""

    name: str
    better: str
    """Whether more or less is better, in words."""
    value: Value
    text: Callable[[float], str]
    rises: bool = True
    """Whether higher is better."""
    colours: Value = _nothing
    """The value of colour matching."""
    copying: Value = _nothing
    """The value of the source as it is."""
    real: Value = _nothing
    """The value of real test pictures of the target."""
    heat: Heat | None = None
    """How the cells of its matrix are coloured; None where it has no matrix."""
    how: str = ""
    """How to read the matrix."""
    above: bool = False
    """Whether the matrix shows the difference to colour matching, with the number itself in small print."""


def measures(scores: Scores) -> list[Measure]:
    """The measures that at least one direction has a number for, in the order of the page."""
    levels = len(scores.translation.texture) if scores.translation else 0
    textures = [_texture(level, levels) for level in range(levels)]
    found = [*_nearness(), _arrival(scores), *_content(), *textures, _features(scores)]
    return [measure for measure in found if any(measure.value(pair) is not None for pair in scores.pairs)]


def _nearness() -> list[Measure]:
    psnr, ssim = (
        [_part("truth", f"{made_by}.{name}") for made_by in ("translation", "colour_matching", "copying")]
        for name in ("psnr", "ssim")
    )
    how = (
        "Decibels by which translations are nearer to the truth than colour matching; the small number is their own "
        "PSNR. Above 0 is good, but blur lowers it little: look at texture too."
    )
    return [
        Measure(
            *("PSNR to the truth, dB", _MORE, psnr[0], _short, True, psnr[1], psnr[2]),
            heat=_over(6),
            how=how,
            above=True,
        ),
        Measure("SSIM to the truth", f"{_MORE}, at most 1", ssim[0], "{:.3f}".format, True, ssim[1], ssim[2]),
    ]


def _arrival(scores: Scores) -> Measure:
    how = (
        "Translations that a linear classifier of a network's features takes for the target; the small number is after "
        "colour matching. More is good."
    )
    real = ", ".join(f"{_percent(share)} of {name}" for name, share in scores.classifier.items())
    return Measure(
        "Arrival",
        _MORE,
        *(_part("translation", "arrival"), _percent),
        colours=_part("colour_matching", "arrival"),
        real=lambda _: scores.accuracy,
        heat=_over(0.6),
        how=f"{how} It is right about real test pictures for {real}." if real else how,
    )


def _content() -> list[Measure]:
    edges = (
        "How much of the source's edges survives, at most 1; the small number is after colour matching, which "
        "moves nothing and so keeps nearly all. More is better, but for what the target must change."
    )
    content = (
        "Distance of what a translation shows from what its source shows: 1 - cosine of a network's features at the "
        "same place. The small number is after colour matching. Another picture has about 0.8. Less is better, but for "
        "what the target must change."
    )
    cycle = (
        "How near a picture comes to itself there and back, in decibels; there is no baseline. More is better, but a "
        "very faithful way back can hide the source in the translation as a pattern: look for hatching."
    )
    return [
        Measure(
            "Kept edges",
            f"{_MORE}, at most 1",
            *(_part("translation", "edges"), "{:.2f}".format),
            colours=_part("colour_matching", "edges"),
            heat=_within(0, 1),
            how=edges,
        ),
        Measure(
            "Content",
            f"{_LESS}, 0 to 1",
            *(_part("translation", "content"), "{:.2f}".format),
            rises=False,
            colours=_part("colour_matching", "content"),
            heat=_within(0.7, 0),
            how=content,
        ),
        Measure(
            "PSNR of the way back, dB", _MORE, lambda scores: scores.cycle, _short, heat=_within(10, 30), how=cycle
        ),
        Measure("More than colour", "share of the change", lambda scores: scores.more_than_colour, _percent),
    ]


def _texture(level: int, levels: int) -> Measure:
    which = "finest" if level == 0 else "coarsest" if level == levels - 1 else "middle"
    which += f" {level}" if which == "middle" and levels > 3 else ""
    seen = {"finest": "Checkerboards, hatching and blur show here.", "coarsest": "Large shapes and colours."}

    def part(of: str) -> Value:
        def value(scores: PairScores | Scores) -> float | None:
            unpaired = getattr(scores, of)
            return unpaired.texture[level] if unpaired else None

        return value

    how = (
        "Distance of small patches from those of real test pictures; the small number is after colour matching. "
        "Less is better."
    )
    return Measure(
        f"Texture, {which}",
        _LESS,
        *(part("translation"), _short),
        rises=False,
        colours=part("colour_matching"),
        heat=_halved,
        how=f"{how} {seen.get(which, '')}".rstrip(),
    )


def _features(scores: Scores) -> Measure:
    return Measure(
        scores.kid_name,
        _LESS,
        *(_part("translation", "kid"), "{:.4f}".format),
        rises=False,
        colours=_part("colour_matching", "kid"),
        heat=_halved,
        how="Distance of features from those of real test pictures; the small number is after colour matching. Less is "
        "better. Only numbers of the same network, the same domains and as many pictures can be compared: not with "
        "those of Inception in papers.",
    )


_MORE, _LESS = "more is better", "less is better"


def _part(of: str, name: str) -> Value:
    """Reads `of.name` of scores; None where `of` is None."""

    def value(scores: PairScores | Scores) -> float | None:
        whole = getattr(scores, of)
        return None if whole is None else attrgetter(name)(whole)

    return value


def _over(span: float) -> Heat:
    """Good above colour matching, in full colour from `span` above it."""
    return lambda value, baseline: _clip((value - (baseline or 0.0)) / span)


def _within(low: float, high: float) -> Heat:
    """Good from `low` up, in full colour from `high`."""
    return lambda value, baseline: max(0.0, _clip((value - low) / (high - low)))


def _halved(value: float, baseline: float | None) -> float:
    """Good below colour matching, in full colour at half of it; bad above it, in full colour at twice."""
    if baseline is None or baseline == value:
        return 0.0
    if baseline <= 0 or value <= 0:  # only a KID can be
        return math.copysign(1, baseline - value)
    return _clip(math.log2(baseline / value))


def _clip(heat: float) -> float:
    return min(1.0, max(-1.0, heat))


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def _short(value: float) -> str:
    """Two digits or three."""
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"

"""Scores as a table for a terminal, with a legend of its columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from combogan.evaluation.scores import PairScores, Quality, Scores, UnpairedScores

LEGEND = {
    "PSNR, SSIM": "nearness to the truth, where it is known; more is better",
    "arrives": "share a classifier takes for the target (of colour matching)",
    "edges": "how much of the source's edges is kept, 0 to 1",
    "content": "distance of features from the source's, 0 to 1; 0 is all kept",
    "way back": "PSNR of the translation, translated back, to the source",
    "texture": "distance of finest and coarsest patches from real; less is better",
    "KID": "distance of features from real ones; less is better",
}


def table(scores: Scores) -> Table:
    """A row per ordered pair, then the means of translations and baselines; columns without values are left out."""
    truth = scores.truth is not None
    kid = any(pair.translation.kid is not None for pair in scores.pairs)
    shown = Table(
        title=_title(scores),
        caption="\n".join(_legend(scores, truth=truth, kid=kid)),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    shown.add_column("from -> to", overflow="fold")
    headings = [*(["PSNR", "SSIM"] if truth else []), "arrives", "edges", "con-\ntent", "way\nback", "texture"]
    for heading in [*headings, *(["KID"] if kid else [])]:
        shown.add_column(heading, justify="right", no_wrap=True)
    for pair in scores.pairs:
        shown.add_row(f"{pair.source} -> {pair.target}", *_row(pair, truth=truth, kid=kid))
    if scores.pairs:
        shown.add_section()
        shown.add_row(f"mean of {len(scores.pairs)}", *_row(scores, truth=truth, kid=kid), style="bold")
        for name, quality, unpaired in _baselines(scores):
            first = _quality(quality) if truth else []
            arrives = f"{unpaired.arrival:.0%}" if unpaired else ""
            kept = [f"{unpaired.edges:.2f}", f"{unpaired.content:.2f}"] if unpaired else ["", ""]
            last = [_kid(unpaired)] if kid else []
            shown.add_row(name, *first, arrives, *kept, "", _texture(unpaired), *last)
    return shown


def _title(scores: Scores) -> str:
    counts = sorted({pair.pictures for pair in scores.pairs})
    pictures = " to ".join(str(count) for count in dict.fromkeys([*counts[:1], *counts[-1:]])) or "no"
    noun = "picture" if counts == [1] else "pictures"
    return f"{pictures} test {noun} per pair, at {scores.size} x {scores.size} pixels; PSNR in dB"


def _legend(scores: Scores, *, truth: bool, kid: bool) -> list[str]:
    absent = {"PSNR, SSIM": not truth, "KID": not kid}
    named = {"KID": scores.kid_name}
    lines = [f"{named.get(name, name)}: {meaning}" for name, meaning in LEGEND.items() if not absent.get(name)]
    if scores.classifier:
        right = ", ".join(f"{accuracy:.0%} of {name}" for name, accuracy in scores.classifier.items())
        lines.append(f"Accuracy of the classifier: {right}.")
    return lines


def _row(scores: PairScores | Scores, *, truth: bool, kid: bool) -> list[str]:
    made, coloured = scores.translation, scores.colour_matching
    assert made is not None
    assert coloured is not None
    return [
        *(_quality(scores.truth.translation if scores.truth else None) if truth else []),
        f"{made.arrival:.0%} ({coloured.arrival:.0%})",
        f"{made.edges:.2f}",
        f"{made.content:.2f}",
        "" if scores.cycle is None else f"{scores.cycle:.1f}",
        _texture(made),
        *([_kid(made)] if kid else []),
    ]


def _baselines(scores: Scores) -> Sequence[tuple[str, Quality | None, UnpairedScores | None]]:
    coloured = ("colour matching", scores.truth.colour_matching if scores.truth else None, scores.colour_matching)
    return [coloured, ("copying", scores.truth.copying, None)] if scores.truth else [coloured]


def _quality(quality: Quality | None) -> list[str]:
    return [f"{quality.psnr:.2f}", f"{quality.ssim:.3f}"] if quality else ["", ""]


def _texture(unpaired: UnpairedScores | None) -> str:
    """The finest level and the coarsest."""
    levels = unpaired.texture if unpaired else ()
    some = [levels[0], levels[-1]] if len(levels) > 2 else levels
    return " ".join(f"{value:3.0f}" for value in some).strip()


def _kid(unpaired: UnpairedScores | None) -> str:
    return "" if unpaired is None or unpaired.kid is None else f"{unpaired.kid:.3f}"

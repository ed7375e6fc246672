"""The page of an evaluation: scores, curves and example pictures in one HTML file.

It has no scripts and loads no other files; colours follow the browser's scheme; names are escaped by the template.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, StrictUndefined
from PIL import Image

import combogan
from combogan.evaluation.examples import Example, Examples
from combogan.evaluation.page_curves import Chart, Curves, chart, line
from combogan.evaluation.page_measures import Measure, measures
from combogan.evaluation.scores import PairScores, Scores
from combogan.registry.registry import RUN_CARD
from combogan.settings import Settings

TEMPLATE = Path(__file__).with_name("page.html")
LARGEST, SMALLEST, MANY = 160, 96, 30
"""Sides of the pictures in pixels, at most: SMALLEST where there are more than MANY directions, for a small file."""

_PARTS = {
    "gan": "gan: fooling the discriminator",
    "matching": "matching: what the discriminator finds, in the mean",
    "heads": "heads: fooling the discriminators on features",
    "discriminator": "discriminator: telling real from fake",
    "cycle": "cycle: there and back",
    "identity": "identity",
    "paired": "paired: distance to the own target",
    "style": "style: features spread as in the target",
    "latent": "latent: one shared space",
    "forward": "forward: compared small",
}
_VALIDATION = {
    "psnr": "PSNR to the truth, dB",
    "ssim": "SSIM to the truth",
    "arrival": "arrival",
    "edges": "kept edges",
}


def page(scores: Scores, run: Path, examples: Sequence[Examples], curves: Curves) -> str:
    """The page of a run, as HTML. SettingsError where its settings.toml cannot be read."""
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE.read_text("utf-8"))
    shown = measures(scores)
    links = {(one.source, one.target): f"pair-{index}" for index, one in enumerate(examples)}
    side = SMALLEST if len(examples) > MANY else LARGEST
    settings = Settings.load(run / RUN_CARD)
    domains = _domains(scores, curves, settings)
    return template.render(
        about=_about(scores, run, curves, settings),
        notes=scores.notes(),
        means=_means(scores, shown),
        matrices=[_matrix(measure, scores, links) for measure in shown if measure.heat],
        validation=[
            chart(_VALIDATION.get(name, name), {name: points}, names=[name], best=curves.best)
            for name, points in _ordered(curves.validation, _VALIDATION)
        ],
        best=curves.best is not None,
        losses=_losses(curves, domains),
        key=[line(name, domains) for name in domains if any(name in part for part in curves.losses.values())],
        pairs=[_pair(one, links[one.source, one.target], side) for one in examples],
    )


def _domains(scores: Scores, curves: Curves, settings: Settings) -> list[str]:
    """The domains in the order of the run, those added later last."""
    pairs = [name for pair in scores.pairs for name in (pair.source, pair.target)]
    trained = [name for part in curves.losses.values() for name in part]
    return list(dict.fromkeys([*settings.domains, *pairs, *trained]))


def _about(scores: Scores, run: Path, curves: Curves, settings: Settings) -> dict[str, str]:
    """The head of the page: the run, what was scored, and how the run was trained and scored."""
    names = list(dict.fromkeys(name for pair in scores.pairs for name in (pair.source, pair.target)))
    counts = sorted({pair.pictures for pair in scores.pairs})
    pictures = " to ".join(f"{count:,}" for count in dict.fromkeys([*counts[:1], *counts[-1:]])) or "no"
    trained = f"Trained for {curves.iterations:,} iterations" if curves.iterations else "Trained"
    taken = f" in {_duration(curves.seconds)}" if curves.seconds else ""
    what = (
        f"{len(names)} domains ({', '.join(names)}), {pictures} test pictures for each of {len(scores.pairs)} "
        f"directions, at {scores.size} x {scores.size} pixels."
    )
    how = (
        f"{trained}{taken} at {settings.images.size} pixels, seed {settings.run.seed}. Scored on "
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z} with combogan {combogan.__version__} and "
        f"torch {torch.__version__}."
    )
    return {"run": run.resolve().name, "what": what, "how": how}


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _means(scores: Scores, shown: Sequence[Measure]) -> dict[str, Any]:
    """The table of means, without columns that have no values."""
    columns = ("translation", "colour matching", "copying", "real")
    rows: list[dict[str, Any]] = []
    for measure in shown:
        values = [value(scores) for value in (measure.value, measure.colours, measure.copying, measure.real)]
        mean, baseline = values[:2]
        won = mean is not None and baseline is not None and (mean > baseline if measure.rises else mean < baseline)
        texts = ["" if value is None else measure.text(value) for value in values]
        rows.append({"name": measure.name, "better": measure.better, "won": won, "texts": texts})
    used = [column for column in range(len(columns)) if any(row["texts"][column] for row in rows)]
    for row in rows:
        row["texts"] = [row["texts"][column] for column in used]
    return {"heads": [columns[column] for column in used], "rows": rows, "sentence": _sentence(scores)}


def _sentence(scores: Scores) -> str:
    """The summary: PSNR to the truth and arrival, each where it is known."""
    parts = []
    if scores.truth is not None:
        above = scores.truth.over_colour_matching
        parts.append(
            f"Translations reach a PSNR of {scores.truth.translation.psnr:.1f} dB to the truth, {abs(above):.1f} dB "
            f"{'more' if above >= 0 else 'less'} than colour matching."
        )
    if scores.translation is not None and scores.colour_matching is not None:
        real = "" if scores.accuracy is None else f"; it is right about {scores.accuracy:.0%} of real pictures"
        parts.append(
            f"A classifier takes {scores.translation.arrival:.0%} of the translations for pictures of their target, "
            f"and {scores.colour_matching.arrival:.0%} of pictures whose colours were matched{real}."
        )
    return " ".join(parts)


def _matrix(measure: Measure, scores: Scores, links: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The matrix of a measure: a row per source, a column per target."""
    pairs = {(pair.source, pair.target): pair for pair in scores.pairs}
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    rows = []
    for source in names:
        cells = [
            _cell(measure, pairs[source, target], links.get((source, target))) if (source, target) in pairs else None
            for target in names
        ]
        rows.append({"name": source, "cells": cells})
    title = f"{measure.name}, over colour matching" if measure.above else measure.name
    return {"title": title, "names": names, "rows": rows, "how": measure.how}


def _cell(measure: Measure, pair: PairScores, link: str | None) -> dict[str, Any] | None:
    value, baseline = measure.value(pair), measure.colours(pair)
    if value is None or measure.heat is None:
        return None
    text, under = measure.text(value), "" if baseline is None else measure.text(baseline)
    if measure.above and baseline is not None:
        text, under = f"{value - baseline:+.1f}", text
    return {"text": text, "under": under, "heat": measure.heat(value, baseline), "link": link}


def _losses(curves: Curves, domains: Sequence[str]) -> list[Chart]:
    """A chart per part of the loss, a line per domain."""
    return [chart(_PARTS.get(part, part), lines, names=domains) for part, lines in _ordered(curves.losses, _PARTS)]


def _ordered(curves: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, Any]]:
    """The curves that `names` has, in its order; then the others, sorted."""
    order = [*names, *sorted(curves)]
    return sorted(curves.items(), key=lambda item: order.index(item[0]))


def _pair(examples: Examples, link: str, side: int) -> dict[str, Any]:
    heads = ["source", "translation", "way back", "truth"]
    rows: list[dict[str, Any]] = []
    for one in examples.shown:
        texts = [
            f"{one.name} of {examples.source}",
            f"translated to {examples.target}",
            f"and back to {examples.source}",
            f"the truth in {examples.target}",
        ]
        pictures = [_inlined(picture, text, side) for picture, text in zip(_pictures(one), texts, strict=True)]
        rows.append({"label": one.label, "score": _score(examples, one), "pictures": pictures})
    used = [column for column in range(4) if any(row["pictures"][column] for row in rows)]
    for row in rows:
        row["pictures"] = [row["pictures"][column] for column in used]
    return {
        "link": link,
        "source": examples.source,
        "target": examples.target,
        "measure": examples.measure,
        "heads": [heads[column] for column in used],
        "rows": rows,
    }


def _pictures(example: Example) -> tuple[Image.Image | None, ...]:
    return (example.source, example.translation, example.back, example.truth)


def _score(examples: Examples, example: Example) -> str:
    return f"{example.score:.1f} dB" if examples.measure == "PSNR" else f"{example.score:.2f}"


def _inlined(picture: Image.Image | None, text: str, side: int) -> dict[str, Any] | None:
    """A small copy of a picture as a data URI."""
    if picture is None:
        return None
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    small.save(encoded, "WEBP", quality=90, method=6)
    uri = f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode()}"
    return {"uri": uri, "alt": text, "width": small.width, "height": small.height}

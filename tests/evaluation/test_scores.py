"""Scores as values, as a table, and as JSON."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from combogan.evaluation.scores import Comparison, PairScores, Quality, Scores, UnpairedScores
from combogan.evaluation.table import table


def quality(psnr: float) -> Quality:
    return Quality(psnr, psnr / 100)


def unpaired(arrival: float, kid: float | None = None) -> UnpairedScores:
    return UnpairedScores(arrival, 0.75, 0.5 * arrival, (200.0 * arrival, 30.0, 40.0), kid)


EXAMPLE = Scores(
    size=64,
    pairs=(
        PairScores(
            *("spring", "winter", 40, Comparison(quality(20.5), quality(17), quality(11))),
            *(unpaired(0.9), unpaired(0.25), 25.0, 0.2),
        ),
        PairScores(
            *("winter", "spring", 40, Comparison(quality(19.5), quality(18), quality(11))),
            *(unpaired(0.7), unpaired(0.25), None, 0.4),
        ),
    ),
    classifier={"spring": 1.0, "winter": 0.95},
    unscored={"monet": "its pictures are gone", "photo": "its pictures are gone", "cat": "it is damaged."},
)
BLIND = replace(EXAMPLE, pairs=tuple(replace(pair, truth=None) for pair in EXAMPLE.pairs))


def rows(scores: Scores, width: int = 80) -> list[str]:
    shown = StringIO()
    Console(file=shown, width=width).print(table(scores))
    return [" ".join(line.replace("│", " ").split()) for line in shown.getvalue().splitlines()]


def test_the_means_count_every_pair_the_same() -> None:
    assert EXAMPLE.truth is not None
    assert EXAMPLE.truth.translation.psnr == pytest.approx(20)
    assert EXAMPLE.truth.translation.ssim == pytest.approx(0.2)
    assert EXAMPLE.truth.over_colour_matching == pytest.approx(2.5)
    assert EXAMPLE.truth.over_copying == pytest.approx(9)
    assert EXAMPLE.translation is not None
    assert EXAMPLE.translation.arrival == pytest.approx(0.8)
    assert EXAMPLE.translation.texture == pytest.approx((160, 30, 40))
    assert EXAMPLE.translation.kid is None
    assert EXAMPLE.more_than_colour == pytest.approx(0.3)
    assert EXAMPLE.accuracy == pytest.approx(0.975)


def test_a_mean_is_over_those_that_have_the_number() -> None:
    assert EXAMPLE.cycle == 25
    half = replace(EXAMPLE, pairs=(EXAMPLE.pairs[0], BLIND.pairs[1]))
    assert half.truth == EXAMPLE.pairs[0].truth


def test_nothing_has_no_means() -> None:
    nothing = Scores(64)
    assert (nothing.truth, nothing.translation, nothing.colour_matching) == (None, None, None)
    assert (nothing.cycle, nothing.more_than_colour, nothing.accuracy) == (None, None, None)
    assert json.loads(nothing.json())["mean"] is None


def test_the_table_shows_pairs_means_and_baselines_in_80_columns_and_says_what_they_mean() -> None:
    shown = rows(EXAMPLE)
    assert "40 test pictures per pair, at 64 x 64 pixels; PSNR in dB" in shown
    assert "spring -> winter 20.50 0.205 90% (25%) 0.75 0.45 25.0 180 40" in shown
    assert "winter -> spring 19.50 0.195 70% (25%) 0.75 0.35 140 40" in shown
    assert "mean of 2 20.00 0.200 80% (25%) 0.75 0.40 25.0 160 40" in shown
    assert "colour matching 17.50 0.175 25% 0.75 0.12 50 40" in shown
    assert "copying 11.00 0.110" in shown
    assert "arrives: share a classifier takes for the target (of colour matching)" in shown
    assert "Accuracy of the classifier: 100% of spring, 95% of winter." in shown


def test_one_picture_is_no_pictures() -> None:
    one = replace(EXAMPLE, pairs=tuple(replace(pair, pictures=1) for pair in EXAMPLE.pairs))
    assert rows(one)[0].startswith("1 test picture per pair")


def test_all_columns_fit_in_80() -> None:
    full = replace(EXAMPLE, pairs=tuple(replace(pair, translation=unpaired(1.0, -0.0123)) for pair in EXAMPLE.pairs))
    assert "spring -> winter 20.50 0.205 100% (25%) 0.75 0.50 25.0 200 40 -0.012" in rows(full)


def test_columns_that_no_pair_has_are_left_out_and_the_kid_is_named_after_its_network() -> None:
    scored = replace(BLIND, pairs=tuple(replace(pair, translation=unpaired(0.5, 0.0123)) for pair in BLIND.pairs))
    text = "\n".join(rows(scored))
    assert "spring -> winter 50% (25%) 0.75 0.25 25.0 100 40 0.012" in text
    assert "KID, EfficientNet-Lite2: distance of features" in text
    assert "KID, resnet50: distance of features" in "\n".join(rows(replace(scored, kid_network="resnet50")))
    assert "PSNR, SSIM" not in text
    assert "copying" not in text


def test_of_many_levels_the_finest_and_the_coarsest_are_shown() -> None:
    many = replace(unpaired(0.5), texture=(1.0, 2.0, 3.0, 4.0, 5.0))
    scored = replace(BLIND, pairs=tuple(replace(p, translation=many, colour_matching=many) for p in BLIND.pairs))
    assert "spring -> winter 50% (50%) 0.75 0.25 25.0 1 5" in rows(scored)


def test_json_holds_all_that_was_measured() -> None:
    content = json.loads(EXAMPLE.json())
    assert content["size"] == 64
    assert content["mean"]["truth"]["over_colour_matching"] == pytest.approx(2.5)
    assert content["mean"]["translation"]["arrival"] == pytest.approx(0.8)
    assert content["pairs"][1] == {
        "source": "winter",
        "target": "spring",
        "pictures": 40,
        "truth": {
            "psnr": 19.5,
            "ssim": 0.195,
            "over_colour_matching": 1.5,
            "over_copying": 8.5,
            "colour_matching": {"psnr": 18, "ssim": 0.18},
            "copying": {"psnr": 11, "ssim": 0.11},
        },
        "translation": {"arrival": 0.7, "edges": 0.75, "content": 0.35, "texture": [140, 30, 40], "kid": None},
        "colour_matching": {"arrival": 0.25, "edges": 0.75, "content": 0.125, "texture": [50, 30, 40], "kid": None},
        "cycle": None,
        "more_than_colour": 0.4,
    }
    assert content["legend"]["kid"].startswith("KID, EfficientNet-Lite2:")
    assert json.loads(replace(EXAMPLE, kid_network="resnet50").json())["legend"]["kid"].startswith("KID, resnet50:")
    assert content["classifier"] == {"spring": 1.0, "winter": 0.95}
    assert set(content["unscored"]) == {"monet", "photo", "cat"}


def test_domains_without_scores_are_named_once_per_reason_and_truth_by_name_is_said() -> None:
    assert EXAMPLE.notes() == [
        "No score for monet, photo: its pictures are gone.",
        "No score for cat: it is damaged.",
    ]
    assert Scores(64, paired=("aerial", "map")).notes() == [
        "Truth: test pictures of the same name are taken to show the same thing, in aerial, map."
    ]

"""The page of an evaluation: well-formed, escaped, complete without truth and without curves."""

import base64
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from combogan.evaluation.examples import Example, Examples
from combogan.evaluation.page import page
from combogan.evaluation.page_curves import Curves, chart, read_curves
from combogan.evaluation.scores import Comparison, PairScores, Quality, Scores, UnpairedScores
from combogan.settings import Settings

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Fails on a tag that is not closed where it should be; collects tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pair(source: str, target: str, psnr: float | None = 20.0) -> PairScores:
    truth = psnr and Comparison(Quality(psnr, 0.61), Quality(17.0, 0.7), Quality(11.0, 0.5))
    translation = UnpairedScores(0.72, 0.8, 0.3, (5.0, 3.0, 12.0), 0.25)
    matched = UnpairedScores(0.31, 0.97, 0.07, (8.0, 7.0, 45.0), 0.5)
    return PairScores(source, target, 40, truth or None, translation, matched, 25.0, 0.6)


def example(label: str, score: float, truth: Image.Image | None) -> Example:
    picture = Image.new("RGB", (64, 64), (200, 30, 30))
    return Example(label, f"{label}.png", score, picture, picture, picture, truth)


def examples(source: str, target: str, measure: str = "PSNR") -> Examples:
    truth = Image.new("RGB", (64, 64), "white") if measure == "PSNR" else None
    shown = tuple(example(label, score, truth) for label, score in (("best", 0.93), ("median", 0.52), ("worst", 0.11)))
    return Examples(source, target, measure, shown)


PAIRS = (pair("summer", "winter", 20.0), pair("winter", "summer", 16.0))
SCORES = Scores(64, PAIRS, {"summer": 0.95, "winter": 0.97})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a log: two lines, the second validated as the best, and the start of a third."""
    folder = tmp_path / "seasons"
    folder.mkdir()
    (folder / "settings.toml").write_text(
        Settings(domains={"summer": "scenes/summer", "winter": "scenes/winter"}).toml()
    )
    lines = [
        {
            "iteration": iteration,
            "since": iteration - 50,
            "seconds": 30.0,
            "losses": {name: {"gan": 0.2, "cycle": iteration / 1000} for name in ("summer", "winter")},
            "validation": {"psnr": psnr, "edges": 0.5},
        }
        for iteration, psnr in ((50, 15.0), (100, 18.0), (150, 17.0))
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"iteration": 200, "lo')
    return folder


def test_the_page_is_well_formed_and_loads_nothing_from_elsewhere(run: Path) -> None:
    html = page(SCORES, run, [examples("summer", "winter"), examples("winter", "summer")], read_curves(run))
    shown = Page(html)
    names = {name for name, _ in shown.tags}
    assert not names & {"script", "link", "iframe", "object"}
    assert all(str(image["src"]).startswith("data:image/") for image in shown.all("img"))
    assert not re.search(r"//|url\(|@import", re.sub(r"data:image/[^\"]*", "", html))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in shown.all("meta")
    assert "prefers-color-scheme: dark" in html


def test_it_says_what_was_scored_and_how_well(run: Path) -> None:
    text = Page(page(SCORES, run, [], read_curves(run))).text
    assert "2 domains (summer, winter), 40 test pictures for each of 2 directions, at 64 x 64 pixels" in text
    assert "Trained for 150 iterations in 90 s" not in text
    assert "Trained for 150 iterations in 2 min" in text
    assert "a PSNR of 18.0 dB to the truth, 1.0 dB more than colour matching" in text
    assert "takes 72% of the translations for pictures of their target, and 31% of pictures whose colours" in text
    assert "it is right about 96% of real pictures" in text


def test_the_kid_is_named_after_its_network_and_content_stands_beside_the_edges(run: Path) -> None:
    text = Page(page(SCORES, run, [], Curves())).text
    assert "KID, EfficientNet-Lite2" in text
    assert text.index("Kept edges") < text.index("Content") < text.index("PSNR of the way back")
    other = replace(SCORES, kid_network="resnet50")
    text = Page(page(other, run, [], Curves())).text
    assert "KID, resnet50" in text
    assert "KID, EfficientNet" not in text


def test_a_cell_shows_its_number_and_leads_to_its_pictures(run: Path) -> None:
    shown = Page(page(SCORES, run, [examples("summer", "winter")], Curves()))
    assert "+3.0" in shown.text
    assert "-1.0" in shown.text
    targets = {figure.get("id") for figure in shown.all("figure")}
    links = {link["href"] for link in shown.all("a")}
    assert links == {"#pair-0"}
    assert "pair-0" in targets


def test_what_is_better_than_colour_matching_is_good_and_what_is_worse_is_bad(run: Path) -> None:
    html = page(SCORES, run, [], Curves())
    cells = re.findall(r'<td class="(\w+)" style="--heat:([\d.]+)">([^<]+)<', html)
    assert ("good", "0.50", "+3.0") in cells
    assert ("bad", "0.17", "-1.0") in cells
    assert cells.count(("good", "0.68", "5.0")) == 2  # texture: the logarithm of 8 / 5 to the base of 2
    assert cells.count(("good", "1.00", "0.2500")) == 2  # KID: half of colour matching's
    assert cells.count(("good", "0.57", "0.30")) == 2  # content: 0.4 of 0.7 below 0.7


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&amp;b", '"><img src=x>', "it's"])
def test_names_are_shown_as_they_are_and_never_as_markup(run: Path, name: str) -> None:
    scores = Scores(64, (pair(name, "winter"), pair("winter", name)), {name: 0.5}, {name: f"{name} is gone"})
    curves = Curves({name: {name: [(1, 2.0)]}}, {name: [(1, 2.0)]}, 1, 1, 1.0)
    one = examples(name, "winter")
    named = Examples(name, "winter", "PSNR", (Example("best", name, 1.0, *[one.shown[0].source] * 4),))
    shown = Page(page(scores, run, [named], curves))
    assert shown.text.count(" ".join(name.split())) > 10
    assert not shown.all("script")
    assert len(shown.all("img")) == 4
    assert all("alt" in image and image["src"] != "x" for image in shown.all("img"))


def test_the_name_of_a_run_is_escaped(run: Path) -> None:
    renamed = run.rename(run.parent / "<b>&mine")
    shown = Page(page(SCORES, renamed, [], Curves()))
    assert "<b>&mine" in shown.text
    assert not shown.all("b")


def test_without_truth_there_is_no_psnr_and_the_rest_stands(run: Path) -> None:
    scores = Scores(64, (pair("summer", "winter", None), pair("winter", "summer", None)), {"summer": 1.0})
    shown = Page(page(scores, run, [examples("summer", "winter", "edges")], Curves()))
    assert "PSNR to the truth" not in shown.text
    assert "copying" not in shown.text
    assert "Arrival" in shown.text
    assert "best 0.93" in shown.text
    assert len(shown.all("img")) == 9


def test_without_a_way_back_there_is_no_matrix_of_it(run: Path) -> None:
    one_way = PairScores("summer", "winter", 3, None, PAIRS[0].translation, PAIRS[0].colour_matching, None, 0.5)
    assert "PSNR of the way back" not in Page(page(Scores(64, (one_way,)), run, [], Curves())).text


def test_without_a_log_there_are_no_curves(run: Path) -> None:
    (run / "log.jsonl").unlink()
    shown = Page(page(SCORES, run, [], read_curves(run)))
    assert "While it trained" not in shown.text
    assert not shown.all("svg")


def test_where_nothing_could_be_scored_the_page_says_so(run: Path) -> None:
    scores = Scores(64, (), {}, {"summer": "its folder is gone."})
    text = Page(page(scores, run, [], Curves())).text
    assert "No direction could be scored." in text
    assert "No score for summer: its folder is gone." in text


def test_curves_are_read_up_to_where_the_log_was_cut(run: Path) -> None:
    curves = read_curves(run)
    assert curves.losses["cycle"]["summer"] == [(50, 0.05), (100, 0.1), (150, 0.15)]
    assert curves.validation["psnr"] == [(50, 15.0), (100, 18.0), (150, 17.0)]
    assert (curves.best, curves.iterations, curves.seconds) == (100, 150, 90)


def test_without_truth_the_best_is_where_arrival_times_kept_content_is_highest(run: Path) -> None:
    lines = [(10, 0.9, 0.2), (20, 0.6, 0.8), (30, 0.2, 0.9)]
    log = [{"iteration": i, "validation": {"arrival": a, "edges": e}} for i, a, e in lines]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    assert read_curves(run).best == 20


def test_the_best_checkpoint_is_marked_in_every_validation_chart(run: Path) -> None:
    shown = Page(page(SCORES, run, [], read_curves(run)))
    assert shown.text.count("best: 100") == 2
    assert len(shown.all("circle")) == 2


def test_a_curve_runs_from_the_bottom_left_to_the_top_right() -> None:
    drawn = chart("rising", {"a": [(0, 0.0), (100, 1.0)]}, names=["a"])
    assert drawn.lines[0].points == f"{drawn.left}.0,{drawn.bottom}.0 {drawn.right}.0,{drawn.top}.0"
    assert [tick.text for tick in drawn.heights] == ["0", "0.25", "0.5", "0.75", "1"]


@pytest.mark.parametrize("values", [[0.0], [1.0, 1.0], [-3.0, 2.0], [1e-9, 2e-9], [1e9, 1e9 + 1], [0.1] * 5000])
def test_any_values_are_drawn_inside_their_chart(values: list[float]) -> None:
    drawn = chart("any", {"a": list(enumerate(values))}, names=["a"], best=0)
    points = [tuple(map(float, point.split(","))) for point in drawn.lines[0].points.split()]
    assert 2 <= len(points) <= 200  # a line of one point is not drawn
    assert all(drawn.left <= x <= drawn.right and drawn.top <= y <= drawn.bottom for x, y in points)
    assert 2 <= len(drawn.heights) <= 7


def test_values_that_are_no_numbers_are_left_out(run: Path) -> None:
    line = {"iteration": 10, "losses": {"a": {"gan": float("nan"), "cycle": 1.0}}, "validation": {"psnr": float("inf")}}
    (run / "log.jsonl").write_text(json.dumps(line) + "\n")
    assert read_curves(run) == Curves({"cycle": {"a": [(10, 1.0)]}}, {}, None, 10, 0.0)


def test_pictures_are_inlined_small_and_as_they_are(run: Path) -> None:
    big = Image.new("RGB", (640, 480), (200, 30, 30))
    one = Examples("summer", "winter", "edges", (Example("best", "one.png", 0.5, big, big, None, None),))
    images = Page(page(SCORES, run, [one], Curves())).all("img")
    assert len(images) == 2
    decoded = Image.open(io.BytesIO(base64.b64decode(str(images[0]["src"]).partition(",")[2])))
    assert decoded.size == (160, 120)
    assert images[0]["alt"] == "one.png of summer"
    assert all(
        abs(got - put) < 6 for got, put in zip(decoded.convert("RGB").getpixel((80, 60)), (200, 30, 30), strict=True)
    )


@pytest.mark.parametrize(
    "odd", [{"losses": 5}, {"seconds": None}, {"seconds": "x"}, {"seconds": math.nan}, {"losses": {"a": 3}}]
)
def test_a_line_that_the_trainer_did_not_write_is_skipped(run: Path, odd: dict[str, object]) -> None:
    whole = read_curves(run)
    with (run / "log.jsonl").open("a") as log:
        log.write("\n" + json.dumps({"iteration": 999, **odd}) + "\n")
    assert read_curves(run) == whole


def test_the_time_of_the_autoencoder_counts(run: Path) -> None:
    before = read_curves(run).seconds
    event = {"iteration": 0, "event": "autoencoded", "iterations": 4, "seconds": 2.5}
    (run / "history.jsonl").write_text(json.dumps(event) + "\n")
    assert read_curves(run).seconds == before + 2.5

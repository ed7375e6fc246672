"""benchmarks/adaptation.py: known scores, the share of the gap, and rows that are not trained twice."""

import sys
from pathlib import Path

import pytest
import torch

from combogan.data.scenes import ScenePictures
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.scenery.colours import SEASONS
from combogan.scenery.labels import THINGS

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import adaptation  # noqa: E402
from adaptation import MATCHED, METHODS, ORACLE, SOURCE, TRANSLATED, Experiment, Season, lines, write  # noqa: E402


class Answer(torch.nn.Module):
    """Takes the first channel of an image for its classes."""

    def forward(self, image):
        return torch.nn.functional.one_hot(image[:, 0].long(), len(THINGS)).permute(0, 3, 1, 2)


def test_scores_are_those_that_are_counted_by_hand():
    labels = torch.arange(10).repeat_interleave(2).view(1, 4, 5)  # every class is true twice
    guess = labels.clone()
    guess[0, 0, 0] = 1  # one of two pixels of sky is taken for mountain
    found = adaptation.scores(Answer(), guess.unsqueeze(1).float(), labels)
    assert found["accuracy"] == pytest.approx(19 / 20)
    assert found["class_accuracy"] == pytest.approx((0.5 + 9) / 10)
    assert found["iou"] == pytest.approx((1 / 2 + 2 / 3 + 8) / 10)
    assert found["classes"]["sky"] == [0.5, 0.5]
    assert found["classes"]["mountain"] == [1.0, 0.6667]


def test_a_network_learns_to_tell_dark_from_light():
    images = torch.rand(8, 1, 16, 16).sub(0.5).sign().expand(-1, 3, -1, -1).contiguous()
    labels = (images[:, 0] > 0).long()
    found = adaptation.scores(adaptation.trained(images, labels, seed=0, iterations=30), images, labels)
    assert found["accuracy"] > 0.95


def row(method, source, target, iou, **more):
    classes = {thing: [iou, iou] for thing in THINGS}
    key = {"method": method, "source": source, "target": target, "seed": 0, "iterations": 1}
    return {**key, "accuracy": 0.9, "class_accuracy": 0.8, "iou": iou, "classes": classes, **more}


def test_the_table_says_how_much_of_the_gap_is_closed():
    rows = [row(ORACLE, season, season, 0.8) for season in SEASONS]
    rows += [
        row(SOURCE, "summer", "winter", 0.2, accuracy=0.4, class_accuracy=0.3),
        row(TRANSLATED, "summer", "winter", 0.65),
    ]
    rows += [row(MATCHED, "summer", "winter", 0.5)]
    text = adaptation.table(rows)
    assert "| source only | 0.400 | 0.300 | 0.200 |" in text
    assert "| summer to winter | 0.200 | 0.500 | 0.650 | 0.800 |" in text
    assert adaptation.share(rows, TRANSLATED) == pytest.approx(0.75)
    assert "\ntranslated closes of the gap from source only to oracle: " in text
    assert text.splitlines()[-2].endswith(", 75% in mean IoU")
    assert text.splitlines()[-1].endswith(", 50% in mean IoU")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Packs of the four seasons with random weights, for pictures of 32 px."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    publish(
        folder / "packs",
        [
            NewPack(name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1), ("7f3a", "7f3a"), 32, {})
            for name in SEASONS
        ],
    )
    return folder


def test_every_direction_gets_a_row_of_every_method_once(run, tmp_path, monkeypatch):
    scenes = ScenePictures("fall", "test")
    few = adaptation.images_and_labels(scenes.named(scenes.names[:4]), 32)
    season = Season(few, few)
    monkeypatch.setattr(Season, "drawn", staticmethod(lambda name, size: season))
    experiment = Experiment(run, 1, tmp_path / "rows.jsonl")
    for source in SEASONS:
        for found in experiment.rows(source, 0):
            write(experiment.record, found)
    rows = lines(experiment.record)
    count = {method: sum(row["method"] == method for row in rows) for method in METHODS}
    assert count == {SOURCE: 12, MATCHED: 12, TRANSLATED: 12, ORACLE: 4}
    assert len({(row["method"], row["source"], row["target"]) for row in rows}) == 40
    assert list(experiment.rows("winter", 0)) == []
    assert len(list(experiment.rows("winter", 1, [TRANSLATED]))) == 3


def test_a_run_without_the_seasons_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["adaptation.py", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        adaptation.main()
    assert str(stopped.value).startswith("Error: ")
    assert len(str(stopped.value).splitlines()) == 1

"""The measures of benchmarks/shapes.py: right on the drawings themselves, and on angles with a known correlation."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import shapes
from shapes import Shapes, check, circular, hue, pictures, stacked, table

from combogan.data.things import ThingPictures


@pytest.fixture(autouse=True)
def few_templates(monkeypatch):
    monkeypatch.setattr(shapes, "TEMPLATES", 6)


def test_drawings_show_their_thing_their_angle_and_their_hue():
    for row in check(["house", "conifer"]):
        assert row["arrived"] == 1
        assert min(row["angle"], row["axis"], row["hue"]) > 0.99


def test_a_picture_that_is_not_translated_has_not_arrived():
    drawn = stacked(pictures(ThingPictures("house", "test").named(["figure-00000.png", "figure-00001.png"])))
    assert not Shapes(["house", "conifer"]).find("house", "conifer", drawn).arrived.any()


def test_correlation_of_angles_forgives_a_turn_and_a_mirror_and_nothing_else():
    true = np.arange(0, 360, 10.0)
    assert circular(true, true + 77, turn=360) == pytest.approx(1)
    assert circular(true, 77 - true, turn=360) == pytest.approx(1)
    assert circular(true, np.where(true % 20 == 0, true, true + 180), turn=360) == pytest.approx(0, abs=1e-9)
    assert circular(true, np.where(true % 20 == 0, true, true + 180), turn=180) == pytest.approx(1)
    assert circular(true, np.full(36, 5.0), turn=360) == pytest.approx(0, abs=1e-9)


def test_hues_of_known_colours():
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)], np.uint8)
    pixels = np.full((4, 2, 2, 3), 255, np.uint8)
    pixels[:, 0, 0] = colours
    assert hue(pixels) == pytest.approx([0, 1 / 3, 2 / 3, 1 / 6])


def test_the_table_has_a_line_per_preset_and_direction_over_all_seeds():
    row = dict.fromkeys(shapes.COLUMNS, 0.5) | {"preset": "discogan", "from": "house", "to": "conifer"}
    lines = table([row, row | {"arrived": 1.0}]).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| discogan | house | conifer | 2 | 0.75 (0.50 to 1.00) | 0.50 (0.50 to 0.50)")

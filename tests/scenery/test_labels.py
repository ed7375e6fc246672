"""Label maps of the drawings: the same geometry, one class per pixel, and drawings that stay as they are."""

import numpy as np
import pytest

from combogan.scenery.colours import SEASONS
from combogan.scenery.labels import (
    BENEATH,
    CLASSES,
    COLOURS,
    THINGS,
    UNDER_SNOW,
    Label,
    most_frequent,
    without_snow,
)
from combogan.scenery.layout import lay_out
from combogan.scenery.scene import _drawn, draw, label

SCENES = 12
MEANS = {
    ("spring", 0, 64): (161.9924, 195.1780, 151.5376),
    ("spring", 9, 96): (166.9912, 191.9852, 147.3245),
    ("summer", 0, 64): (115.4485, 150.0269, 130.8201),
    ("summer", 9, 96): (119.9060, 150.5980, 129.7839),
    ("fall", 0, 64): (176.2356, 149.6477, 115.2373),
    ("fall", 9, 96): (173.6347, 147.1871, 112.7791),
    ("winter", 0, 64): (208.6653, 211.6750, 220.2334),
    ("winter", 9, 96): (204.8032, 206.7721, 214.9960),
}
"""(season, scene, size) -> the mean colour of drawings before there were labels."""


@pytest.fixture(scope="module")
def labels():
    return {season: np.stack([label(season, 2018, index, 64) for index in range(SCENES)]) for season in SEASONS}


def test_a_label_map_is_a_byte_per_pixel_at_any_size():
    for size in (32, 47, 64, 101):
        found = label("winter", 2018, 3, size)
        assert found.shape == (size, size)
        assert found.dtype == np.uint8
        assert found.max() < len(CLASSES)


def test_classes_have_names_and_colours_in_the_order_of_their_numbers():
    assert CLASSES[Label.SNOW_ON_HOUSE] == "snow on house"
    assert len(set(COLOURS)) == len(CLASSES) == len(Label)
    assert " ".join(THINGS) == "sky mountain hill field meadow path stone tree house water"
    assert {CLASSES[snow]: CLASSES[thing] for snow, thing in BENEATH.items()} == {
        "ice": "water",
        **{f"snow on {CLASSES[thing]}": CLASSES[thing] for thing in UNDER_SNOW},
    }


@pytest.mark.parametrize("season", SEASONS)
def test_labels_leave_the_drawings_as_they_are(season):
    for index, size in ((0, 64), (9, 96)):
        plain = draw(season, 2018, index, size)
        picture, _, finer = _drawn(season, 2018, index, size, labelled=True)
        assert np.array_equal(plain, np.asarray(picture.reduce(finer)))
        assert plain.mean((0, 1)) == pytest.approx(MEANS[season, index, size], abs=0.02)


def test_labels_agree_between_seasons_but_for_snow_ice_and_leaves(labels):
    things = {season: without_snow(some) for season, some in labels.items()}
    for season in SEASONS:
        assert (things[season] == things["summer"]).mean() > 0.98
        differ = things[season] != things["summer"]
        if season == "winter":  # twigs have gaps where leaves had none
            differ &= (things[season] != Label.TREE) & (things["summer"] != Label.TREE)
        assert differ.mean() < 0.002


def test_what_snow_covers_depends_on_the_season(labels):
    share = {season: np.bincount(some.ravel(), minlength=len(CLASSES)) for season, some in labels.items()}
    snow = {season: counts[[*UNDER_SNOW.values()]].sum() for season, counts in share.items()}
    assert snow["summer"] < snow["fall"] < snow["spring"] < snow["winter"]
    for season in SEASONS:
        covered = share[season][[Label.ICE, Label.SNOW_ON_MEADOW, Label.SNOW_ON_HOUSE, Label.SNOW_ON_TREE]]
        bare = share[season][[Label.WATER, Label.MEADOW, Label.HILL, Label.FIELD]]
        assert bool(covered.all()) == (season == "winter") == (not bare.any())
        assert covered.any() == (season == "winter")


def test_things_are_labelled_where_the_layout_puts_them(labels):
    houses = lakes = 0
    for index in range(SCENES):
        layout, found = lay_out(2018, index), labels["summer"][index]
        assert (found[0] != Label.MEADOW).all()
        assert np.isin(found[0], (Label.SKY, Label.TREE)).all()
        if layout.house is not None:
            x, y = layout.house.x, layout.house.y - 0.3 * layout.house.size
            houses += found[int(y * 64), int(x * 64)] == Label.HOUSE
        if layout.lake is not None:
            lakes += found[int(layout.lake.y * 64), int(layout.lake.x * 64)] == Label.WATER
        assert (found == Label.HOUSE).any() == (layout.house is not None)
        assert (found == Label.WATER).any() == (layout.lake is not None)
    assert houses >= 3
    assert lakes >= 3


def test_edges_hold_only_classes_that_are_there(labels):
    """No pixel between sky (0) and a tree (7) gets a class in between, as it would if numbers were blended."""
    for index in range(SCENES):
        layout = lay_out(2018, index)
        found = set(np.unique(labels["summer"][index]).tolist())
        there = {Label.SKY, Label.HILL, Label.FIELD, Label.MEADOW, Label.TREE, Label.STONE}
        there |= {Label.MOUNTAIN, Label.SNOW_ON_MOUNTAIN} if layout.ranges else set()
        there |= {Label.HOUSE} if layout.house else {Label.WATER} if layout.lake else set()
        there |= {Label.WATER} if layout.lake else {Label.PATH} if layout.house else set()
        assert found <= there


def test_the_most_frequent_class_of_a_block_is_taken():
    blocks = np.array([[7, 7, 0, 5], [7, 0, 9, 0], [3, 3, 1, 2], [3, 3, 2, 1]], np.uint8)
    assert most_frequent(blocks, 2).tolist() == [[7, 0], [3, 1]]

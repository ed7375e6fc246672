"""The drawn scenes of a season as a set of pictures."""

import numpy as np
import pytest

from combogan.data.scenes import SEED, ScenePictures
from combogan.errors import DomainError
from combogan.scenery.colours import SEASONS
from combogan.scenery.scene import label


def test_test_scenes_are_the_same_in_all_seasons_and_training_scenes_in_no_two() -> None:
    names = [tuple(ScenePictures(season, "test").names) for season in SEASONS]
    assert len(set(names)) == 1
    assert len(names[0]) == 40
    training = [set(ScenePictures(season, "train").names) for season in SEASONS]
    assert [len(names) for names in training] == [300] * 4
    assert len(set.union(*training, set(names[0]))) == 4 * 300 + 40


def test_a_named_scene_is_the_drawing_of_its_number() -> None:
    scenes = ScenePictures("winter", "train")
    assert scenes.picture(0, 32).tobytes() != ScenePictures("winter", "test").picture(0, 32).tobytes()
    assert scenes.picture(2, 48).size == (48, 48)
    assert scenes.picture(2, 48).mode == "RGB"
    assert len(scenes) == len(scenes.names)


def test_fingerprints_differ_between_sets_and_stay() -> None:
    sets = [(season, split) for season in SEASONS for split in ("train", "test")]
    marks = [ScenePictures(season, split).fingerprint() for season, split in sets]  # type: ignore[arg-type]
    assert len(set(marks)) == 8
    assert marks == [ScenePictures(season, split).fingerprint() for season, split in sets]  # type: ignore[arg-type]


def test_a_split_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DomainError, match="'train' or 'test'"):
        ScenePictures("fall", "validation")  # type: ignore[arg-type]


def test_a_set_may_have_fewer_training_scenes_but_not_none_or_more_than_there_are() -> None:
    few, many = ScenePictures("fall", "train", 7), ScenePictures("fall", "train")
    assert few.names == many.names[:7]
    assert few.fingerprint() != many.fingerprint()
    assert len(ScenePictures("fall", "test", 7)) == 40
    for count in (0, 301):
        with pytest.raises(DomainError, match=f"300 training scenes, but {count} were asked for"):
            ScenePictures("fall", "train", count)


def test_an_index_outside_the_set_is_an_error() -> None:
    with pytest.raises(IndexError):
        ScenePictures("fall", "test").picture(40, 64)


def test_a_season_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DomainError, match="choose from spring, summer, fall, winter"):
        ScenePictures("monsoon", "train")


def test_scenes_are_never_drawn_smaller_than_32() -> None:
    assert ScenePictures("winter", "test").picture(0, 8).size == (32, 32)


def test_labels_are_those_of_the_picture_at_the_same_place_and_size() -> None:
    scenes = ScenePictures("winter", "train")
    (number,) = (int(name[6:11]) for name in scenes.names[2:3])
    assert np.array_equal(scenes.labels(2, 48), label("winter", SEED, number, 48))
    assert scenes.labels(2, 8).shape == (32, 32)

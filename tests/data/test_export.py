"""Domains as PNG files, with label maps beside drawn scenes."""

import csv

import numpy as np
import pytest
from PIL import Image

from combogan.data.catalog import DomainPictures, open_place, resolve
from combogan.data.catalog import look_up as look
from combogan.data.export import CLASSES_FILE, export
from combogan.data.pictures import read_picture
from combogan.data.scenes import ScenePictures
from combogan.errors import DomainError, PictureError
from combogan.scenery.labels import CLASSES, COLOURS, without_snow


@pytest.fixture(scope="module")
def few():
    """Three training and two test scenes of winter."""
    train, test = ScenePictures("winter", "train"), ScenePictures("winter", "test")
    return DomainPictures(
        "scenes/winter", "scenes/winter", train.named(train.names[:3]), test.named(test.names[:2]), "", "scenes"
    )


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_scenes_become_files_that_are_found_again_with_labels_of_the_same_names(few, tmp_path):
    told = []
    (done,) = export([few], tmp_path, labels=True, size=40, advance=lambda *numbers: told.append(numbers))
    assert told == [(number, 5) for number in range(1, 6)]
    assert files(tmp_path / "winter-labels") == [CLASSES_FILE, *files(tmp_path / "winter")]
    assert (done.pictures, done.labels, done.train, done.test) == (
        tmp_path / "winter",
        tmp_path / "winter-labels",
        3,
        2,
    )
    again = open_place(look("winter", data=tmp_path))
    for old, new in ((few.train, again.train), (few.test, again.test)):
        assert list(new.names) == list(old.names)
        for index, name in enumerate(old.names):
            assert new.picture(index, 40).tobytes() == old.picture(index, 40).tobytes()
            with Image.open(tmp_path / "winter-labels" / new.folder.name / name) as labels:
                assert np.array_equal(np.asarray(labels), old.labels(index, 40))


def test_label_files_are_readable_by_eye_and_by_programs(few, tmp_path):
    export([few], tmp_path, labels=True)
    path = tmp_path / "winter-labels" / "test" / few.test.names[0]
    numbers = few.test.labels(0, 64)
    assert np.array_equal(np.asarray(read_picture(path)), np.array(COLOURS, np.uint8)[numbers])
    with (tmp_path / "winter-labels" / CLASSES_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["number"]), row["name"]) for row in rows] == list(enumerate(CLASSES))
    things = np.array([int(row["without_snow"]) for row in rows])
    assert np.array_equal(things[numbers], without_snow(numbers))


def test_real_pictures_keep_their_sizes_and_sub_folders_and_are_split_as_they_are_trained_on(tmp_path):
    for number in range(10):
        folder = tmp_path / "mine" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + number, 18), (number, 0, 0)).save(folder / f"{number}.bmp")
    (domain,) = resolve([f"pets={tmp_path / 'mine'}"], needed=1)
    export([domain], tmp_path / "out")
    assert len(files(tmp_path / "out" / "pets" / "train")) == 9
    found = {path.stem: path for path in (tmp_path / "out").rglob("*.png")}
    assert len(found) == 10
    assert found["7"].parent.name == "cats"
    assert read_picture(found["7"]).size == (27, 18)
    assert read_picture(found["7"]).getpixel((3, 3)) == (7, 0, 0)
    export([domain], tmp_path / "small", size=9)
    assert {min(read_picture(path).size) for path in (tmp_path / "small").rglob("*.png")} == {9}


def test_nothing_is_overwritten_and_nothing_half_written_is_left(few, tmp_path):
    (tmp_path / "winter-labels").mkdir()
    with pytest.raises(DomainError, match="winter-labels exists already, and nothing is overwritten"):
        export([few], tmp_path, labels=True)
    assert files(tmp_path) == []
    mine = tmp_path / "mine"
    mine.mkdir()
    Image.new("RGB", (20, 20)).save(mine / "1.png")
    (mine / "2.png").write_text("no picture")
    domains = [few, *resolve([f"mine={mine}"], needed=1)]
    with pytest.raises(PictureError, match=r"2\.png"):
        export(domains, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_pictures_of_more_than_8_bits_are_not_exported_with_less(tmp_path):
    mine = tmp_path / "ct"
    mine.mkdir()
    for number in range(3):
        Image.new("I;16", (20, 20), 1000 * number).save(mine / f"{number}.png")
    with pytest.raises(DomainError, match=r"a picture of 'ct' is 16-bit gray, of which an export would keep 8 bits"):
        export(resolve([f"ct={mine}"], needed=1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_refused_before_anything_is_written(few, tmp_path):
    mine = tmp_path / "winter"
    mine.mkdir()
    for name in ("train/1.png", "train/1.jpg", "test/2.png"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20)).save(mine / name)
    same = resolve([f"winter={mine}"], needed=1)
    with pytest.raises(DomainError, match="'winter' has no labels, because only drawn scenes know"):
        export(same, tmp_path / "out", labels=True)
    with pytest.raises(DomainError, match="two domains would be written to .*winter; rename one"):
        export([few, *same], tmp_path / "out")
    with pytest.raises(DomainError, match=r"'1\.jpg' and '1\.png' would both become 1\.png"):
        export(same, tmp_path / "out")
    assert files(tmp_path / "out") == []

"""Which test pictures show the same thing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from combogan.data.catalog import DomainPictures, resolve
from combogan.evaluation.truth import named_alike, paired, shared


def folder(parent: Path, name: str, tested: Sequence[str]) -> DomainPictures:
    for part, names in (("train", ["any.png"]), ("test", tested)):
        (parent / name / part).mkdir(parents=True)
        for each in names:
            Image.new("RGB", (8, 8), (len(name), 0, 0)).save(parent / name / part / each)
    return resolve([f"{name}={parent / name}"], needed=1)[0]


def test_published_pairs_meet_without_their_sides(tmp_path: Path) -> None:
    aerial = folder(tmp_path, "aerial", ["1_A.jpg", "10_A.jpg", "2_A.jpg"])
    maps = folder(tmp_path, "map", ["1_B.png", "10_B.png", "2_B.png"])
    one, other = paired([aerial, maps])
    assert named_alike([one, other]) == ("aerial", "map")
    assert named_alike([one, aerial]) == ()
    assert shared(one, other) == {"10_A.jpg": 0, "1_A.jpg": 1, "2_A.jpg": 2}
    assert replace(one, truth=None) == aerial


def test_names_that_are_equal_in_part_only_are_chance(tmp_path: Path) -> None:
    sources = [folder(tmp_path, "monet", ["001.png", "002.png"]), folder(tmp_path, "photo", ["001.png"])]
    assert paired(sources) == sources
    assert shared(*sources) == {}


def test_sets_that_pair_by_other_names_share_no_truth(tmp_path: Path) -> None:
    names = {
        "aerial": ["1.png", "2.png"],
        "map": ["1.png", "2.png"],
        "day": ["2.png", "3.png"],
        "night": ["2.png", "3.png"],
    }
    aerial, maps, day, night = paired([folder(tmp_path, name, tested) for name, tested in names.items()])
    assert len(shared(aerial, maps)) == len(shared(day, night)) == 2
    assert shared(aerial, day) == shared(night, maps) == {}


def test_pictures_left_out_of_a_set_leave_the_truth_of_the_others(tmp_path: Path) -> None:
    aerial, maps = paired([folder(tmp_path, name, ["1.png", "2.png", "3.png"]) for name in ("aerial", "map")])
    aerial = replace(aerial, test=aerial.test.named(["1.png", "3.png"]))
    assert shared(aerial, maps) == {"1.png": 0, "3.png": 2}
    assert shared(maps, aerial) == {"1.png": 0, "3.png": 1}


def test_names_that_come_twice_without_their_sides_pair_with_nothing(tmp_path: Path) -> None:
    sources = [folder(tmp_path, name, ["1_A.png", "1_B.png"]) for name in ("one", "other")]
    assert paired(sources) == sources


def test_a_held_out_tenth_pairs_with_nothing(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("RGB", (8, 8), (len(name), index, 0)).save(tmp_path / name / f"{index}.png")
    sources = resolve([f"{name}={tmp_path / name}" for name in ("one", "other")])
    assert paired(sources) == sources


def test_a_declared_truth_stays_as_it_is_and_is_shared_by_name() -> None:
    sources = resolve(["summer", "winter"])
    assert paired(sources) == sources
    assert len(shared(*sources)) == 40

"""Held-out pictures depend only on the seed and the pictures, and are not trained on."""

from pathlib import Path

import pytest
from PIL import Image

from combogan.data.catalog import DomainPictures, resolve
from combogan.data.pictures import FolderPictures
from combogan.data.validation_split import MOST, SCENES, hold_out, too_few

SEASONS = ["summer", "winter", "fall"]


def of(sources: list[DomainPictures]) -> dict[str, DomainPictures]:
    return {source.name: source for source in sources}


def folder(path: Path, name: str, count: int) -> DomainPictures:
    names = tuple(f"{index}.png" for index in range(count))
    return DomainPictures(name, str(path), FolderPictures(path, names), FolderPictures(path, ()), name, None)


def names(source: DomainPictures) -> tuple[set[str], set[str]]:
    assert source.validation is not None
    return set(source.train.names), set(source.validation.names)


def test_a_tenth_of_a_folder_is_held_out_and_the_rest_is_trained_on(tmp_path: Path) -> None:
    for count, held in ((10, 1), (59, 5), (1000, MOST)):
        train, validation = names(hold_out({"a": folder(tmp_path, "a", count)}, 0)["a"])
        assert len(validation) == held
        assert not train & validation
        assert train | validation == set(folder(tmp_path, "a", count).train.names)


def test_of_drawn_seasons_the_same_scenes_are_held_out_of_all(tmp_path: Path) -> None:
    held = hold_out(of(resolve(SEASONS)), 0)
    shown = [names(source)[1] for source in held.values()]
    assert shown[0] == shown[1] == shown[2]
    assert len(shown[0]) == 3 * SCENES
    for source in held.values():
        train, validation = names(source)
        assert len(train) == 300 - SCENES
        assert not train & validation
        assert not {*source.test.names} & validation
    first = [source.validation.picture(0, 32).tobytes() for source in held.values() if source.validation]
    assert len(set(first)) == 3


def test_two_sets_of_the_same_season_train_on_nothing_that_either_holds_out() -> None:
    held = hold_out(of(resolve(["summer", "few=scenes-small/summer"])), 0)
    shown = names(held["summer"])[1]
    assert shown == names(held["few"])[1]
    assert len(held["few"].validation or ()) == len(shown)  # a scene that both hold out is there once
    assert len(shown) > SCENES
    assert not shown & (names(held["summer"])[0] | names(held["few"])[0])


def test_the_choice_depends_on_the_seed_and_the_pictures_alone(tmp_path: Path) -> None:
    def chosen(words: list[str], seed: int, also: int = 40) -> set[str]:
        sources = of(resolve(words)) | {"a": folder(tmp_path, "a", also)}
        held = hold_out(sources, seed)
        return {*held["summer"].train.names, *held["a"].train.names}

    once = chosen(["summer", "winter"], 3)
    assert chosen(["summer", "winter"], 3) == once
    assert chosen(["fall", "summer", "spring"], 3) == once
    assert chosen(["summer", "winter"], 4) != once
    one, other = (names(hold_out({"a": folder(tmp_path, "a", count)}, 3)["a"])[1] for count in (40, 41))
    assert len(one & other) >= 3


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    sources = {"a": folder(tmp_path, "a", 9), "b": folder(tmp_path, "b", 10)}
    assert too_few(sources) == ["a"]
    with pytest.raises(ValueError, match="too few pictures to hold any out: a"):
        hold_out(sources, 0)


def test_only_some_pictures_are_those_pictures(tmp_path: Path) -> None:
    for index in range(3):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / f"{index}.png")
    three = folder(tmp_path, "a", 3).train
    two = three.named(["0.png", "2.png"])
    assert two.names == ("0.png", "2.png")
    assert two.picture(1, 8).getpixel((0, 0)) == (2, 0, 0)
    assert three.fingerprint() != two.fingerprint()
    summer, winter = (source.train for source in resolve(["summer", "winter"]))
    some = summer.named([summer.names[5], summer.names[7]])
    assert [*some.names] == [summer.names[5], summer.names[7]]
    assert some.picture(1, 32).tobytes() == summer.picture(7, 32).tobytes()
    other = summer.named([summer.names[5], summer.names[8]])
    assert len({summer.fingerprint(), some.fingerprint(), other.fingerprint()}) == 3
    same_scenes = winter.named(some.names)  # which are not in the set of winter
    assert same_scenes.names == some.names
    assert same_scenes.picture(1, 32).tobytes() != some.picture(1, 32).tobytes()

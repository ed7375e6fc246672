"""What is held out of training is a function of the seed and of the pictures alone, and is not trained on."""

from pathlib import Path

import pytest
from PIL import Image

from combogan.data.catalog import DomainPictures, resolve
from combogan.data.pictures import FolderPictures
from combogan.data.validation_split import MOST, SCENES, hold_out, only, too_few

SEASONS = ["summer", "winter", "fall"]


def of(domains: list[DomainPictures]) -> dict[str, DomainPictures]:
    return {domain.name: domain for domain in domains}


def folder(path: Path, name: str, count: int) -> DomainPictures:
    names = tuple(f"{index}.png" for index in range(count))
    return DomainPictures(name, str(path), FolderPictures(path, names), FolderPictures(path, ()), name, None)


def names(domain: DomainPictures) -> tuple[set[str], set[str]]:
    assert domain.validation is not None
    return set(domain.train.names), set(domain.validation.names)


def test_a_tenth_of_a_folder_is_held_out_and_the_rest_is_trained_on(tmp_path: Path) -> None:
    for count, held in ((10, 1), (59, 5), (1000, MOST)):
        train, validation = names(hold_out({"a": folder(tmp_path, "a", count)}, 0)["a"])
        assert len(validation) == held
        assert not train & validation
        assert train | validation == set(folder(tmp_path, "a", count).train.names)


def test_of_drawn_seasons_the_same_scenes_are_held_out_of_all(tmp_path: Path) -> None:
    held = hold_out(of(resolve(SEASONS)), 0)
    shown = [names(domain)[1] for domain in held.values()]
    assert shown[0] == shown[1] == shown[2]
    assert len(shown[0]) == 3 * SCENES
    for domain in held.values():
        train, validation = names(domain)
        assert len(train) == 300 - SCENES
        assert not train & validation
        assert not {*domain.test.names} & validation
    first = [domain.validation.picture(0, 32).tobytes() for domain in held.values() if domain.validation]
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
        domains = of(resolve(words)) | {"a": folder(tmp_path, "a", also)}
        held = hold_out(domains, seed)
        return {*held["summer"].train.names, *held["a"].train.names}

    once = chosen(["summer", "winter"], 3)
    assert chosen(["summer", "winter"], 3) == once
    assert chosen(["fall", "summer", "spring"], 3) == once
    assert chosen(["summer", "winter"], 4) != once
    one, other = (names(hold_out({"a": folder(tmp_path, "a", count)}, 3)["a"])[1] for count in (40, 41))
    assert len(one & other) >= 3


def test_too_few_pictures_are_said_and_refused(tmp_path: Path) -> None:
    domains = {"a": folder(tmp_path, "a", 9), "b": folder(tmp_path, "b", 10)}
    assert too_few(domains) == ["a"]
    with pytest.raises(ValueError, match="too few pictures to hold any out: a"):
        hold_out(domains, 0)


def test_only_some_pictures_are_those_pictures(tmp_path: Path) -> None:
    for index in range(3):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / f"{index}.png")
    two = only(folder(tmp_path, "a", 3).train, [0, 2])
    assert two.names == ("0.png", "2.png")
    assert two.picture(1, 8).getpixel((0, 0)) == (2, 0, 0)
    scenes = resolve(["summer", "winter"])[0].train
    some = only(scenes, [5, 7])
    assert [*some.names] == [scenes.names[5], scenes.names[7]]
    assert some.picture(1, 32).tobytes() == scenes.picture(7, 32).tobytes()
    assert len({scenes.fingerprint(), some.fingerprint(), only(scenes, [5, 8]).fingerprint()}) == 3
    with pytest.raises(TypeError, match="cannot be divided"):
        only([], [])  # type: ignore[arg-type]

"""Of aligned domains, no counterpart of a test picture is trained on, and the counterpart is the truth."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from combogan.data.alignment import common_name
from combogan.data.catalog import DomainPictures, resolve
from combogan.data.paired_split import with_truth
from combogan.data.pictures import PictureSet
from combogan.data.test_split import split
from combogan.data.validation_split import hold_out


def folder(path: Path, names: Iterable[str]) -> Path:
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_bytes(b"")
    return path


def domain(parent: Path, name: str, train: Iterable[str], test: Iterable[str] | None = None) -> DomainPictures:
    """A domain with a test folder, or with all pictures in one."""
    folder(parent / name if test is None else parent / name / "train", train)
    if test is not None:
        folder(parent / name / "test", test)
    return resolve([f"{name}={parent / name}"], needed=1)[0]


def numbered(numbers: Iterable[int], end: str = ".png") -> list[str]:
    return [f"{number}{end}" for number in numbers]


def common(pictures: PictureSet | None) -> set[str]:
    assert pictures is not None
    return set(map(common_name, pictures.names))


def test_the_same_tenth_is_held_out_of_all_aligned_domains(tmp_path: Path) -> None:
    label = domain(tmp_path, "label", numbered(range(40), "_A.jpg"))
    photo = domain(tmp_path, "photo", numbered(range(3, 50), "_B.png"))
    alone = domain(tmp_path, "alone", (f"x{number}.png" for number in range(30)))
    assert common(label.test) & common(photo.train)  # each for itself holds out others
    one, other, third = with_truth([label, photo, alone], trained=True)
    assert one.truth is not None
    assert one.truth == other.truth
    assert third == alone
    for source, count in ((one, 40), (other, 47)):
        assert len(source.train) + len(source.test) == count
        assert 1 <= len(source.test) <= 10
    assert not (common(one.test) | common(other.test)) & (common(one.train) | common(other.train))
    assert {name for name in common(one.test) if int(name) >= 3} == {
        name for name in common(other.test) if int(name) < 40
    }
    assert with_truth([photo, alone, label], trained=True) == [other, third, one]


def test_equal_names_are_divided_as_those_of_one_domain(tmp_path: Path) -> None:
    label, photo = (domain(tmp_path, name, numbered(range(40))) for name in ("label", "photo"))
    for source in with_truth([label, photo], trained=True):
        train, test = split(source.name, tmp_path / source.name)
        assert (source.train, source.test) == (train, test)


def test_every_domain_keeps_pictures_to_train_on_and_to_test_with(tmp_path: Path) -> None:
    sizes = {"a": range(100), "b": range(90, 94), "c": range(1)}
    for source in with_truth([domain(tmp_path, name, numbered(some)) for name, some in sizes.items()], trained=True):
        assert len(source.test) >= 1
        assert len(source.train) >= 1


def test_without_training_on_pairs_equal_names_in_one_folder_may_be_chance(tmp_path: Path) -> None:
    sources = [domain(tmp_path, name, numbered(range(20), end)) for name, end in (("a", ".png"), ("b", ".jpg"))]
    assert with_truth(sources, trained=False) == sources


def test_test_folders_are_used_as_they_are(tmp_path: Path) -> None:
    parts = {"train": range(1, 21), "test": range(1, 6)}  # both are numbered from 1, as in the published facades
    sources = [
        domain(tmp_path, name, numbered(parts["train"], end), numbered(parts["test"], end))
        for name, end in (("label", ".png"), ("photo", ".jpg"))
    ]
    for trained in (True, False):
        found = with_truth(sources, trained=trained)
        assert found[0].truth == found[1].truth == "the names in label"
        assert [(one.train, one.test) for one in found] == [(one.train, one.test) for one in sources]
    other = domain(tmp_path, "other", numbered(range(1, 21)), numbered(range(1, 5)))
    assert with_truth([sources[0], other], trained=False) == [sources[0], other]
    assert all(one.truth for one in with_truth([sources[0], other], trained=True))


def test_a_picture_whose_counterpart_is_tested_with_is_not_trained_on(tmp_path: Path) -> None:
    label = domain(tmp_path, "label", numbered(range(20)), numbered([20, 21]))
    photo = domain(tmp_path, "photo", numbered(range(2, 22)), numbered([0, 1]))
    one, other = with_truth([label, photo], trained=True)
    assert common(one.train) == common(other.train) == set(map(str, range(2, 20)))
    assert (one.test, other.test) == (label.test, photo.test)


def test_domains_of_one_truth_hold_out_the_same_names_to_validate_with(tmp_path: Path) -> None:
    label = domain(tmp_path, "label", numbered(range(60), "_A.jpg"))
    photo = domain(tmp_path, "photo", numbered(range(5, 80), "_B.png"))
    one, other = hold_out({one.name: one for one in with_truth([label, photo], trained=True)}, 0).values()
    for source in (one, other):
        assert not common(source.validation) & (common(source.train) | common(source.test))
    assert not common(one.validation) & common(other.train)
    assert not common(other.validation) & common(one.train)
    assert len(common(one.validation) & common(other.validation)) >= 4
    unaligned = hold_out({"label": label, "photo": photo}, 0)
    assert common(unaligned["label"].validation) & common(unaligned["photo"].train)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_choice_does_not_depend_on_the_order_of_the_domains(tmp_path: Path, seed: int) -> None:
    names = {"a": range(60), "b": range(10, 70), "c": range(20, 80)}
    sources = with_truth([domain(tmp_path, name, numbered(some)) for name, some in names.items()], trained=True)
    forward = hold_out({one.name: one for one in sources}, seed)
    backward = hold_out({one.name: one for one in reversed(sources)}, seed)
    assert forward == backward

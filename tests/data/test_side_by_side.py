"""Pictures that show two domains side by side are cut into two folders."""

import numpy as np
import pytest
from gray_samples import sixteen_bits, values, write_domain
from PIL import Image

from combogan.data.side_by_side import split
from combogan.errors import DomainError, PictureError


def both(folder, name, size=(20, 8)):
    """A picture whose left half is red and whose right half is blue."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    picture.save(folder / name)


def test_halves_go_to_two_folders_under_the_same_names(tmp_path):
    for name in ("train/1.jpg", "train/2.png", "val/1.png"):
        both(tmp_path / "set", name)
    assert split(tmp_path / "set", tmp_path / "out", ("photo", "label")) == 3
    for domain, colour in (("photo", (255, 0, 0)), ("label", (0, 0, 255))):
        place = tmp_path / "out" / domain
        found = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.png"))
        assert found == ["test/1.png", "train/1.png", "train/2.png"]
        with Image.open(place / "train" / "2.png") as half:
            assert half.size == (10, 8)
            assert half.getcolors() == [(80, colour)]


def test_val_stays_where_there_is_a_test_set(tmp_path):
    for name in ("train/1.png", "val/2.png", "test/3.png"):
        both(tmp_path / "set", name)
    split(tmp_path / "set", tmp_path / "out", ("a", "b"))
    assert (tmp_path / "out" / "a" / "val" / "2.png").is_file()


def test_what_cannot_be_cut_is_named_and_nothing_is_written(tmp_path):
    both(tmp_path / "odd", "1.png")
    both(tmp_path / "odd", "2.png", size=(21, 8))
    with pytest.raises(PictureError, match=r"'2\.png' is 21 pixels wide, which cannot be halved"):
        split(tmp_path / "odd", tmp_path / "out", ("a", "b"))
    both(tmp_path / "double", "1.png")
    both(tmp_path / "double", "1.jpg")
    with pytest.raises(DomainError, match="would both become 1.png"):
        split(tmp_path / "double", tmp_path / "out", ("a", "b"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DomainError, match="has no pictures"):
        split(tmp_path / "empty", tmp_path / "out", ("a", "b"))
    for name in ("a", "A"):
        with pytest.raises(DomainError, match="give two that differ"):
            split(tmp_path / "odd", tmp_path / "out", ("a", name))
    assert not (tmp_path / "out").exists()


def eight_bits(**options):
    return np.rint(values(**options) * 255).astype(np.uint8)


@pytest.mark.parametrize(("make", "ending"), [(eight_bits, ".png"), (sixteen_bits, ".png"), (values, ".tif")])
def test_gray_keeps_its_depth(tmp_path, make, ending):
    write_domain(tmp_path / "set", make, ending, count=1)
    split(tmp_path / "set", tmp_path / "out", ("left", "right"))
    cut = [np.array(Image.open(tmp_path / "out" / side / f"0{ending}")) for side in ("left", "right")]
    assert np.array_equal(np.concatenate(cut, 1), make(seed=0))


def test_halves_that_exist_are_not_overwritten(tmp_path):
    both(tmp_path / "set", "1.png")
    split(tmp_path / "set", tmp_path / "out", ("a", "b"))
    with pytest.raises(DomainError, match="exists already"):
        split(tmp_path / "set", tmp_path / "out", ("a", "b"))


def test_gray_without_a_known_white_is_refused(tmp_path):
    write_domain(tmp_path / "set", lambda seed: sixteen_bits(seed=seed).astype(np.int32), ".tif", count=1)
    with pytest.raises(PictureError, match=r"'0\.tif' is gray of 32 bits or with a sign, without a known white"):
        split(tmp_path / "set", tmp_path / "out", ("a", "b"))
    assert not (tmp_path / "out").exists()

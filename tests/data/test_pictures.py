import os
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_samples import RED, WHITE, corners, noise, quarters, swapped_profile
from PIL import Image
from torchvision.transforms import InterpolationMode, Resize

from combogan.data.pictures import (
    FolderPictures,
    list_pictures,
    middle_square,
    open_picture,
    picture_size,
    read_picture,
    save_picture,
    scale_short_side,
    to_image,
    to_picture,
)
from combogan.errors import DomainError, PictureError, StorageError


@pytest.mark.parametrize(
    ("ending", "tolerance"), [("png", 0), ("bmp", 0), ("tiff", 0), ("gif", 60), ("jpg", 12), ("jpeg", 12), ("webp", 12)]
)
def test_every_format_comes_back_as_it_was_saved(tmp_path, ending, tolerance):
    gradient = np.stack([*np.meshgrid(np.arange(0, 240, 5), np.arange(0, 160, 5)), np.full((32, 48), 99)], axis=-1)
    picture = Image.fromarray(gradient.astype(np.uint8))
    save_picture(picture, tmp_path / f"a.{ending}")
    again = read_picture(tmp_path / f"a.{ending}")
    assert (again.mode, again.size) == ("RGB", (48, 32))
    assert picture_size(tmp_path / f"a.{ending}") == (48, 32)
    assert np.abs(np.asarray(again, dtype=int) - gradient).max() <= tolerance
    assert os.listdir(tmp_path) == [f"a.{ending}"]


def test_a_missing_file_and_a_folder_are_errors_with_a_sentence(tmp_path):
    with pytest.raises(PictureError, match=r"gone.jpg' cannot be opened \(No such file or directory\); check"):
        read_picture(tmp_path / "gone.jpg")
    with pytest.raises(PictureError, match="cannot be opened"):
        read_picture(tmp_path)


def test_pictures_are_listed_by_content_in_order_and_below_folders(tmp_path):
    (tmp_path / "b" / ".cache").mkdir(parents=True)
    for name in ("z.png", "b/a.PNG", "b/.hidden.png", "b/.cache/x.png"):
        Image.fromarray(noise()).save(tmp_path / name)
    Image.fromarray(noise()).save(tmp_path / "no-ending", "JPEG")
    Image.fromarray(noise()).save(tmp_path / "drawing.txt", "BMP")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(50))
    (tmp_path / "notes.txt").write_text("BMW, II, MM: a text that begins almost like a picture")
    (tmp_path / "broken.jpg").write_text("named like one, so that the check can name it")
    assert list_pictures(tmp_path) == ["b/a.PNG", "broken.jpg", "drawing.txt", "no-ending", "z.png"]


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "set" / "part").mkdir(parents=True)
    Image.fromarray(noise()).save(tmp_path / "real" / "a.png")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "set" / "part" / "up").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "self").symlink_to(tmp_path / "set" / "self")
    (tmp_path / "set" / "nowhere.png").symlink_to(tmp_path / "gone.png")
    assert list_pictures(tmp_path / "set") == ["linked/a.png"]


def test_a_folder_that_cannot_be_read_is_an_error_with_a_sentence(tmp_path):
    with pytest.raises(DomainError, match=r"gone' cannot be read \(No such file or directory\)"):
        list_pictures(tmp_path / "gone")


def test_a_fingerprint_follows_names_and_contents(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(noise()).save(tmp_path / name)
    both = FolderPictures(tmp_path, ("a.png", "b.png"))
    before = both.fingerprint()
    assert before == both.fingerprint()
    assert len(before) == 16
    assert before != FolderPictures(tmp_path, ("a.png",)).fingerprint()
    (tmp_path / "c.png").write_bytes((tmp_path / "b.png").read_bytes())
    assert before != FolderPictures(tmp_path, ("a.png", "c.png")).fingerprint()
    Image.fromarray(255 - noise()).save(tmp_path / "b.png")
    assert before != both.fingerprint()
    (tmp_path / "b.png").unlink()
    with pytest.raises(PictureError, match=r"b.png' cannot be opened"):
        both.fingerprint()


def test_a_folder_gives_its_pictures_in_its_order_at_their_own_size(tmp_path):
    for size in (8, 16):
        Image.new("RGB", (size, size)).save(tmp_path / f"{size}.png")
    pictures = FolderPictures(tmp_path, ("8.png", "16.png"))
    assert len(pictures) == 2
    assert [pictures.picture(index, 99).size for index in (0, 1)] == [(8, 8), (16, 16)]


def test_to_image_and_to_picture_are_exact_inverses():
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = to_image(Image.fromarray(every))
    assert (image.shape, image.dtype) == ((3, 16, 16), torch.float32)
    assert (image.min(), image.max()) == (-1, 1)
    assert np.array_equal(to_picture(image), every)
    channels = to_image(Image.fromarray(noise()))
    assert channels.is_contiguous()
    assert channels[1, 2, 3].item() == pytest.approx(noise()[2, 3, 1] / 127.5 - 1, abs=1e-6)
    assert np.array_equal(to_picture(channels), noise())


def test_to_picture_rounds_and_clamps_any_float_type():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        image = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0], dtype=dtype).expand(3, 1, 5)
        assert np.asarray(to_picture(image))[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert np.asarray(to_picture(torch.zeros(3, 1, 1, requires_grad=True))).tolist() == [[[128, 128, 128]]]


@pytest.mark.parametrize("shape", [(50, 30), (30, 50), (31, 31), (20, 77), (100, 33)])
@pytest.mark.parametrize("size", [16, 30, 48])
def test_scaling_equals_torchvision(shape, size):
    picture = Image.fromarray(noise(*shape))
    expected = Resize(size, InterpolationMode.BICUBIC)(picture)
    assert np.array_equal(scale_short_side(picture, size), expected)


@pytest.mark.parametrize("upright", [False, True])
def test_the_middle_square_is_what_lies_between_equal_ends(upright):
    pixels = np.zeros((20, 60, 3), dtype=np.uint8)
    pixels[:, 20:40] = 255
    picture = Image.fromarray(pixels.transpose(1, 0, 2) if upright else pixels)
    assert np.array_equal(middle_square(picture, 20), np.full((20, 20, 3), 255))
    assert middle_square(picture, 33).size == (33, 33)
    assert np.asarray(middle_square(picture, 10))[1:-1, 1:-1].min() > 250


def test_transparency_is_kept_where_the_format_holds_it_and_white_elsewhere(tmp_path):
    picture = Image.new("RGB", (16, 16), RED)
    alpha = Image.new("L", (16, 16), 255)
    alpha.paste(0, (0, 0, 8, 16))
    for ending in ("png", "webp", "tif", "gif"):
        save_picture(picture, tmp_path / f"a.{ending}", alpha)
        opened = open_picture(tmp_path / f"a.{ending}")
        assert opened.alpha is not None, ending
        assert np.array_equal(opened.alpha, alpha), ending
        assert corners(read_picture(tmp_path / f"a.{ending}")) == [WHITE, RED, WHITE, RED], ending
    for ending in ("jpg", "bmp"):
        save_picture(picture, tmp_path / f"a.{ending}", alpha)
        assert open_picture(tmp_path / f"a.{ending}").alpha is None
        assert corners(read_picture(tmp_path / f"a.{ending}")) == [WHITE, RED, WHITE, RED], ending


def test_half_transparency_survives_in_png(tmp_path):
    alpha = Image.fromarray(noise(channels=1)[..., 0])
    save_picture(Image.fromarray(noise()), tmp_path / "a.png", alpha)
    opened = open_picture(tmp_path / "a.png")
    assert np.array_equal(opened.rgb, noise())
    assert np.array_equal(opened.alpha, alpha)


def test_what_cannot_be_saved_is_an_error_with_a_sentence_and_leaves_no_trace(tmp_path):
    picture = quarters()
    with pytest.raises(StorageError, match=r"a.pdf' cannot be written: '.pdf' is no picture ending; use one of .jpg"):
        save_picture(picture, tmp_path / "a.pdf")
    with pytest.raises(StorageError, match=r"cannot be written \(No such file or directory\)"):
        save_picture(picture, tmp_path / "gone" / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be written \(Not a directory\)"):
        save_picture(picture, tmp_path / "file" / "a.png")
    with pytest.raises(StorageError, match="cannot be written as WEBP"):
        save_picture(Image.new("RGB", (17_000, 1)), tmp_path / "a.webp")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        save_picture(picture, tmp_path / "folder.png")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


def test_a_full_disk_leaves_the_old_picture_as_it_was(tmp_path, monkeypatch):
    save_picture(quarters(), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=r"the disk is full: .*a.png could not be written"):
        save_picture(Image.fromarray(noise()), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


def test_saving_leaves_the_picture_in_memory_alone(tmp_path):
    picture = quarters()
    picture.info["icc_profile"] = swapped_profile()
    save_picture(picture, tmp_path / "a.png", Image.new("L", picture.size, 9))
    assert (picture.mode, list(picture.info)) == ("RGB", ["icc_profile"])
    with Image.open(tmp_path / "a.png") as saved:
        assert "icc_profile" not in saved.info


def test_a_strip_that_would_become_too_large_is_refused():
    with pytest.raises(PictureError, match="of 100000 x 1 pixels would have 6400000 x 64 with a short side of 64"):
        scale_short_side(Image.new("RGB", (100_000, 1)), 64)

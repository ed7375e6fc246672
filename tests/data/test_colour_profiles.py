import os

import numpy as np
import pytest
from picture_samples import BLUE, GREEN, RED, WHITE, corners, noise, quarters, swapped_profile
from PIL import Image, ImageCms

from combogan.data.pictures import (
    open_picture,
    read_picture,
    save_picture,
)


def test_gray_becomes_three_equal_channels(tmp_path):
    gray = noise(channels=1)[..., 0]
    for name in ("a.png", "b.gif", "c.tif", "d.bmp"):
        Image.fromarray(gray).save(tmp_path / name)
        assert np.array_equal(read_picture(tmp_path / name), np.stack([gray] * 3, axis=-1)), name


def test_black_and_white_becomes_0_and_255(tmp_path):
    bits = Image.fromarray(noise(channels=1)[..., 0] > 127)
    bits.save(tmp_path / "a.png")
    assert bits.mode == "1"
    assert np.array_equal(read_picture(tmp_path / "a.png"), np.asarray(bits.convert("RGB")))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_scaled_to_eight_and_not_cut(tmp_path, ending):
    values = np.array([[0, 257, 1000, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{ending}")
    assert np.asarray(read_picture(tmp_path / f"a.{ending}"))[0, :, 0].tolist() == [0, 1, 4, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100, 255]], dtype=np.int32), [0, 100, 255]),
        (np.array([[0, 25700, 65535]], dtype=np.int32), [0, 100, 255]),
        (np.array([[-1000, 0, 1000]], dtype=np.int32), [0, 128, 255]),
        (np.array([[0, 0.2, 1]], dtype=np.float32), [0, 51, 255]),
        (np.array([[0, 100, 200]], dtype=np.float32), [0, 100, 200]),
        (np.array([[0, np.nan, 0]], dtype=np.float32), [0, 0, 0]),
    ],
)
def test_32_bits_and_floats_are_scaled_by_what_they_hold(tmp_path, values, expected):
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert np.asarray(read_picture(tmp_path / "a.tif"))[0, :, 0].tolist() == expected


def test_a_palette_is_followed_also_where_it_is_transparent(tmp_path):
    palette = Image.new("P", (3, 1))
    palette.putpalette([*RED, *GREEN, *BLUE])
    palette.putdata([0, 1, 2])
    palette.save(tmp_path / "plain.png")
    palette.save(tmp_path / "clear.gif", transparency=1)
    palette.save(tmp_path / "half.png", transparency=bytes([255, 0, 128]))
    colours = {name: np.asarray(read_picture(tmp_path / name))[0].tolist() for name in os.listdir(tmp_path)}
    assert colours["plain.png"] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert colours["clear.gif"] == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    assert colours["half.png"] == [[255, 0, 0], [255, 255, 255], [127, 127, 255]]


def test_alpha_is_blended_with_white_or_kept_apart(tmp_path):
    for mode, colour in (("RGBA", (100, 50, 0)), ("LA", (100,))):
        picture = Image.new(mode, (2, 1), (*colour, 0))
        picture.putpixel((1, 0), (*colour, 255))
        picture.save(tmp_path / "a.png")
        rgb = colour if mode == "RGBA" else colour * 3
        assert [read_picture(tmp_path / "a.png").getpixel((x, 0)) for x in (0, 1)] == [WHITE, rgb]
        opened = open_picture(tmp_path / "a.png")
        assert [opened.rgb.getpixel((x, 0)) for x in (0, 1)] == [rgb, rgb]
        assert opened.alpha is not None
        assert opened.alpha.tobytes() == b"\x00\xff"


def test_one_transparent_colour_is_transparent(tmp_path):
    Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)).save(tmp_path / "a.png", transparency=(1, 2, 3))
    Image.fromarray(np.array([[500, 65535]], dtype=np.uint16)).save(tmp_path / "b.png", transparency=500)
    Image.fromarray(np.array([[50, 0]], dtype=np.uint8)).save(tmp_path / "c.png", transparency=50)
    seen = {name: read_picture(tmp_path / f"{name}.png").tobytes() for name in "abc"}
    assert seen == {"a": bytes([255, 255, 255, 4, 5, 6]), "b": bytes([255] * 6), "c": bytes([255, 255, 255, 0, 0, 0])}
    assert open_picture(tmp_path / "b.png").alpha.tobytes() == b"\x00\xff"


def test_alpha_without_effect_is_none(tmp_path):
    Image.new("RGBA", (4, 4), (1, 2, 3, 255)).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").alpha is None


def test_cmyk_becomes_the_colours_it_prints(tmp_path):
    for name in ("a.jpg", "a.tif"):
        Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / name)
        assert corners(read_picture(tmp_path / name)) == [RED] * 4


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_colours_in_another_profile_become_srgb_and_the_profile_is_forgotten(tmp_path, ending):
    quarters().save(tmp_path / f"a.{ending}", icc_profile=swapped_profile())
    picture = read_picture(tmp_path / f"a.{ending}")
    assert corners(picture) == [GREEN, RED, BLUE, WHITE]
    save_picture(picture, tmp_path / "b.png")
    assert corners(read_picture(tmp_path / "b.png")) == [GREEN, RED, BLUE, WHITE]


def test_a_profile_is_followed_under_palettes_and_transparency(tmp_path):
    quarters().convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.png", icc_profile=swapped_profile())
    assert corners(read_picture(tmp_path / "p.png")) == [GREEN, RED, BLUE, WHITE]
    quarters().convert("RGBA").save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert corners(read_picture(tmp_path / "a.png")) == [GREEN, RED, BLUE, WHITE]


def test_an_srgb_profile_changes_no_value(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_picture(tmp_path / "a.png"), noise())


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200]])
def test_a_broken_profile_is_ignored(tmp_path, profile):
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_picture(tmp_path / "a.png"), noise())


def test_a_profile_for_other_colours_is_ignored(tmp_path):
    gray = noise(channels=1)[..., 0]
    Image.fromarray(gray).save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert np.array_equal(read_picture(tmp_path / "a.png"), np.stack([gray] * 3, axis=-1))

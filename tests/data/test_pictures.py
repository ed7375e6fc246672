import contextlib
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torchvision.transforms import InterpolationMode, Resize

from combogan.data.pictures import (
    FolderPictures,
    list_pictures,
    open_picture,
    picture_size,
    read_picture,
    save_picture,
    scale_short_side,
    to_image,
    to_picture,
)
from combogan.errors import DomainError, PictureError, StorageError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def noise(width=24, height=16, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def quarters(width=48, height=32):
    """Red, green above blue, white: every orientation is told apart."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(WHITE, (width // 2, height // 2, width, height))
    return picture


def corners(picture):
    width, height = picture.size
    places = ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5))
    return [tuple(round(value / 255) * 255 for value in picture.getpixel(place)) for place in places]


def png_header(width, height):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def swapped_profile(one=b"rXYZ", other=b"gXYZ"):
    """sRGB with two primaries exchanged: pure red in it is what sRGB calls pure green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12)
    at = {bytes(profile[entry : entry + 4]): entry for entry in table}
    profile[at[one] : at[one] + 4], profile[at[other] : at[other] + 4] = other, one
    return bytes(profile)


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


def test_the_content_counts_and_not_the_ending(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", "PNG")
    assert open_picture(tmp_path / "a.jpg").format == "PNG"
    assert np.array_equal(read_picture(tmp_path / "a.jpg"), noise())


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
    colours = {
        name: list(read_picture(tmp_path / name).convert("RGB").get_flattened_data()) for name in os.listdir(tmp_path)
    }
    assert colours["plain.png"] == [RED, GREEN, BLUE]
    assert colours["clear.gif"] == [RED, WHITE, BLUE]
    assert colours["half.png"] == [RED, WHITE, (127, 127, 255)]


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


def test_of_a_moving_picture_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    for name in ("a.gif", "a.png", "a.webp", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        opened = open_picture(tmp_path / name)
        assert opened.several, name
        assert corners(opened.rgb) == [RED] * 4, name


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
        (99, [RED, GREEN, BLUE, WHITE]),
    ],
)
def test_pictures_stand_as_exif_says(tmp_path, ending, orientation, seen):
    exif = Image.Exif()
    exif[0x0112] = orientation
    quarters().save(tmp_path / f"a.{ending}", exif=exif)
    picture = read_picture(tmp_path / f"a.{ending}")
    assert corners(picture) == seen
    assert picture.size == ((32, 48) if 5 <= orientation <= 8 else (48, 32))
    assert picture_size(tmp_path / f"a.{ending}") == picture.size


def test_the_transparency_turns_with_the_colours(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    picture.putpixel((0, 0), (0, 0, 0, 0))
    picture.save(tmp_path / "a.png", exif=exif)
    assert open_picture(tmp_path / "a.png").alpha.tobytes() == b"\xff\x00"


def test_damaged_exif_does_not_hurt_the_picture_and_prints_nothing(tmp_path):
    quarters().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(40)))
    code = "import sys; from combogan.data.pictures import *; read_picture(sys.argv[1]).save(sys.argv[2])"
    # In a process of its own: the suite makes warnings errors, which the program does not.
    command = [sys.executable, "-c", code, str(tmp_path / "a.jpg"), str(tmp_path / "b.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert corners(read_picture(tmp_path / "b.png")) == [RED, GREEN, BLUE, WHITE]


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


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tif", "gif"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
def test_a_truncated_picture_is_an_error_that_names_it(tmp_path, ending, kept):
    path = tmp_path / f"holiday.{ending}"
    Image.fromarray(noise(64, 64)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(PictureError, match=f"holiday.{ending}' is "):
        read_picture(path)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tif", "gif"])
def test_damaged_bytes_give_a_picture_or_a_sentence_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(noise(16, 16)).save(path)
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    draw = np.random.default_rng(1)
    with warnings.catch_warnings():
        # The suite makes warnings errors, which would hide what comes after them.
        warnings.simplefilter("ignore")
        for _ in range(60):
            damaged = whole.copy()
            damaged[draw.integers(12, len(whole), 6)] = draw.integers(0, 256, 6)
            path.write_bytes(damaged.tobytes())
            for read in (read_picture, picture_size):
                with contextlib.suppress(PictureError):
                    read(path)


def test_what_is_no_picture_is_named_with_what_it_is(tmp_path):
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    with pytest.raises(PictureError, match=r"page.jpg' is no JPEG, PNG, .* \(it begins with b'<html>no'\); convert"):
        read_picture(tmp_path / "page.jpg")
    (tmp_path / "none.png").write_bytes(b"")
    with pytest.raises(PictureError, match=r"none.png' is no JPEG, .*it is empty"):
        picture_size(tmp_path / "none.png")


def test_a_format_that_is_not_ours_is_never_opened(tmp_path):
    for format in ("PPM", "TGA", "ICO", "PCX", "EPS"):
        Image.fromarray(noise(16, 16)).save(tmp_path / "a.png", format)
        with pytest.raises(PictureError, match="is no JPEG"):
            read_picture(tmp_path / "a.png")


def test_a_missing_file_and_a_folder_are_errors_with_a_sentence(tmp_path):
    with pytest.raises(PictureError, match=r"gone.jpg' cannot be opened \(No such file or directory\); check"):
        read_picture(tmp_path / "gone.jpg")
    with pytest.raises(PictureError, match="cannot be opened"):
        read_picture(tmp_path)


@pytest.mark.parametrize("side", [13_400, 60_000])
def test_a_picture_bomb_is_refused_before_it_is_decoded(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    for read in (read_picture, picture_size):
        with pytest.raises(
            PictureError, match=f"bomb.png' is too large \\({side} x {side} pixels, at most 178 million"
        ):
            read(tmp_path / "bomb.png")


def test_a_large_picture_below_the_limit_gives_no_warning(tmp_path):
    (tmp_path / "large.png").write_bytes(png_header(10_000, 10_000))
    assert picture_size(tmp_path / "large.png") == (10_000, 10_000)


def test_threads_may_read_at_the_same_time(tmp_path):
    for index in range(8):
        Image.fromarray(np.roll(noise(), index, axis=0)).save(tmp_path / f"{index}.png", icc_profile=swapped_profile())
    expected = [read_picture(tmp_path / f"{index}.png").tobytes() for index in range(8)]
    wrong = []

    def read():
        for _ in range(5):
            wrong.extend(i for i in range(8) if read_picture(tmp_path / f"{i}.png").tobytes() != expected[i])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


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
    with pytest.raises(StorageError, match=r"a.png' cannot be written \(No space left on device\)"):
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

import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from picture_samples import BLUE, GREEN, RED, WHITE, corners, noise, quarters, swapped_profile
from PIL import Image

from combogan.data.pictures import (
    open_picture,
    picture_size,
    read_picture,
)
from combogan.errors import PictureError


def png_header(width, height):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def test_the_content_counts_and_not_the_ending(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", "PNG")
    assert open_picture(tmp_path / "a.jpg").format == "PNG"
    assert np.array_equal(read_picture(tmp_path / "a.jpg"), noise())


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
        refused = []
        for _ in range(60):
            damaged = whole.copy()
            damaged[draw.integers(12, len(whole), 6)] = draw.integers(0, 256, 6)
            path.write_bytes(damaged.tobytes())
            try:
                assert read_picture(path).size == picture_size(path)
            except PictureError as error:
                refused.append(str(error))
    assert refused
    assert all(f"a.{ending}" in sentence for sentence in refused)


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

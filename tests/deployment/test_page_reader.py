import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from combogan.data.decoding import visible
from combogan.data.pictures import open_picture, scale_short_side
from combogan.deployment.page_reader import read
from combogan.errors import PictureError

MILLION = 10**6


def save(path, size, mode="RGB", **options):
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (size[1], size[0], len(mode)), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def flat_png(width, height):
    """A few bytes that are width x height black pixels."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = zlib.compress(bytes(height * (1 + width // 8)), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_is_what_the_reader_of_the_command_line_gives(tmp_path):
    path = save(tmp_path / "one.png", (31, 23), "RGBA")
    found, expected = read(path, largest=MILLION), open_picture(path)
    assert found.rgb.size == (31, 23)
    assert found.rgb.tobytes() == visible(expected).tobytes()
    assert found.alpha.tobytes() == expected.alpha.tobytes()
    path = save(tmp_path / "two.jpg", (31, 23))
    found = read(path, largest=MILLION, size=10)
    assert found.rgb.tobytes() == scale_short_side(open_picture(path).rgb, 10).tobytes()
    assert found.alpha is None


def test_all_rows_of_a_tall_picture_are_sent(tmp_path):
    path = save(tmp_path / "tall.png", (3, 700))
    assert read(path, largest=MILLION).rgb.tobytes() == open_picture(path).rgb.tobytes()


def test_a_picture_is_not_scaled_up_without_bound(tmp_path):
    path = save(tmp_path / "wide.png", (1000, 2))
    with pytest.raises(PictureError, match="too large at a short side of 100 pixels .50000 x 100 pixels, at most 1 m"):
        read(path, largest=MILLION, size=100)


def test_what_is_wrong_is_said_as_on_the_command_line(tmp_path):
    whole = io.BytesIO()
    Image.effect_noise((60, 60), 50).save(whole, "PNG")
    wrong = {
        "text.jpg": (b"no picture", "'text.jpg' is no JPEG, PNG, WebP, BMP, TIFF or GIF"),
        "empty.png": (b"", "'empty.png' is no JPEG.*it is empty"),
        "cut.png": (whole.getvalue()[:-900], "'cut.png' is broken or truncated"),
        "-h": (b"<svg/>", "'-h' is no JPEG"),
        "bomb.png": (flat_png(8000, 8001), "too large .8000 x 8001 pixels, at most 64 million are read"),
    }
    for name, (content, sentence) in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PictureError, match=sentence):
            read(tmp_path / name, largest=64 * MILLION)
    with pytest.raises(PictureError, match="'lost.png' is not here any more"):
        read(tmp_path / "lost.png", largest=MILLION)


def test_decoding_ends_where_the_memory_does(tmp_path):
    (tmp_path / "bits.png").write_bytes(flat_png(6000, 6000))  # 36 MB while it is gray, 144 MB as RGB
    with pytest.raises(PictureError, match="'bits.png' is too large: the memory did not suffice"):
        read(tmp_path / "bits.png", largest=64 * MILLION, memory=150 * MILLION)

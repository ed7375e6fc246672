"""What the pixels of files are, and gray that keeps its depth from file to file."""

import io
import struct
import zlib

import numpy as np
import pytest
from gray_samples import sixteen_bits, values
from PIL import Image

from combogan.data.batches import Batches
from combogan.data.colour_profiles import over_white
from combogan.data.pictures import (
    FolderPictures,
    kind_in,
    open_picture,
    read_picture,
    save_picture,
    scale_short_side,
    to_image,
    to_picture,
)
from combogan.data.pixel_kinds import PixelKind, displayed
from combogan.errors import PictureError, StorageError


def png(colour_type, samples, height, width):
    """A PNG of 16 bits per sample, which Pillow cannot write in colour."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


@pytest.mark.parametrize(
    ("array", "ending", "kind"),
    [
        (values() > 0.5, ".png", PixelKind.GRAY),
        ((values() * 255).astype(np.uint8), ".jpg", PixelKind.GRAY),
        (np.zeros((8, 8, 3), np.uint8), ".png", PixelKind.COLOUR),
        (sixteen_bits(), ".png", PixelKind.GRAY_16),
        (sixteen_bits(), ".tif", PixelKind.GRAY_16),
        (values(), ".tif", PixelKind.FLOAT),
        (np.zeros((16, 5, 3), np.uint8), ".bmp", PixelKind.COLOUR),  # a line of it has 16 bytes
        (np.zeros((16, 16, 3), np.uint8), ".tif", PixelKind.COLOUR),
        (np.full((8, 8), -5, np.int32), ".tif", PixelKind.INTEGER),
    ],
)
def test_the_header_says_what_the_pixels_are(tmp_path, array, ending, kind):
    path = tmp_path / f"picture{ending}"
    Image.fromarray(array).save(path)
    assert kind_in(path) is kind
    assert open_picture(path).kind is kind
    assert open_picture(path).rgb.mode == "RGB"  # as ever, unless one channel is asked for
    if kind.keeps is None or kind is PixelKind.COLOUR:
        with pytest.raises(PictureError, match=f"is {kind}, and networks of one channel take gray"):
            open_picture(path, 1)
    else:
        assert open_picture(path, 1).rgb.mode == ("F" if kind.is_deep else "L")


def test_colour_of_16_bits_and_gray_with_transparency_are_known_and_not_read_in_one_channel(tmp_path):
    for colour_type, samples, kind in ((2, 3, PixelKind.COLOUR_16), (4, 2, PixelKind.CLEAR_16)):
        path = tmp_path / f"{colour_type}.png"
        path.write_bytes(png(colour_type, np.full((4, 5 * samples), 4660), 4, 5))
        assert kind_in(path) is kind
        with pytest.raises(PictureError, match=str(kind)):
            open_picture(path, 1)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_all_16_bits_survive_from_file_to_image_to_file(tmp_path, ending):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(every).save(tmp_path / f"in{ending}")
    picture = read_picture(tmp_path / f"in{ending}", 1)
    image = to_image(picture)
    assert image.shape == (1, 256, 256)
    assert (image.min(), image.max()) == (-1, 1)
    save_picture(to_picture(image, deep=True), tmp_path / f"out{ending}", kind=PixelKind.GRAY_16)
    with Image.open(tmp_path / f"out{ending}") as result:
        assert result.mode == "I;16"
        assert np.array_equal(np.asarray(result), every)


def test_floats_and_8_bits_come_out_as_they_went_in(tmp_path):
    Image.fromarray(values()).save(tmp_path / "in.tif")
    picture = read_picture(tmp_path / "in.tif", 1)
    save_picture(picture, tmp_path / "out.tif", kind=PixelKind.FLOAT)
    with Image.open(tmp_path / "out.tif") as result:
        assert np.array_equal(np.asarray(result), values())
    back = np.asarray(to_picture(to_image(picture), deep=True))
    assert np.abs(back - values()).max() < 1e-7
    with pytest.raises(StorageError, match="choose another ending"):
        save_picture(picture, tmp_path / "out.jpg", kind=PixelKind.GRAY_16)
    gray = Image.fromarray((values() * 255).astype(np.uint8))
    assert to_picture(to_image(gray)).tobytes() == gray.tobytes()
    assert displayed(Image.fromarray(np.array([[0, 0.5, 1]], np.float32))).tobytes() == bytes([0, 128, 255])


@pytest.mark.parametrize(
    ("floats", "told"),
    [([0.0, 4095.0], "holds floats from 0 to 4095"), ([-0.5, 1.0], "from -0.5 to 1"), ([0.0, np.nan], "no finite")],
)
def test_floats_beyond_black_and_white_are_refused(tmp_path, floats, told):
    Image.fromarray(np.array([floats] * 8, np.float32)).save(tmp_path / "scan.tif")
    with pytest.raises(PictureError, match=told):
        open_picture(tmp_path / "scan.tif", 1)
    assert open_picture(tmp_path / "scan.tif").rgb.mode == "RGB"  # in 8 bits it is scaled, as ever


def test_a_tiff_of_16_bits_in_which_0_is_white_is_read_as_it_looks(tmp_path):
    Image.fromarray(sixteen_bits()).save(tmp_path / "scan.tif", tiffinfo={262: 0})
    with Image.open(tmp_path / "scan.tif") as stored:
        assert stored.tag_v2[262] == 0
        numbers = np.asarray(stored)
    seen = np.asarray(read_picture(tmp_path / "scan.tif", 1))
    assert np.array_equal(seen, (65535 - numbers).astype(np.float32) / np.float32(65535))


def test_floats_of_64_bits_are_not_called_broken(tmp_path):
    header = b"II*\0" + struct.pack("<I", 8)
    tags = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 64), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 134)]
    tags += [(277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 16), (339, 3, 1, 3)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    (tmp_path / "scan.tif").write_bytes(header + directory + struct.pack("<dd", 0.0, 1.0))
    with pytest.raises(PictureError, match="not read; save it with 8 or 16 bits, or as 32-bit floats"):
        open_picture(tmp_path / "scan.tif", 1)


def test_floats_that_were_rounded_to_slightly_above_white_are_white(tmp_path):
    Image.fromarray(np.array([[0.5, np.nextafter(np.float32(1), np.float32(2))]] * 8, np.float32)).save(
        tmp_path / "scan.tif"
    )
    assert np.asarray(open_picture(tmp_path / "scan.tif", 1).rgb).max() == 1


def test_transparency_of_gray_is_kept_in_8_bits_and_becomes_white_in_16(tmp_path):
    clear = Image.fromarray((values() * 255).astype(np.uint8))
    clear.putalpha(Image.fromarray(np.where(values() > 0.5, 255, 0).astype(np.uint8)))
    save_picture(clear.getchannel("L"), tmp_path / "8.png", clear.getchannel("A"))
    again = open_picture(tmp_path / "8.png", 1)
    assert again.rgb.mode == "L"
    assert again.alpha.tobytes() == clear.getchannel("A").tobytes()
    array = sixteen_bits()
    Image.fromarray(array).save(tmp_path / "16.png", transparency=int(array[3, 4]))
    seen = np.asarray(read_picture(tmp_path / "16.png", 1))
    assert (seen[array == array[3, 4]] == 1).all()
    assert np.array_equal(seen[array != array[3, 4]], array[array != array[3, 4]].astype(np.float32) / 65535)
    half = over_white(Image.fromarray(np.full((2, 2), 0.3, np.float32)), Image.new("L", (2, 2), 51))
    assert np.asarray(half) == pytest.approx(0.8 + 0.2 * 0.3)


def test_a_turned_gray_picture_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = io.BytesIO()
    Image.fromarray(sixteen_bits()).save(encoded, "PNG", exif=exif)
    (tmp_path / "turned.png").write_bytes(encoded.getvalue())
    expected = np.rot90(sixteen_bits(), -1).astype(np.float32) / 65535
    assert np.array_equal(np.asarray(read_picture(tmp_path / "turned.png", 1)), expected)


def test_scaled_floats_stay_between_black_and_white():
    edge = Image.fromarray(np.repeat(np.float32([[0, 1]]), 16, 1).repeat(32, 0))
    scaled = np.asarray(scale_short_side(edge, 48))
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert 0.1 < scaled[20, 23] < scaled[20, 24] < 0.9


def test_batches_of_gray_have_one_channel_and_more_than_256_values(tmp_path):
    Image.fromarray(sixteen_bits()).save(tmp_path / "a.png")
    pictures = {"a": FolderPictures(tmp_path, ("a.png",), 1)}
    some = Batches(pictures, size=32, load=40, resize="short-side", flip=False, batch=2, seed=0).images("a", 0)
    assert some.shape == (2, 1, 32, 32)
    assert -1 <= some.min() < some.max() <= 1
    assert len(some.unique()) > 256


def test_bytes_with_a_sign_are_read_as_such(tmp_path):
    found = np.array([[-128, -1], [0, 127]], np.int8)
    Image.fromarray(found.view(np.uint8)).save(tmp_path / "x.tif", tiffinfo={339: 2})
    assert kind_in(tmp_path / "x.tif") is PixelKind.INTEGER
    assert np.asarray(open_picture(tmp_path / "x.tif").rgb)[..., 0].tolist() == [[0, 127], [128, 255]]
    with pytest.raises(PictureError, match="is gray of 32 bits or with a sign"):
        open_picture(tmp_path / "x.tif", channels=1)

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from combogan.data.checking import Sizes, check
from combogan.data.pictures import list_pictures


def coloured(seed, width=40, height=40):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path):
    """Four good pictures, to put bad ones beside."""
    for index in range(4):
        coloured(index).save(tmp_path / f"good{index}.png")
    return tmp_path


def findings(folder, crop=None):
    report = check(folder, list_pictures(folder), crop=crop)
    return [(finding.name, finding.problem, finding.detail) for finding in report.findings]


def test_a_good_folder_has_no_findings(folder):
    report = check(folder, list_pictures(folder), crop=40)
    assert report.findings == ()
    assert report.usable == ("good0.png", "good1.png", "good2.png", "good3.png")
    assert report.formats == {"PNG": 4}
    assert report.sizes == Sizes((40, 40), (40, 40), (40, 40))


def test_unreadable_pictures_are_named_and_not_usable(folder):
    whole = (folder / "good0.png").read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<html>not found</html>")
    report = check(folder, [*list_pictures(folder), "gone.png"], crop=None)
    assert [finding.name for finding in report.named("unreadable")] == ["half.png", "page.jpg", "gone.png"]
    assert len(report.findings) == 3
    half, page, gone = map(str, report.findings)
    assert half.startswith("'half.png' is broken or truncated (")
    assert page.startswith("'page.jpg' is no JPEG, PNG, WebP, BMP, TIFF or GIF (it begins with b'<html>no')")
    assert gone.startswith("'gone.png' cannot be opened (No such file or directory)")
    assert report.usable == ("good0.png", "good1.png", "good2.png", "good3.png")
    assert sum(report.formats.values()) == 4


def test_a_folder_of_broken_pictures_has_nothing_usable(tmp_path):
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    report = check(tmp_path, list_pictures(tmp_path), crop=64)
    assert (report.usable, report.sizes, report.formats) == ((), None, {})
    assert check(tmp_path, [], crop=64).findings == ()


def test_the_same_picture_twice_is_named_also_in_another_format(folder):
    (folder / "good4.png").write_bytes((folder / "good1.png").read_bytes())
    coloured(2).save(folder / "other.bmp")
    assert findings(folder) == [
        ("good4.png", "duplicate", "shows the same as 'good1.png'; keep one of them."),
        ("other.bmp", "duplicate", "shows the same as 'good2.png'; keep one of them."),
    ]
    assert "good4.png" in check(folder, list_pictures(folder), crop=None).usable


def test_the_same_bytes_in_another_shape_are_no_duplicate(tmp_path):
    coloured(0, 40, 20).save(tmp_path / "a.png")
    Image.frombytes("RGB", (20, 40), coloured(0, 40, 20).tobytes()).save(tmp_path / "b.png")
    assert findings(tmp_path) == []


def test_pictures_below_the_crop_are_noted_and_usable(folder):
    coloured(9, 50, 30).save(folder / "low.png")
    assert findings(folder, crop=40) == [
        ("low.png", "small", "is 50 x 30 pixels, below the crop of 40; it is scaled up."),
    ]
    assert findings(folder, crop=30) == []
    assert "low.png" in check(folder, list_pictures(folder), crop=40).usable


def test_suspicious_pictures_are_named_with_the_reason(folder):
    Image.new("RGB", (40, 40), (10, 200, 30)).save(folder / "flat.png")
    coloured(5).convert("L").save(folder / "gray.png")
    coloured(6, 100, 20).save(folder / "long.png")
    coloured(7).save(folder / "really-png.jpg", "PNG")
    coloured(8).save(folder / "two.tif", save_all=True, append_images=[coloured(9)])
    assert findings(folder) == [
        ("flat.png", "suspicious", "is nearly one colour; look whether it belongs here."),
        ("gray.png", "suspicious", "is gray among colour pictures; look whether it belongs here."),
        ("long.png", "suspicious", "is 100 x 20 pixels, long and narrow; most of it falls outside the crop."),
        ("really-png.jpg", "suspicious", "is PNG inside; it is read as that, whatever its ending '.jpg' says."),
        ("two.tif", "suspicious", "holds several pictures; only the first is used."),
    ]
    assert len(check(folder, list_pictures(folder), crop=None).usable) == 9


def test_a_moving_gif_and_a_nameless_picture_are_suspicious(folder):
    coloured(5).save(folder / "moving.gif", save_all=True, append_images=[coloured(6)])
    coloured(7).save(folder / "nameless", "JPEG")
    assert [(name, detail.split(";")[0]) for name, _, detail in findings(folder)] == [
        ("moving.gif", "holds several pictures"),
        ("nameless", "is JPEG inside"),
    ]


def test_gray_pictures_among_gray_ones_are_not_suspicious(tmp_path):
    for index in range(4):
        coloured(index).convert("L").save(tmp_path / f"{index}.jpg")
    assert findings(tmp_path) == []


def test_a_fine_texture_is_not_flat(tmp_path):
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    Image.fromarray(board.astype(np.uint8)).save(tmp_path / "board.png")
    assert findings(tmp_path) == []


def test_sizes_are_those_of_real_pictures_by_their_area(tmp_path):
    for index, (width, height) in enumerate([(90, 10), (30, 40), (20, 10), (50, 50), (40, 30)]):
        coloured(index, width, height).save(tmp_path / f"{index}.png")
    report = check(tmp_path, list_pictures(tmp_path), crop=None)
    assert report.sizes == Sizes((20, 10), (30, 40), (50, 50))


def test_checking_needs_no_torch():
    code = "import sys, combogan.data.checking; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

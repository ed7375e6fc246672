import numpy as np
import pytest
import torch
from PIL import Image

from combogan.data.batches import Batches, fit
from combogan.data.pictures import FolderPictures
from combogan.data.scenes import ScenePictures


def batches(**changes):
    pictures = {"summer": ScenePictures("summer", "train"), "winter": ScenePictures("winter", "train")}
    given = {"size": 32, "load": 36, "resize": "short-side", "flip": True, "batch": 2, "seed": 0}
    return Batches(changes.pop("pictures", pictures), **(given | changes))


def test_images_are_a_pure_function_of_the_iteration():
    one, other = batches(), batches()
    later = other.images("summer", 9)
    other.images("summer", 3)
    assert torch.equal(one.images("summer", 9), later)
    assert torch.equal(one.images("summer", 9), later)
    assert not torch.equal(one.images("summer", 8), later)
    assert not torch.equal(one.images("winter", 9), later)


def test_images_are_channels_last_in_minus_one_to_one():
    images = batches().images("summer", 0)
    assert images.shape == (2, 3, 32, 32)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert -1 <= images.min() < images.max() <= 1


def test_reading_ahead_gives_every_iteration_once_and_in_order():
    source = batches()
    found = list(source.ahead(5, 25, lambda i: ("summer", "winter") if i % 2 else ("winter", "summer")))
    assert [iteration for iteration, *_ in found] == list(range(5, 25))
    for iteration, a, b, x, y in found:
        assert torch.equal(x, source.images(a, iteration))
        assert torch.equal(y, source.images(b, iteration))


def test_an_error_while_reading_ahead_reaches_the_trainer():
    with pytest.raises(KeyError):
        list(batches().ahead(0, 3, lambda i: ("summer", "nowhere")))


def test_crops_and_flips_show_every_part_of_a_picture(tmp_path):
    ramp = np.zeros((40, 40, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(40)[None, :], np.arange(40)[:, None]
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    one = batches(pictures={"a": FolderPictures(tmp_path, ("ramp.png",))}, load=40, batch=1)
    corners, flipped = set(), 0
    for iteration in range(600):
        pixels = ((one.images("a", iteration)[0] + 1) * 127.5).round().int()
        left, right, top = int(pixels[0, 0, 0]), int(pixels[0, 0, -1]), int(pixels[1, 0, 0])
        flipped += left > right
        corners.add((min(left, right), top))
        assert abs(left - right) == 31
    assert corners == {(x, y) for x in range(9) for y in range(9)}
    assert 240 < flipped < 360


def test_pictures_are_scaled_by_the_short_side_or_squashed():
    picture = Image.new("RGB", (100, 50))
    assert fit(picture, 20, "short-side").size == (40, 20)
    assert fit(picture, 20, "square").size == (20, 20)


def test_memory_for_pictures_is_bounded(monkeypatch):
    monkeypatch.setattr("combogan.data.batches.CACHE_BYTES", 10 * 36 * 36 * 3)
    source = batches()
    for iteration in range(30):
        source.images("summer", iteration)
    assert len(source._loaded) == 10

"""The drawn things: the same figure as every thing, at a known angle and in a known hue, to the byte."""

from colorsys import rgb_to_hsv

import numpy as np
import pytest
from PIL import Image

from combogan.errors import DomainError, PictureError
from combogan.scenery.figure import THINGS, draw_figure, pose


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("size", [16, 33, 64, 100])
def test_a_thing_can_be_drawn_at_any_size_from_16_up(thing, size):
    pixels = draw_figure(thing, 1, size, size)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edge > 250).all()
    assert 0.03 < (pixels.min(-1) < 200).mean() < 0.6


@pytest.mark.parametrize("thing", THINGS)
def test_the_same_figure_is_the_same_to_the_byte_whatever_was_drawn_before(thing):
    first = draw_figure(thing, 7, 3, 64)
    draw_figure("house", 7, 4, 40)
    np.random.default_rng(0).random(5)
    assert np.array_equal(first, draw_figure(thing, 7, 3, 64))
    assert not np.array_equal(first, draw_figure(thing, 7, 4, 64))
    assert not np.array_equal(first, draw_figure(thing, 8, 3, 64))


@pytest.mark.parametrize("thing", THINGS)
def test_every_pixel_has_the_hue_of_the_pose(thing):
    for index in range(6):
        pixels = draw_figure(thing, 7, index, 64).reshape(-1, 3)
        strong = pixels[np.ptp(pixels, axis=1) > 60] / 255
        away = np.array([rgb_to_hsv(*pixel)[0] for pixel in strong]) - pose(7, index).hue
        assert np.abs((away + 0.5) % 1 - 0.5).max() < 0.02


@pytest.mark.parametrize("thing", THINGS)
def test_turned_back_by_its_angle_a_thing_stands_upright(thing):
    """A house, a conifer and a boulder are wider below their middle than above it; a leafy tree has
    its crown above."""
    for index in range(6):
        picture = Image.fromarray(255 - draw_figure(thing, 7, index, 96).min(-1))
        ink = np.asarray(picture.rotate(-pose(7, index).angle, Image.Resampling.BICUBIC)) > 60
        rows = np.flatnonzero(ink.any(1))
        reach = [np.ptp(np.flatnonzero(ink[row])) for row in rows]
        top, bottom = (np.mean(part) for part in np.array_split(reach, 2))
        assert np.average(rows, weights=ink.sum(1)[rows]) < rows.mean() if thing == "tree" else top < bottom


def test_poses_take_all_angles_and_hues():
    poses = [pose(7, index) for index in range(400)]
    for values, low, high in (([p.angle for p in poses], -180, 180), ([p.hue for p in poses], 0, 1)):
        counts, _ = np.histogram(values, 8, (low, high))
        assert counts.sum() == 400
        assert counts.min() > 25


def test_mistakes_are_said():
    with pytest.raises(DomainError, match=r"There is no drawn thing 'hous'; choose .* Did you mean 'house'\?"):
        draw_figure("hous", 1, 1, 64)
    with pytest.raises(PictureError, match="cannot be drawn at 8 pixels"):
        draw_figure("house", 1, 1, 8)

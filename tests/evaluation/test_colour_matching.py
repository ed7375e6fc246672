"""Colour matching and the share of a change that is more than colour, against answers that are known."""

import math

import pytest
import torch
from torch import Tensor

from combogan.evaluation.colour_matching import ColourMatch, more_than_colour


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_an_affine_change_of_each_channel_is_a_change_of_colours_alone() -> None:
    source = noise(3, 3, 32, 32)
    scale, shift = torch.tensor([0.5, -0.8, 0.1]).view(1, 3, 1, 1), torch.tensor([0.3, 0.0, -0.6]).view(1, 3, 1, 1)
    assert more_than_colour(source * scale + shift, source).tolist() == pytest.approx([0] * 3, abs=1e-6)
    assert more_than_colour(torch.full_like(source, 0.2), source).tolist() == pytest.approx([0] * 3, abs=1e-6)


def test_no_change_is_no_change_of_colours_and_rounding_hardly_one() -> None:
    source = noise(1, 3, 32, 32)
    assert more_than_colour(source, source).item() == 0
    rounded = (source * 127.5).round() / 127.5
    assert more_than_colour(rounded, source).item() < 0.1


def test_added_noise_is_all_more_than_colour_and_an_independent_picture_half() -> None:
    source = noise(1, 3, 256, 256)
    other = noise(1, 3, 256, 256, seed=1)
    assert more_than_colour(source + 0.1 * other, source).item() == pytest.approx(1, abs=0.01)
    # Of two independent pictures of the same deviation, the change is twice the square of it, and one is left.
    assert more_than_colour(other, source).item() == pytest.approx(0.5, abs=0.01)


def test_a_shift_of_known_size_and_noise_of_known_size_share_the_change() -> None:
    source = noise(1, 3, 256, 256)
    image = source + 0.3 + 0.1 * torch.randn(source.shape, generator=torch.Generator().manual_seed(2))
    assert more_than_colour(image, source).item() == pytest.approx(0.01 / (0.01 + 0.09), abs=0.005)


def test_colours_are_fitted_to_all_pixels_of_pictures_of_any_size() -> None:
    bright, dark = torch.ones(3, 2, 2), -torch.ones(3, 3, 4)
    match = ColourMatch.fit([bright, dark])
    assert match.mean.tolist() == pytest.approx([-0.5] * 3)
    assert match.deviation.tolist() == pytest.approx([math.sqrt(0.75)] * 3)


def test_matching_gives_each_picture_and_channel_the_mean_and_deviation_of_the_target() -> None:
    match = ColourMatch(torch.tensor([0.1, 0.0, -0.2]), torch.tensor([0.1, 0.2, 0.3]))
    images = noise(2, 3, 32, 32) * torch.tensor([0.2, 1.0]).view(2, 1, 1, 1)
    deviation, mean = torch.std_mean(match(images), dim=(2, 3), correction=0)
    torch.testing.assert_close(mean, match.mean.expand(2, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(deviation, match.deviation.expand(2, 3), atol=1e-6, rtol=0)


def test_a_picture_that_has_the_colours_already_is_left_as_it_is() -> None:
    image = noise(3, 24, 20)
    torch.testing.assert_close(ColourMatch.fit([image])(image[None]), image[None], atol=1e-6, rtol=0)


def test_matched_colours_stay_in_range() -> None:
    match = ColourMatch(torch.full((3,), 0.9), torch.full((3,), 0.5))
    matched = match(noise(1, 3, 16, 16))
    assert matched.max().item() == 1
    assert matched.min().item() >= -1


def test_a_flat_channel_becomes_the_mean_of_the_target() -> None:
    match = ColourMatch(torch.tensor([0.1, -0.2, 0.3]), torch.full((3,), 0.5))
    torch.testing.assert_close(match(torch.full((1, 3, 16, 16), 0.123))[0, :, 5, 5], match.mean)


def test_colours_of_no_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="no images"):
        ColourMatch.fit([])

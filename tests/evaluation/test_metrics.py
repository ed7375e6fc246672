"""Each metric against an answer that is known without it."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from combogan.evaluation.metrics import BEST_PSNR, ColourMatch, edges, more_than_colour, psnr, ssim
from combogan.scenery.scene import draw


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def flat(value: float) -> Tensor:
    return torch.full((1, 3, 16, 16), value)


def ssim_by_hand(image: np.ndarray, truth: np.ndarray) -> float:
    """Equations 13 to 16 of Wang et al. 2004 on one channel (h, w), a window at a time."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    x, y = np.pad(image, 5, mode="reflect"), np.pad(truth, 5, mode="reflect")
    values = []
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            a, b = (z[row : row + 11, column : column + 11] for z in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            spread_a, spread_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            together = (window * (a - mean_a) * (b - mean_b)).sum()
            likeness = (2 * mean_a * mean_b + c1) * (2 * together + c2)
            values.append(likeness / ((mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2)))
    return float(np.mean(values))


def test_identical_pictures_have_the_best_psnr_and_it_is_a_number() -> None:
    image = noise(2, 3, 16, 16)
    assert psnr(image, image).tolist() == [BEST_PSNR, BEST_PSNR]
    assert math.isfinite(BEST_PSNR)


def test_almost_identical_pictures_are_not_better_than_identical_ones() -> None:
    image = noise(1, 3, 16, 16)
    assert psnr(image + 1e-7, image).item() <= BEST_PSNR


def test_a_tenth_of_the_range_of_error_everywhere_is_20_db() -> None:
    assert psnr(flat(0.3), flat(0.1)).item() == pytest.approx(20, abs=1e-4)


def test_opposite_pictures_of_full_range_have_0_db() -> None:
    assert psnr(flat(-1), flat(1)).item() == pytest.approx(0, abs=1e-5)


def test_noise_of_known_deviation_gives_the_psnr_that_it_must() -> None:
    truth = noise(1, 3, 256, 256)
    errors = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1)) * 0.1
    assert psnr(truth + errors, truth).item() == pytest.approx(10 * math.log10(2**2 / 0.1**2), abs=0.05)


def test_psnr_and_ssim_are_taken_per_picture() -> None:
    images = torch.cat([flat(0.3), flat(0.1), flat(-0.9)])
    truth = torch.cat([flat(0.1)] * 3)
    assert psnr(images, truth).tolist() == pytest.approx([20, BEST_PSNR, 6.0206], abs=1e-3)
    assert ssim(images, truth).tolist() == [ssim(one[None], flat(0.1)).item() for one in images]


def test_identical_pictures_have_an_ssim_of_1() -> None:
    image = noise(2, 3, 64, 64)
    assert ssim(image, image).tolist() == pytest.approx([1, 1], abs=1e-6)


def test_ssim_of_flat_pictures_is_that_of_their_luminance() -> None:
    a, b, c1 = 0.5, -0.25, 0.02**2
    expected = (2 * a * b + c1) / (a**2 + b**2 + c1)
    assert ssim(flat(a), flat(b)).item() == pytest.approx(expected, abs=1e-5)


def test_ssim_is_what_the_published_formula_gives_by_hand() -> None:
    truth = noise(1, 3, 12, 14) * 0.5 + 0.4
    image = truth * 0.7 + noise(1, 3, 12, 14, seed=1) * 0.2
    channels = [ssim_by_hand(image[0, c].double().numpy(), truth[0, c].double().numpy()) for c in range(3)]
    assert ssim(image, truth).item() == pytest.approx(np.mean(channels), abs=1e-5)
    assert 0.5 < np.mean(channels) < 0.99


def scenes(season: str, indices: range) -> Tensor:
    """Drawn scenes as images (n, 3, 64, 64)."""
    drawn = [torch.from_numpy(draw(season, 3, index, 64).copy()) for index in indices]
    return torch.stack(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_a_picture_keeps_all_of_its_own_edges_and_a_constant_one_none() -> None:
    source = scenes("summer", range(4))
    assert edges(source, source).tolist() == pytest.approx([1] * 4)
    assert edges(torch.full_like(source, 0.37), source).tolist() == [0] * 4
    assert edges(source, torch.full_like(source, 0.37)).tolist() == [0] * 4


def test_colours_and_signs_do_not_matter_to_edges() -> None:
    source = scenes("summer", range(4))
    assert edges(-source, source).tolist() == pytest.approx([1] * 4)
    assert edges(source * 0.5 + 0.2, source).tolist() == pytest.approx([1] * 4)
    assert edges(source[:, [2, 0, 1]], source).tolist() == pytest.approx([1] * 4)


def test_independent_noise_has_edges_where_the_source_has_them_by_chance_only() -> None:
    assert edges(noise(4, 3, 128, 128), noise(4, 3, 128, 128, seed=1)).max().item() < 0.1


def test_edges_fall_with_noise_and_another_scene_keeps_fewer_than_the_same_in_another_season() -> None:
    source = scenes("summer", range(8))
    little, much = (edges(source + level * noise(8, 3, 64, 64), source).mean() for level in (0.2, 1.0))
    assert 1 > little > much > 0
    assert edges(scenes("fall", range(8)), source).mean() > edges(source.roll(1, 0), source).mean() + 0.2


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
    torch.testing.assert_close(match(flat(0.123))[0, :, 5, 5], match.mean)


def test_colours_of_no_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="no images"):
        ColourMatch.fit([])

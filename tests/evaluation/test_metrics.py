"""Each metric against an answer that is known without it."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from combogan.evaluation.metrics import BEST_PSNR, edges, psnr, ssim
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

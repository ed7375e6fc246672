"""Distances of textures that are known, or known to be ordered."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.evaluation.texture import Patches, Texture, laplacian_pyramid


def noise(count: int, side: int = 64, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 0.3


def texture(images: Tensor, real: Tensor) -> tuple[float, ...]:
    """The distance of images from real ones per level, finest first."""
    sides = []
    for side in (real, images):
        patches = Patches(len(side))
        patches.add(side)
        sides.append(patches)
    return Texture(sides[0])(sides[1])


@pytest.mark.parametrize("side", [32, 50, 67])
def test_a_pyramid_adds_up_to_the_image(side: int) -> None:
    image = noise(2, side)
    *finer, coarsest = laplacian_pyramid(image)
    one_level_up = F.interpolate(coarsest, scale_factor=2.0)
    assert len(finer) == (1 if side < 64 else 2)
    assert max(coarsest.shape[-2:]) < one_level_up.shape[-1] <= side + 3
    flat = torch.full((1, 3, side, side), 0.7)
    *details, base = laplacian_pyramid(flat)
    torch.testing.assert_close(base, torch.full_like(base, 0.7))
    assert all(detail[..., 2:-2, 2:-2].abs().max() < 1e-6 for detail in details)


def test_the_same_images_are_at_no_distance() -> None:
    assert texture(noise(3), noise(3)) == (0, 0, 0)


def test_other_images_of_the_same_kind_are_near_and_nearer_the_more_there_are() -> None:
    few, many = (texture(noise(count), noise(count, seed=1)) for count in (2, 32))
    assert all(small < large / 2 for small, large in zip(many, few, strict=True))
    assert max(many) < 60


def test_a_known_scale_gives_a_known_distance() -> None:
    # Projections of normalised white noise on a unit vector have deviation 1 at the finest level but for neighbours'
    # correlation; halved, each quantile moves to half: the mean distance is half of the mean size of what is there.
    real = noise(8)
    half, none = texture(real * 0.5, real), texture(real * 0, real)
    assert half == pytest.approx([value / 2 for value in none], rel=0.02)


def test_a_shift_of_colours_is_seen_at_the_coarsest_level_alone() -> None:
    real = noise(8)
    *finer, coarsest = texture(real + 0.3, real)
    assert max(finer) < 0.5
    assert coarsest > 500


def test_checkerboards_and_blur_are_seen_at_the_finest_level() -> None:
    real = F.avg_pool2d(noise(8, 68), 5, 1)
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 0.1 - 0.05
    checkered, blurred = texture(real + board, real), texture(F.avg_pool2d(F.pad(real, [1] * 4), 3, 1), real)
    assert checkered[0] > 100 * max(checkered[1:])
    assert blurred[0] > 2 * max(blurred[1:])


def test_batches_are_as_good_as_all_at_once_and_chance_is_left_alone() -> None:
    before = torch.get_rng_state()
    real, images = noise(6), noise(6, seed=1)
    batched, whole = Patches(6), Patches(6)
    for start in range(0, 6, 2):
        batched.add(images[start : start + 2])
    whole.add(real)
    assert Texture(whole)(batched) == pytest.approx(texture(images, real))
    assert torch.equal(before, torch.get_rng_state())


def test_sides_of_different_length_can_be_compared() -> None:
    assert max(texture(noise(32), noise(24, seed=1))) < 80
    assert max(texture(torch.cat([noise(4)] * 2), noise(4))) < 60


def test_a_flat_domain_gives_a_number() -> None:
    flat = torch.zeros(2, 3, 16, 16)
    assert texture(flat, flat) == (0,)

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from combogan.networks.feature_heads import FrozenFeatures
from combogan.networks.features import STRIDES
from combogan.training.losses import (
    DISTANCES,
    GAN_LOSSES,
    hinge,
    hinge_of_generator,
    matching,
    r1_penalty,
    small,
    style,
)


def test_distances_of_known_differences():
    found, wanted = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([0.5, -1.0, 3.0])
    assert DISTANCES["l1"](found, wanted).item() == pytest.approx((0.5 + 1 + 3) / 3)
    assert DISTANCES["smooth-l1"](found, wanted).item() == pytest.approx((0.125 + 0.5 + 2.5) / 3)
    assert DISTANCES["squared"](found, wanted).item() == pytest.approx((0.25 + 1 + 9) / 3)


def test_matching_adds_the_squared_distances_of_the_means_of_batches():
    two = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    assert matching([two, torch.zeros(2, 3, 4, 4)], [two.flip(0), torch.full((2, 3, 4, 4), 2.0)]).item() == 4.0


def test_least_squares_of_known_scores():
    maps = [torch.tensor([[0.25]])]
    assert GAN_LOSSES["least-squares"](maps, True).item() == pytest.approx(0.75**2)
    assert GAN_LOSSES["least-squares"](maps, False).item() == pytest.approx(0.25**2)


def test_cross_entropy_of_an_undecided_discriminator_is_log_2():
    assert GAN_LOSSES["cross-entropy"]([torch.zeros(1, 3)], True).item() == pytest.approx(math.log(2))


def test_outputs_of_a_discriminator_count_1_2_and_the_last_one_more():
    # Only the k-th output is wrong, by 1: its weight shows. 1 + 2 + 4 = 7 parts, over 3 outputs.
    for wrong, weight in enumerate((1, 2, 4)):
        maps = [torch.zeros(1, 2) if place == wrong else torch.ones(1, 2) for place in range(3)]
        assert GAN_LOSSES["least-squares"](maps, True).item() == pytest.approx(weight / 21)


def test_small_takes_averages_and_stride_1_takes_none():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    assert small(image, 1) is image
    assert small(image, 2).flatten().tolist() == [6.0, 8.0, 16.0, 18.0]


class Linear(nn.Module):
    def forward(self, image):
        return [6 * image.mean(1), image[:, 0, ::2, ::2]]


def test_r1_penalty_is_the_squared_gradient_of_the_mean_scores():
    image = torch.rand(2, 3, 8, 8)
    first = torch.full((3, 8, 8), 6 / (3 * 64))  # what a value counts in the mean of the first map
    first[0, ::2, ::2] += 1 / 16
    assert r1_penalty(Linear(), image).item() == pytest.approx(first.square().sum().item(), rel=1e-5)


def test_hinge_of_known_scores():
    scores = [torch.tensor([[0.25, 3.0]]), torch.tensor([[-2.0]])]
    assert hinge(scores, True).item() == pytest.approx(((0.75 + 0) / 2 + 3) / 2)
    assert hinge(scores, False).item() == pytest.approx(((1.25 + 4) / 2 + 0) / 2)
    assert hinge_of_generator(scores).item() == pytest.approx(-((0.25 + 3) / 2 - 2) / 2)


def maps(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {stride: torch.randn(1, 6, 128 // stride, 128 // stride, generator=generator) for stride in STRIDES}


def test_style_notices_the_spread_of_features_and_not_where_they_are():
    target, chance = maps(), np.random.default_rng
    shuffled = {stride: one.flip(2, 3) for stride, one in target.items()}
    assert style(shuffled, target, chance(0)).item() == pytest.approx(0, abs=1e-6)
    near = {stride: 1.1 * one for stride, one in target.items()}
    far = {stride: 2 * one for stride, one in target.items()}
    assert 0.01 < style(near, target, chance(0)) < style(far, target, chance(0)) / 5


def test_style_notices_that_the_finest_detail_is_missing():
    features, chance = FrozenFeatures(), np.random.default_rng
    wanted = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    blurred = F.pad(F.avg_pool2d(wanted, 3, 1), (1, 1, 1, 1), "reflect")
    seen, missing = features(wanted), features(blurred)
    assert style(seen, seen, chance(0)) == 0
    assert style({1: missing[1]}, {1: seen[1]}, chance(0)) > 0.5  # of a deviation


def test_style_is_measured_in_deviations_of_the_target():
    target = maps()
    brighter, chance = {stride: one + one.std() for stride, one in target.items()}, np.random.default_rng
    scaled = [{stride: 100 * one for stride, one in of.items()} for of in (brighter, target)]
    assert style(*scaled, chance(0)).item() == pytest.approx(style(brighter, target, chance(0)).item(), rel=0.02)


def test_style_draws_its_directions_from_what_it_is_given():
    one, other = maps(), maps(seed=1)
    assert style(one, other, np.random.default_rng(0)) == style(one, other, np.random.default_rng(0))
    assert style(one, other, np.random.default_rng(0)) != style(one, other, np.random.default_rng(1))


def test_style_of_a_flat_target_and_of_tiny_images_is_finite():
    flat = {stride: torch.zeros_like(one) for stride, one in maps().items()}
    assert style(maps(), flat, np.random.default_rng(0)).isfinite()
    tiny, other = ({stride: one[..., :3, :3] for stride, one in maps(seed).items()} for seed in (0, 1))
    assert style(tiny, other, np.random.default_rng(0)) == 0

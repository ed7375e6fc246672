import math

import pytest
import torch
from torch import nn

from combogan.training.losses import (
    DISTANCES,
    GAN_LOSSES,
    hinge_discriminator,
    hinge_generator,
    r1_penalty,
    small,
)


def test_distances_of_known_differences():
    found, wanted = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([0.5, -1.0, 3.0])
    assert DISTANCES["l1"](found, wanted).item() == pytest.approx((0.5 + 1 + 3) / 3)
    assert DISTANCES["smooth-l1"](found, wanted).item() == pytest.approx((0.125 + 0.5 + 2.5) / 3)


def test_least_squares_of_known_verdicts():
    maps = [torch.tensor([[0.25]])]
    assert GAN_LOSSES["least-squares"](maps, True).item() == pytest.approx(0.75**2)
    assert GAN_LOSSES["least-squares"](maps, False).item() == pytest.approx(0.25**2)


def test_cross_entropy_of_an_undecided_judge_is_log_2():
    assert GAN_LOSSES["cross-entropy"]([torch.zeros(1, 3)], True).item() == pytest.approx(math.log(2))


def test_outputs_of_a_discriminator_count_1_2_and_the_last_one_more():
    # Only the k-th output is wrong, by 1: its weight shows. 1 + 2 + 4 = 7 parts, over 3 outputs.
    for wrong, weight in enumerate((1, 2, 4)):
        maps = [torch.zeros(1, 2) if place == wrong else torch.ones(1, 2) for place in range(3)]
        assert GAN_LOSSES["least-squares"](maps, True).item() == pytest.approx(weight / 21)


def test_hinge_counts_real_scores_below_1_and_fake_ones_above_minus_1():
    real = [torch.tensor([2.0, 0.5]), torch.tensor([[-1.0]])]  # 0 and 0.5 too little; 2 too little
    fake = [torch.tensor([-3.0, 0.0, 1.0]), torch.tensor([[-1.0]])]  # 0, 1 and 2 too much; 0 too much
    assert hinge_discriminator(real, fake).item() == pytest.approx((0.25 + 2) / 2 + (1 + 0) / 2)
    assert hinge_discriminator([torch.zeros(3)], [torch.zeros(2)]).item() == 2


def test_hinge_of_a_generator_is_minus_the_score_whatever_its_size_and_every_map_counts_the_same():
    assert hinge_generator([torch.tensor([5.0, 1.0]), torch.tensor([[-2.0]])]).item() == pytest.approx(-0.5)


def test_hinge_is_computed_in_float32():
    maps = [torch.full((300,), 1.001).bfloat16()]
    assert hinge_generator(maps).dtype == hinge_discriminator(maps, maps).dtype == torch.float32


def test_small_takes_averages_and_stride_1_takes_none():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    assert small(image, 1) is image
    assert small(image, 2).flatten().tolist() == [6.0, 8.0, 16.0, 18.0]


class Linear(nn.Module):
    def forward(self, image):
        return [6 * image.mean(1), image[:, 0, ::2, ::2]]


def test_steepness_is_the_squared_gradient_of_the_mean_verdicts():
    image = torch.rand(2, 3, 8, 8)
    first = torch.full((3, 8, 8), 6 / (3 * 64))  # what a value counts in the mean of the first map
    first[0, ::2, ::2] += 1 / 16
    assert r1_penalty(Linear(), image).item() == pytest.approx(first.square().sum().item(), rel=1e-5)

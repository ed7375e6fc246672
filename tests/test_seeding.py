import numpy as np
import torch

from combogan.seeding import derive, numbers, tensors


def test_the_same_arguments_give_the_same_draws():
    assert np.array_equal(numbers(1, "pair", 7).random(5), numbers(1, "pair", 7).random(5))
    assert torch.equal(
        torch.randn(5, generator=tensors(1, "weights", "summer")),
        torch.randn(5, generator=tensors(1, "weights", "summer")),
    )


def test_every_argument_matters():
    seeds = {
        derive(0, "pair", 1),
        derive(1, "pair", 1),
        derive(0, "pool", 1),
        derive(0, "pair", 2),
        derive(0, "pair", 1, "summer"),
        derive(0, "pair", "1summer"),
        derive(0, "pair1"),
    }
    assert len(seeds) == 7


def test_a_seed_is_a_known_number_forever():
    # Runs of earlier releases are resumed by later ones: this number must never change.
    assert derive(0, "pair", 0) == 3503536083767590826

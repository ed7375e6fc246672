import numpy as np
import torch

from combogan.training.domain import FakePool


def fakes(*values):
    return torch.stack([torch.full((3, 2, 2), float(value)) for value in values])


def test_while_the_pool_fills_new_fakes_are_scored():
    pool = FakePool(2)
    for value in (1, 2):
        assert pool.query(fakes(value), np.random.default_rng(0)).unique().tolist() == [value]


def test_a_full_pool_hands_out_an_earlier_fake_half_of_the_time_and_keeps_the_fresh_one():
    pool, chance, earlier = FakePool(50), np.random.default_rng(0), 0
    for value in range(1050):
        given = int(pool.query(fakes(value), chance).max())
        assert given == value or value >= 50
        if given != value:
            earlier += 1
            assert any(int(kept.max()) == value for kept in pool.fakes)
            assert not any(int(kept.max()) == given for kept in pool.fakes)
    assert len(pool.fakes) == 50
    assert 450 < earlier < 550


def test_a_pool_of_size_0_gives_what_it_gets():
    given = fakes(1, 2)
    assert FakePool(0).query(given, np.random.default_rng(0)) is given


def test_every_picture_of_a_batch_is_drawn_for_itself():
    pool, chance = FakePool(4), np.random.default_rng(3)
    pool.query(fakes(1, 2, 3, 4), chance)
    given = pool.query(fakes(5, 6, 7, 8), chance)
    assert given.shape == (4, 3, 2, 2)
    assert len({int(fake.max()) for fake in given}) == 4

from collections import Counter

import pytest

from combogan.training.schedule import course, meeting, ramp, random_pair, rate, round_pair

NAMES = ["fall", "spring", "summer", "winter"]


def test_random_pairs_are_uniform_over_ordered_pairs():
    counts = Counter(random_pair(i, NAMES, seed=0) for i in range(6000))
    assert len(counts) == 12
    assert all(abs(count - 500) < 90 for count in counts.values())


@pytest.mark.parametrize("names", [NAMES, [*NAMES, "monsoon"]])
def test_in_a_round_every_domain_meets_one_partner_once(names):
    matches = len(names) // 2
    met = Counter()
    for start in range(0, 200 * matches, matches):
        drawn = [name for i in range(start, start + matches) for name in round_pair(i, names, seed=1)]
        assert len(drawn) == len(set(drawn)) == 2 * matches
        met.update(drawn)
    assert min(met.values()) > 200 * 2 * matches / len(names) - 40


def test_a_new_domain_meets_old_ones_in_turn_or_at_random():
    in_turn = [meeting(i, NAMES, pairs="rounds", seed=0) for i in range(8)]
    assert sorted(in_turn[:4]) == sorted(in_turn[4:]) == NAMES
    assert {meeting(i, NAMES, pairs="random", seed=0) for i in range(60)} == set(NAMES)


def test_an_epoch_is_as_long_as_the_largest_domain():
    plan = course(301, batch=2, epochs=100, decay_from=50, iterations=None, domains=4)
    assert (plan.epoch_length, plan.iterations, plan.epochs, plan.decay_from) == (151, 400 * 151, 400, 200)
    assert [plan.epoch(i) for i in (0, 150, 151, 302)] == [0, 0, 1, 2]


def test_iterations_replace_epochs_and_keep_the_share_of_decay():
    plan = course(100, batch=1, epochs=100, decay_from=50, iterations=1000, domains=4)
    assert (plan.iterations, plan.epochs, plan.decay_from) == (1000, 10, 5)


def test_the_rate_is_constant_then_falls_in_a_line_as_published():
    # The published code after epoch e of 200 + 200 sets 2e-4 * (1 - (e - 200) / 200) for the next epoch.
    rates = [rate(epoch, start=2e-4, decay_from=200, epochs=400) for epoch in range(400)]
    assert rates[:201] == [2e-4] * 201
    assert rates[201] == pytest.approx(2e-4 * (1 - 1 / 200))
    assert rates[399] == pytest.approx(2e-4 / 200)


def test_a_ramped_weight_grows_from_zero_once_per_epoch():
    assert [ramp(epoch, weight=0.3, epochs=3) for epoch in range(3)] == pytest.approx([0, 0.1, 0.2])

from collections import Counter

import pytest

from combogan.training.schedule import (
    Meeting,
    Schedule,
    at_once,
    course,
    one_of,
    ramp,
    random_pair,
    rate,
    round_pair,
)

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
    pairs = [("new", name) for name in NAMES]
    in_turn = [one_of(pairs, i, how="rounds", seed=0) for i in range(8)]
    assert sorted(in_turn[:4]) == sorted(in_turn[4:]) == sorted(pairs)
    assert {one_of(pairs, i, how="random", seed=0) for i in range(60)} == set(pairs)


def test_an_epoch_is_as_long_as_the_largest_domain():
    plan = course(301, batch=2, epochs=100, decay_from=50, iterations=None, domains=4)
    assert (plan.epoch_length, plan.iterations, plan.epochs, plan.decay_from) == (151, 400 * 151, 400, 200)
    assert [plan.epoch(i) for i in (0, 150, 151, 302)] == [0, 0, 1, 2]


def test_iterations_replace_epochs_and_keep_the_share_of_decay():
    plan = course(100, batch=1, epochs=100, decay_from=50, iterations=1000, domains=4)
    assert (plan.iterations, plan.epochs, plan.decay_from) == (1000, 10, 5)


@pytest.mark.parametrize("largest", [10, 6287])
def test_counted_in_iterations_the_rate_falls_alike_for_any_number_of_pictures(largest):
    plan = course(largest, batch=1, epochs=100, decay_from=50, iterations=4000, domains=2)
    passed = [plan.passed(i) for i in (0, 2000, 3000, 3999)]
    rates = [rate(epoch, start=1.0, decay_from=plan.decay_from, epochs=plan.epochs) for epoch in passed]
    assert rates == pytest.approx([1.0, 1.0, 0.5, 1 / 2000])
    weights = [ramp(epoch, weight=1.0, epochs=plan.epochs) for epoch in passed]
    assert weights == pytest.approx([0, 0.5, 0.75, 3999 / 4000])


def test_counted_in_epochs_rates_and_weights_change_once_per_epoch_as_published():
    plan = course(301, batch=2, epochs=100, decay_from=50, iterations=None, domains=4)
    assert [plan.passed(i) for i in (0, 150, 151, 301, 302)] == [0, 0, 1, 1, 2]


def test_the_rate_is_constant_then_falls_in_a_line_as_published():
    # The published code after epoch e of 200 + 200 sets 2e-4 * (1 - (e - 200) / 200) for the next epoch.
    rates = [rate(epoch, start=2e-4, decay_from=200, epochs=400) for epoch in range(400)]
    assert rates[:201] == [2e-4] * 201
    assert rates[201] == pytest.approx(2e-4 * (1 - 1 / 200))
    assert rates[399] == pytest.approx(2e-4 / 200)


def test_a_ramped_weight_grows_from_zero():
    assert [ramp(epoch, weight=0.3, epochs=3) for epoch in range(3)] == pytest.approx([0, 0.1, 0.2])


def schedule(*, meeting=1, iterations=10, **intervals):
    lengths = course(10, batch=1, epochs=1, decay_from=1, iterations=iterations, domains=4)
    every = {"log_every": 4, "validate_every": 0, "save_every": 0, "sample_every": 0} | intervals
    return Schedule(lengths, lambda number: round_pair(number, NAMES, seed=0), meeting_length=meeting, **every)


def groups(pairs, most, due=()):
    meetings = [(Meeting(*pair, range(place, place + 1)), []) for place, pair in enumerate(pairs)]
    found = at_once(meetings, most, lambda done: done in due)
    return [[one.iterations.start for one, _ in group] for group in found]


def test_a_pair_stays_together_for_a_meeting():
    plan = schedule(meeting=3, iterations=12)
    assert [list(one.iterations) for one in plan.meetings(0)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert [(one.a, one.b) for one in plan.meetings(0)] == [round_pair(number, NAMES, seed=0) for number in range(4)]
    assert {plan.pair(iteration) for iteration in (3, 4, 5)} == {round_pair(1, NAMES, seed=0)}


def test_a_meeting_is_cut_where_training_pauses_and_goes_on_with_the_same_pair():
    plan = schedule(meeting=3, save_every=4, log_every=5)
    assert [list(one.iterations) for one in plan.meetings(0)] == [[0, 1, 2], [3], [4, 5], [6, 7], [8], [9]]
    assert [list(one.iterations) for one in plan.meetings(4)] == [[4, 5], [6, 7], [8], [9]]
    pairs = {iteration: (one.a, one.b) for one in plan.meetings(0) for iteration in one.iterations}
    assert pairs == {iteration: plan.pair(iteration) for iteration in range(10)}


def test_every_meeting_of_one_iteration_is_as_without_meetings():
    assert [plan.iterations.start for plan in schedule().meetings(0)] == list(range(10))


def test_disjoint_pairs_go_together_as_far_as_they_may():
    assert groups(["ab", "cd", "ef", "ad", "bc", "ef"], 3) == [[0, 1, 2], [3, 4, 5]]
    assert groups(["ab", "cd", "ef", "ad", "bc", "ef"], 2) == [[0, 1], [2, 3], [4, 5]]
    assert groups(["ab", "cd"], 1) == [[0], [1]]


def test_no_domain_is_in_two_pairs_of_a_group():
    assert groups(["ab", "bc", "ad", "cb"], 9) == [[0], [1, 2], [3]]
    assert groups(["ab", "ba"], 2) == [[0], [1]]


def test_nothing_falls_due_inside_a_group():
    assert groups(["ab", "cd", "ef", "gh"], 4, due={1, 3}) == [[0], [1, 2], [3]]


def test_what_is_due_is_a_function_of_the_iteration():
    plan = schedule(validate_every=3, save_every=5)
    due = {done: [name for name, is_due in plan.due(done)._asdict().items() if is_due] for done in range(1, 11)}
    assert {done: names for done, names in due.items() if names} == {
        3: ["log", "validate"],
        4: ["log"],
        5: ["log", "save"],
        6: ["log", "validate"],
        8: ["log"],
        9: ["log", "validate"],
        10: ["log", "validate", "save", "sample"],
    }
    assert [done for done in range(1, 11) if plan.due(done).pauses] == [3, 5, 6, 9, 10]


def test_a_run_without_validation_has_none_in_the_end_either():
    assert schedule().due(10) == (True, False, True, True)

"""Iterations that are trained at the same time."""

import torch
from combogan.training.meetings import at_once

NOTHING = torch.zeros(0)


def groups(pairs, most, due=()):
    meetings = [(iteration, *pair, NOTHING, NOTHING) for iteration, pair in enumerate(pairs)]
    return [[one[0] for one in group] for group in at_once(meetings, most, lambda done: done in due)]


def test_disjoint_pairs_go_together_as_far_as_they_may():
    assert groups(["ab", "cd", "ef", "ad", "bc", "ef"], 3) == [[0, 1, 2], [3, 4, 5]]
    assert groups(["ab", "cd", "ef", "ad", "bc", "ef"], 2) == [[0, 1], [2, 3], [4, 5]]
    assert groups(["ab", "cd"], 1) == [[0], [1]]


def test_no_domain_is_in_two_pairs_of_a_group():
    assert groups(["ab", "bc", "ad", "cb"], 9) == [[0], [1, 2], [3]]
    assert groups(["ab", "ba"], 2) == [[0], [1]]


def test_nothing_falls_due_inside_a_group():
    assert groups(["ab", "cd", "ef", "gh"], 4, due={1, 3}) == [[0], [1, 2], [3]]

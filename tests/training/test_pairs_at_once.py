"""Invariant 2, second half: disjoint pairs trained at the same time give the same bits as one after the other."""

import threading

import pytest
import torch
from trainers import Listener, onto_run, resume, start, states

import combogan
from combogan.runs.add_domain import onto_packs
from combogan.runs.prepare import prepare

SEASONS = ["summer", "winter", "fall", "spring"]


@pytest.fixture
def rounds(tiny):
    changes = {"schedule.pairs": "rounds", "schedule.iterations": 9, "losses.latent": 0.0, "losses.r1": 3.0}
    return tiny.changed({**changes, "run.pairs_at_once": 2})


def same(one, other):
    return all(one[part][name].equal(value) for part in other for name, value in other[part].items())


@pytest.mark.parametrize(("precision", "meeting"), [("float32", 1), ("float32", 4), ("bfloat16", 1)])
def test_pairs_at_the_same_time_give_the_same_bits_as_in_turn(rounds, tmp_path, precision, meeting):
    changes = {"run.precision": precision, "schedule.iterations": 20, "schedule.meeting": meeting}
    rounds = rounds.changed({**changes, "run.checkpoint_every": 10})
    together = combogan.train(rounds, SEASONS, out=tmp_path / "together")
    in_turn = combogan.train(rounds.changed({"run.pairs_at_once": 1}), SEASONS, out=tmp_path / "in-turn")
    assert same(states(together), states(in_turn))


def test_a_round_is_trained_by_several_threads(rounds, tmp_path):
    trainer = start(rounds, SEASONS, tmp_path / "run")
    train_on, met, both = trainer.engine.train_on, [], threading.Barrier(2, timeout=20)

    def noting(iteration, *meeting):
        if iteration < 2:
            both.wait()  # passes only when the other pair of the first round is there at the same time
        met.append(iteration)
        return train_on(iteration, *meeting)

    trainer.engine.train_on = noting
    trainer.run()
    assert sorted(met) == list(range(9))


def test_a_run_stopped_between_the_pairs_of_a_round_goes_on_to_the_same_bits(rounds, tmp_path):
    whole = combogan.train(rounds, SEASONS, out=tmp_path / "whole")
    trainer = start(rounds, SEASONS, tmp_path / "stopped")
    trainer.run(lambda: trainer.iteration == 3)  # a checkpoint is due after the first pair of the second round
    assert trainer.iteration == 3
    assert resume(tmp_path / "stopped").run()
    assert same(states(tmp_path / "stopped"), states(whole))


@pytest.mark.parametrize(
    ("changes", "together"),
    [
        ({"run.pairs_at_once": 0, "run.threads": 0}, None),
        ({"schedule.pairs": "random"}, 1),
        ({"networks.shared_encoder_blocks": 1}, 1),
        ({"run.pairs_at_once": 9}, 2),
    ],
)
def test_how_many_is_chosen_once_and_kept_in_the_run(rounds, changes, together):
    chosen = prepare(rounds.changed(changes), SEASONS).settings.run
    assert chosen.pairs_at_once == together or (together is None and 1 <= chosen.pairs_at_once <= 2)
    assert chosen.threads >= 1


def test_training_leaves_the_threads_of_the_process_as_they_were(rounds, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        combogan.train(rounds.changed({"run.threads": 0, "run.pairs_at_once": 0}), SEASONS, out=tmp_path / "run")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_run_of_more_threads_than_there_are_here_says_so(rounds, tmp_path):
    combogan.train(rounds.changed({"run.threads": 64, "schedule.iterations": 1}), SEASONS, out=tmp_path / "run")
    listener = Listener()
    resume(tmp_path / "run", {}, listener)
    assert any("computes with 128 threads" in message for message in listener.said)
    resume(tmp_path / "run", {"run.threads": 0, "run.pairs_at_once": 0}, listener)
    assert sum("computes with" in message for message in listener.said) == 1


def test_an_added_domain_meets_the_old_ones_one_at_a_time(rounds, tmp_path):
    combogan.train(rounds, ["summer", "fall", "spring"], out=tmp_path / "run")
    settings = rounds.changed({"schedule.iterations": 6})
    prepared = onto_packs("winter", tmp_path / "run" / "packs", settings, given={}, data=None, out=None, tell=print)
    assert prepared.settings.run.pairs_at_once == 1
    prepared = onto_run("winter", tmp_path / "run", {"run.pairs_at_once": 2})
    assert prepared.settings.run.pairs_at_once == 1

"""`run.resident`: domains that wait in host memory are trained to the same bits as domains that are always there."""

import shutil
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from trainers import onto_run, resume, start, states

import combogan
from combogan.errors import SettingsError
from combogan.runs.prepare import prepare
from combogan.runs.run import start as begin
from combogan.training.report import Quiet
from combogan.training.residents import Residents

SEASONS = ["summer", "winter", "fall", "spring"]
MOMENT = "generator/exp_avg/encoder.layers.1.weight"
SIX = [*SEASONS, "snow=scenes-small/winter", "sun=scenes-small/summer"]


@pytest.fixture
def rounds(tiny):
    changes = {"schedule.pairs": "rounds", "schedule.iterations": 12, "losses.r1": 3.0, "run.checkpoint_every": 6}
    return tiny.changed(changes)


def same(one, other):
    return all(one[part][name].equal(value) for part in other for name, value in other[part].items())


def pack_bytes(run):
    return {path.relative_to(run): path.read_bytes() for path in sorted((run / "packs").glob("*/*.safetensors"))}


@pytest.mark.parametrize(
    "changes",
    [
        {"run.resident": 3, "schedule.meeting": 2},
        {"run.resident": 4, "run.pairs_at_once": 2},
        {"run.resident": 2, "run.validate_every": 6},
        {"run.resident": 4, "schedule.meeting": 2, "run.validate_every": 6},
    ],
)
def test_any_number_of_residents_gives_the_same_bits(rounds, tmp_path, changes):
    few = combogan.train(rounds.changed(changes), SIX, out=tmp_path / "few")
    all_of_them = combogan.train(rounds.changed({**changes, "run.resident": 0}), SIX, out=tmp_path / "all")
    assert same(states(few), states(all_of_them))
    assert pack_bytes(few) == pack_bytes(all_of_them)
    assert (few / "samples" / "000012.png").read_bytes() == (all_of_them / "samples" / "000012.png").read_bytes()


def test_no_more_domains_than_asked_for_are_on_the_device_and_those_that_leave_are_copied(rounds, tmp_path):
    trainer = start(rounds.changed({"run.resident": 2}), SEASONS, tmp_path / "run")
    residents, domains = trainer.engine.residents, trainer.engine.domains
    assert residents.names == []
    residents.bring(["summer", "fall"])
    before = {name: value.clone() for name, value in domains["summer"].state().items()}
    address = domains["summer"].state()[MOMENT].data_ptr()
    residents.bring(["fall", "winter"])
    assert residents.names == ["fall", "winter"]
    residents.bring(["summer", "winter"])
    assert residents.names == ["summer", "winter"]
    assert domains["summer"].state()[MOMENT].data_ptr() != address
    assert all(before[name].equal(value) for name, value in domains["summer"].state().items())


def test_the_next_domains_are_copied_while_others_are_trained_where_there_is_room(rounds, tmp_path):
    trainer = start(rounds.changed({"run.resident": 4}), SIX, tmp_path / "run")
    residents = trainer.engine.residents
    residents.bring(["summer", "fall"])
    residents.bring_ahead(["winter", "spring"])
    assert residents.names == ["summer", "fall", "winter", "spring"]
    residents.bring_ahead(["fall", "snow"])  # in place of a domain that is not in use
    assert residents.names == ["spring", "summer", "fall", "snow"]
    residents.bring(["fall", "snow"])
    residents.bring_ahead(["winter", "sun"])
    assert residents.names == ["fall", "snow", "winter", "sun"]


def test_without_room_no_domain_in_use_leaves(rounds, tmp_path):
    residents = start(rounds.changed({"run.resident": 3}), SIX, tmp_path / "run").engine.residents
    residents.bring(["summer", "fall"])
    residents.bring_ahead(["winter", "spring"])
    assert residents.names == ["summer", "fall"]
    residents.bring_ahead(["fall", "spring"])
    assert residents.names == ["summer", "fall", "spring"]


def test_an_engine_has_the_next_two_domains_copied_while_it_trains(rounds, tmp_path):
    one = rounds.changed({"run.resident": 4, "run.pairs_at_once": 1})
    engine = start(one, SIX, tmp_path / "run").engine
    assert list(engine.train(next(engine.groups(0))))
    assert engine.residents.names == [*engine.schedule.pair(0), *engine.schedule.pair(1)]


class Streams:
    """Streams of a second CUDA device, as far as `Residents` knows; a log of who waits for whom."""

    def __init__(self, device):
        self.device, self.log = device, []

    def Stream(self, device):
        return self._named("copies", device)

    def current_stream(self, device):
        return self._named("training", device)

    def synchronize(self, device):
        self._named("all", device)
        self.log.append("all copies are done")

    def stream(self, stream):
        self.log.append(f"on {stream.name}")
        return nullcontext()

    def _named(self, name, device):
        assert device is self.device, "another device's streams"
        return SimpleNamespace(name=name, wait_stream=lambda other: self.log.append(f"{name} after {other.name}"))


def test_copies_and_training_wait_for_each_other_on_the_device_of_the_run(rounds, tmp_path, monkeypatch):
    domains = start(rounds.changed({"run.resident": 4}), SIX, tmp_path / "run").engine.domains
    device = torch.device("cpu")
    streams = Streams(device)
    monkeypatch.setattr(torch, "get_device_module", lambda device: streams)
    residents = Residents(domains, device, 4)
    residents.bring(["summer", "fall"])
    residents.bring_ahead(["winter", "spring"])
    residents.settle()
    there = ["copies after training", "on copies"]
    assert streams.log == [*there, "training after copies", *there, "all copies are done"]


def test_memory_layout_survives_the_way_to_the_host_and_back(rounds, tmp_path):
    trainer = start(rounds.changed({"run.resident": 2}), SEASONS, tmp_path / "run")
    trainer.engine.residents.bring(["summer", "fall"])
    trainer.engine.residents.bring(["winter", "spring"])
    trainer.engine.residents.bring(["spring", "summer"])
    weights = [weight for weight in trainer.engine.domains["summer"].discriminator.parameters() if weight.ndim == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_a_run_goes_on_with_another_number_of_residents(rounds, tmp_path):
    whole = combogan.train(rounds, SEASONS, out=tmp_path / "whole")
    trainer = start(rounds.changed({"run.resident": 2}), SEASONS, tmp_path / "stopped")
    trainer.run(lambda: trainer.iteration == 5)
    assert resume(tmp_path / "stopped", {"run.resident": 3}).run()
    assert same(states(tmp_path / "stopped"), states(whole))


def test_frozen_domains_wait_too(rounds, tmp_path):
    run = combogan.train(rounds, SEASONS[:3], out=tmp_path / "run")
    packs = []
    for resident in (0, 2):
        prepared = onto_run("spring", run, {"schedule.iterations": 6, "run.resident": resident})
        assert begin(prepared, Quiet()).run()
        packs.append((run / "packs" / "spring" / "encoder.safetensors").read_bytes())
        for folder in (run / "packs" / "spring", run / "added"):
            shutil.rmtree(folder)
    assert packs[0] == packs[1]


def test_a_pair_has_room(rounds):
    with pytest.raises(SettingsError, match="resident is 1"):
        rounds.changed({"run.resident": 1})
    chosen = prepare(rounds.changed({"run.resident": 3, "run.pairs_at_once": 2}), SEASONS).settings.run
    assert chosen.pairs_at_once == 1

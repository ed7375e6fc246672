"""Meetings in other processes, by Ray: the same bits as in this one, whoever is killed."""

import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from trainers import Listener, onto_run, resume, start, states

import combogan
from combogan.data.pictures import FolderPictures
from combogan.data.scenes import ScenePictures
from combogan.errors import PictureError, WorkersError
from combogan.runs.prepare import prepare
from combogan.runs.run import start as begin
from combogan.training import building, cluster, workers
from combogan.training.report import Quiet

SEASONS = ["summer", "winter", "fall", "spring"]
FIVE = [*SEASONS, "small=scenes-small/summer"]


@pytest.fixture(scope="module", autouse=True)
def _ray():
    import ray

    # By default Ray's workers wait for all other tests. The name is Ray's own.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"address": "local", "include_dashboard": False, "log_to_driver": False}
        ray.init(num_cpus=2, object_store_memory=200_000_000, **options)
        yield
        ray.shutdown()


@pytest.fixture
def rounds(tiny):
    changes = {"schedule.pairs": "rounds", "schedule.iterations": 14, "losses.r1": 3.0, "run.checkpoint_every": 8}
    return tiny.changed(changes)


def same(one, other):
    return set(one) == set(other) and all(
        one[part][name].equal(value) for part in other for name, value in other[part].items()
    )


def packs(run):
    return {path.relative_to(run): path.read_bytes() for path in sorted((run / "packs").rglob("*.safetensors"))}


def worker_processes():
    """Process ids of this test's workers that are training or have trained."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            titles[int(folder.name)] = (folder / "cmdline").read_bytes()
        except OSError:
            continue

    def is_ours(process):
        return process == os.getpid() or (process in parents and is_ours(parents[process]))

    training = (b"ray::meet", b"ray::IDLE")
    return [process for process, title in titles.items() if title.startswith(training) and is_ours(process)]


@pytest.mark.parametrize("meeting", [1, 8])
def test_workers_and_threads_write_the_same_packs_to_the_byte(rounds, tmp_path, meeting):
    rounds = rounds.changed({"schedule.meeting": meeting, "run.pairs_at_once": 2})  # five domains: one rests
    threads = combogan.train(rounds, FIVE, out=tmp_path / "threads")
    processes = combogan.train(rounds.changed({"run.workers": 2}), FIVE, out=tmp_path / "processes")
    assert len(packs(threads)) == 10
    assert packs(threads) == packs(processes)
    assert same(states(processes), states(threads))
    logs = [(run / "log.jsonl").read_text().splitlines() for run in (threads, processes)]
    assert [line.split('"losses"')[-1] for line in logs[0]] == [line.split('"losses"')[-1] for line in logs[1]]


@pytest.mark.parametrize("kind", ["resnet", "skip"])
def test_an_added_domain_is_the_same(rounds, tmp_path, kind):
    run = combogan.train(rounds.changed({"networks.kind": kind}), SEASONS[:3], out=tmp_path / "run")
    written = []
    for count in (0, 2):
        assert begin(onto_run("spring", run, {"schedule.iterations": 6, "run.workers": count}), Quiet()).run()
        written.append(packs(run))
        for folder in (run / "packs" / "spring", run / "added"):
            shutil.rmtree(folder)
    assert len(written[0]) == 8
    assert written[0] == written[1]


def test_the_meeting_of_a_killed_worker_is_trained_again_to_the_same_bits(rounds, tmp_path):
    whole = combogan.train(rounds, SEASONS, out=tmp_path / "whole")
    killed = []

    class Killer(Listener):
        def advance(self, iteration, course):
            if iteration == 5:
                killed.append(worker_processes())
                for process in killed[-1]:
                    os.kill(process, signal.SIGKILL)

    assert start(rounds.changed({"run.workers": 2}), SEASONS, tmp_path / "killed", Killer()).run()
    assert all(killed)
    assert same(states(tmp_path / "killed"), states(whole))


def test_a_run_goes_on_with_another_number_of_workers_or_none(rounds, tmp_path):
    rounds = rounds.changed({"schedule.iterations": 24})
    whole = combogan.train(rounds, SEASONS, out=tmp_path / "whole")
    path = tmp_path / "stopped"
    trainer = start(rounds.changed({"run.workers": 1}), SEASONS, path)
    assert not trainer.run(lambda: trainer.iteration >= 3)
    assert 3 <= trainer.iteration < 8
    trainer = resume(path, {"run.workers": 2})
    assert not trainer.run(lambda: trainer.iteration >= 10)
    assert resume(path, {"run.workers": 0}).run()
    assert same(states(path), states(whole))


def test_pictures_that_workers_do_not_see_travel_with_the_meetings(rounds, tmp_path, monkeypatch):
    rounds = rounds.changed({"losses.paired": 10.0, "discriminator.sees": "both"})
    domains = [f"{season}=scenes-paired/{season}" for season in SEASONS[:3]] + SEASONS[3:]
    whole = combogan.train(rounds, domains, out=tmp_path / "whole")
    monkeypatch.setattr(workers, "_fingerprints", lambda pictures: {})
    assert combogan.train(rounds.changed({"run.workers": 2}), domains, out=tmp_path / "sent")
    assert same(states(tmp_path / "sent"), states(whole))


def test_workers_see_the_same_pictures_where_their_fingerprints_are_the_same(tmp_path):
    here = {"summer": ScenePictures("summer", "train", 3)}
    assert workers._fingerprints(here) == {"summer": here["summer"].fingerprint()}
    assert workers._fingerprints({"lost": FolderPictures(tmp_path, ("gone.png",))}) == {}


def test_states_of_many_meetings_are_stored_anew_and_stay_the_same(rounds, tmp_path, monkeypatch):
    whole = combogan.train(rounds, SEASONS, out=tmp_path / "whole")
    monkeypatch.setattr(workers, "LINEAGE", 2)
    assert combogan.train(rounds.changed({"run.workers": 2}), SEASONS, out=tmp_path / "anew")
    assert same(states(tmp_path / "anew"), states(whole))


def test_what_goes_wrong_in_a_worker_is_said_here(rounds, tmp_path):
    def broken(*_):
        raise PictureError("'a.png' is broken")

    trainer = start(rounds.changed({"run.workers": 2}), SEASONS, tmp_path / "run")
    trainer.engine._meet = cluster.Cluster(2, threads=1, cuda=False).task(broken, returns=3)
    with pytest.raises(PictureError, match=r"^'a.png' is broken$"):
        trainer.run()


def test_without_ray_the_extra_is_named(rounds, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(WorkersError, match=r"combogan\[ray\]"):
        prepare(rounds.changed({"run.workers": "auto"}), SEASONS)


def test_shared_blocks_are_not_spread_out(rounds):
    settings = rounds.changed({"run.workers": 2, "networks.shared_encoder_blocks": 1})
    with pytest.raises(WorkersError, match="shared blocks are in every pair"):
        prepare(settings, SEASONS)


def test_a_store_too_small_for_two_states_is_refused_and_nothing_is_written(rounds, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "state_bytes", lambda settings: 10**8)
    with pytest.raises(WorkersError, match=r"holds 200 MB, and a meeting needs 400 MB.*--object-store-memory"):
        start(rounds.changed({"run.workers": 2}), SEASONS, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.undo()
    assert building.state_bytes(rounds) > 10**4


@pytest.mark.parametrize(("sees", "channels"), [("image", 3), ("both", 6)])
def test_a_state_is_as_large_as_the_plan_says(tiny, sees, channels):
    tiny = tiny.changed({"losses.paired": 1.0, "discriminator.sees": sees})
    domain = building.new_domain("summer", tiny, torch.device("cpu"))
    domain.pool.fakes = [torch.zeros(channels, 32, 32)] * tiny.optimizer.pool
    state = {name: value for name, value in domain.state().items() if not name.endswith("updates")}
    assert sum(value.nbytes for value in state.values()) == building.state_bytes(tiny)


def test_no_more_workers_are_used_than_asked_for_or_there_is_room_for(rounds, tmp_path):
    assert cluster.Cluster(8, threads=1, cuda=False).workers == 2
    for count, meeting, most in [(1, 1, 1), (2, 1, 6), (2, 2, 2), (2, 8, 2)]:
        changes = {"run.workers": count, "schedule.meeting": meeting}
        trainer = start(rounds.changed(changes), SEASONS, tmp_path / f"{count}-{meeting}")
        assert trainer.engine._most_in_flight == most


def test_a_cluster_of_its_own_is_started_and_stopped(tmp_path):
    code = """
from pathlib import Path
import ray
import combogan
from combogan.settings import Settings
changes = {"images.size": 32, "images.load": 32, "networks.width": 4, "discriminator.width": 4}
changes |= {"discriminator.layers": 2, "schedule.iterations": 2, "schedule.autoencode": 0}
changes |= {"run.validate_every": 0, "run.workers": 1}
words = ["summer=scenes-small/summer", "winter=scenes-small/winter"]
combogan.train(Settings.load("quick", changes), words, out=Path("run"))
print(ray.is_initialized())
"""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr
    assert (tmp_path / "run" / "packs" / "winter" / "pack.json").is_file()


def test_a_cluster_that_is_not_there_is_named(tmp_path):
    environment = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1", "RAY_gcs_rpc_server_reconnect_timeout_s": "1"}
    words = "summer=scenes-small/summer,winter=scenes-small/winter"
    run = [
        sys.executable,
        "-m",
        "combogan.cli.main",
        "train",
        "--domains",
        words,
        "--preset",
        "quick",
        "--workers",
        "2",
    ]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Error: the cluster at RAY_ADDRESS=127.0.0.1:1 cannot be reached" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_other_versions_are_named(monkeypatch):
    joined = cluster.Cluster("auto", threads=1, cuda=False)
    assert joined.workers == 2
    joined.refuse_others()
    assert joined.other_processors() == []
    other = {**cluster.versions(), "PyTorch": "1.0"}
    monkeypatch.setattr(cluster.Cluster, "on_every_machine", lambda self, function: {"10.0.0.7": other})
    with pytest.raises(WorkersError, match=r"PyTorch is .* here and 1\.0 on the worker at 10\.0\.0\.7"):
        joined.refuse_others()


def test_no_room_is_said():
    with pytest.raises(WorkersError, match="has room for a worker of 64 threads; lower run.threads"):
        cluster.Cluster(1, threads=64, cuda=False)

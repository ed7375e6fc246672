"""The folder of a run: when it is taken, and what a kill leaves in it."""

import json

import pytest
import trainers
from trainers import onto_run, resume

import combogan
from combogan.errors import DeviceError, RunError
from combogan.runs.run import start as begin
from combogan.training.folder import RunFolder


def start(settings, out):
    return trainers.start(settings, ["summer", "winter"], out)


def events(path):
    return [json.loads(line)["event"] for line in (path / "history.jsonl").read_text().splitlines()]


def test_a_run_that_failed_before_its_first_iteration_leaves_its_folder_free(tiny, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(DeviceError):
        start(tiny.changed({"networks.width": 10**12}), run)

    def full(*_):
        raise MemoryError

    trainer = start(tiny, run)
    trainer.engine.train_on = full
    with pytest.raises(DeviceError):
        trainer.run()
    assert start(tiny.changed({"run.seed": 1}), run).run()
    assert RunFolder.open(run).settings().run.seed == 1
    assert events(run) == ["started", "started", "started"]
    with pytest.raises(RunError, match="already holds a run"):
        start(tiny, run)


@pytest.mark.parametrize("name", ["log.jsonl", "samples/000001.png", "checkpoints/000001/manifest.json", "notes.txt"])
def test_a_folder_with_anything_else_in_it_stays_taken(tiny, tmp_path, name):
    start(tiny, tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
    before = (tmp_path / "settings.toml").read_text()
    with pytest.raises(RunError, match="already holds a run"):
        start(tiny.changed({"run.seed": 1}), tmp_path)
    assert (tmp_path / "settings.toml").read_text() == before


def test_settings_that_a_person_put_there_are_not_overwritten(tiny, tmp_path):
    (tmp_path / "settings.toml").write_text("[run]\nseed = 3  # mine\n")
    with pytest.raises(RunError, match="already holds a run"):
        start(tiny, tmp_path)
    assert "mine" in (tmp_path / "settings.toml").read_text()


def test_a_run_that_was_begun_anew_by_another_does_not_train_with_settings_that_are_gone(tiny, tmp_path):
    first = start(tiny, tmp_path / "run")
    second = start(tiny.changed({"run.seed": 1}), tmp_path / "run")
    with pytest.raises(RunError, match="another process began a run in"):
        first.run()

    def meanwhile():
        with pytest.raises(RunError, match="already holds a run|another process is training in"):
            start(tiny, tmp_path / "run")
        return False

    assert second.run(meanwhile)


def test_a_growth_that_failed_before_its_first_iteration_can_be_begun_again(tiny, tmp_path):
    run = combogan.train(tiny, ["summer", "fall"], out=tmp_path / "run")

    def again():
        return onto_run("winter", run, {"schedule.iterations": 2})

    begin(again(), trainers.Listener())
    with pytest.raises(RunError, match="already holds a run"):  # a run of its own would be taken for the growth
        start(tiny, run / "added" / "winter")
    assert begin(again(), trainers.Listener()).run()
    assert (run / "packs" / "winter" / "pack.json").is_file()


def test_a_line_of_the_history_that_a_kill_cut_short_makes_way_for_the_next(tiny, tmp_path):
    start(tiny, tmp_path).run(lambda: True)
    whole = (tmp_path / "history.jsonl").read_text()
    for rest, kept in (
        ('{"time": "2025-01-01", "itera', []),
        ('{"iteration": 1, "event": "resumed"}', ["resumed"]),
    ):
        (tmp_path / "history.jsonl").write_text(whole + rest)
        resume(tmp_path).run(lambda: True)
        assert events(tmp_path) == ["started", *kept, "resumed"]

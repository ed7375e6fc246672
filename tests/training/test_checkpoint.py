import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from trainers import all_states

from combogan import storage
from combogan.errors import CheckpointError, StorageError
from combogan.training.checkpoint import Checkpoints


def save(checkpoints, iteration, updates, **values):
    states = {name: (lambda value=value: {"weight": torch.full((4,), float(value))}) for name, value in values.items()}
    return checkpoints.save(iteration, states, updates, {"note": iteration})


def test_what_is_saved_is_found(tmp_path):
    save(Checkpoints(tmp_path, keep=2), 7, {"summer": 1, "alps/winter": 2}, **{"summer": 1, "alps/winter": 2})
    found = Checkpoints(tmp_path, keep=2).newest(print)
    assert found.iteration == 7
    assert found.record == {"note": 7}
    assert all_states(found)["alps/winter"]["weight"].tolist() == [2.0] * 4


def test_only_domains_that_changed_are_written_again_and_files_referred_to_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 1, {"summer": 1, "winter": 1}, summer=1, winter=1)
    save(checkpoints, 2, {"summer": 2, "winter": 1}, summer=2, winter=-1)
    save(checkpoints, 3, {"summer": 3, "winter": 1}, summer=3, winter=-1)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["000001/winter.safetensors", "000003/manifest.json", "000003/summer.safetensors"]
    found = Checkpoints(tmp_path, keep=1).newest(print)
    assert found.iteration == 3
    assert all_states(found)["winter"]["weight"].tolist() == [1.0] * 4


def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=3)
    save(checkpoints, 1, {"summer": 1}, summer=1)
    save(checkpoints, 2, {"summer": 2}, summer=2)
    file = tmp_path / "000002" / "summer.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    said = []
    assert Checkpoints(tmp_path, keep=3).newest(said.append).iteration == 1
    assert said == [
        f"checkpoint {tmp_path / '000002'} is damaged: {file} is not what was saved; falling back to the one before."
    ]
    file.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.last.state("summer")


def test_what_training_fell_back_from_does_not_push_out_what_is_whole(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 8, {"summer": 8}, summer=8)
    (tmp_path / "000008" / "summer.safetensors").write_bytes(b"damaged")
    save(Checkpoints(tmp_path, keep=1), 3, {"summer": 3}, summer=3)
    assert Checkpoints(tmp_path, keep=1).newest(pytest.fail).iteration == 3


@pytest.mark.parametrize("what", ["manifest.json", "a.safetensors"])
def test_a_checkpoint_that_must_not_be_read_is_not_taken_for_none(tmp_path, monkeypatch, what):
    save(Checkpoints(tmp_path, keep=2), 1, {"a": 1}, a=0.0)
    allowed = Path.open

    def opened(path, *given, **named):
        if path.name == what:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return allowed(path, *given, **named)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(StorageError, match=rf"{what} cannot be read, because its permissions forbid it"):
        Checkpoints(tmp_path, keep=2).newest(print)


def test_an_unreadable_manifest_is_as_if_there_were_none(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=3)
    save(checkpoints, 1, {"summer": 1}, summer=1)
    for content in (b"{", b"[]", b'{"format": 99, "iteration": 5, "record": {}}'):
        (tmp_path / "000005").mkdir(exist_ok=True)
        (tmp_path / "000005" / "manifest.json").write_bytes(content)
        assert Checkpoints(tmp_path, keep=3).newest(print).iteration == 1


def test_a_full_disk_loses_nothing_old(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 1, {"summer": 1, "winter": 1}, summer=1, winter=1)
    write, written = storage.write_synced, []

    def full(path, content):
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write(path, content)

    monkeypatch.setattr(storage, "write_synced", full)
    with pytest.raises(StorageError, match="the disk is full"):
        save(checkpoints, 2, {"summer": 2, "winter": 2}, summer=2, winter=2)
    assert written
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001"]
    assert Checkpoints(tmp_path, keep=1).newest(print).iteration == 1
    assert save(checkpoints, 2, {"summer": 2, "winter": 2}, summer=2, winter=2).iteration == 2


SAVE_FOREVER = """
import sys, torch
from pathlib import Path
from combogan.training.checkpoint import Checkpoints
checkpoints, i = Checkpoints(Path(sys.argv[1]), keep=2), 0
while True:
    i += 1
    value = {"weight": torch.full((300_000,), float(i))}
    checkpoints.save(i, {"a": lambda: value, "b": lambda: value}, {"a": i, "b": i}, {})
    print(i, flush=True)
"""


def test_a_kill_in_the_middle_of_saving_leaves_a_whole_checkpoint(tmp_path):
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        seen = [process.stdout.readline() for _ in range(3)]
        time.sleep(0.004 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        seen += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        checkpoints = Checkpoints(folder, keep=2)
        found = checkpoints.newest(pytest.fail)
        assert found.iteration >= int(seen[-1])
        for part in ("a", "b"):
            assert (found.state(part)["weight"] == found.iteration).all()
        # The next one clears away what the kill left.
        save(checkpoints, found.iteration + 1, {"a": -1, "b": -1}, a=0, b=0)
        assert not list(Path(folder).glob(".*"))

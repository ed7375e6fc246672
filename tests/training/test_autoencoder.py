"""The start that all encoders and decoders can share: one autoencoder."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from trainers import Listener, resume, start

import combogan
from combogan import storage
from combogan.data import scenes
from combogan.data.pictures import to_image
from combogan.data.scenes import ScenePictures
from combogan.errors import RunError, SettingsError
from combogan.networks.blocks import initialise
from combogan.networks.decoder import decoder
from combogan.networks.encoder import ENCODERS, encoder
from combogan.registry.registry import Registry
from combogan.training.autoencoder import PEAK_RATE, autoencode, learning_rate, nearest, start_from
from combogan.training.building import new_domain
from combogan.training.domain import NetworkGroup
from combogan.training.losses import l1

CPU = torch.device("cpu")
SEASONS = ["summer", "winter", "fall"]


@pytest.fixture
def _few_scenes(monkeypatch):
    monkeypatch.setattr(scenes, "TRAIN", 20)


def images(season, count=6):
    pictures = ScenePictures(season, "train")
    return [to_image(pictures.picture(index, 32)).unsqueeze(0) for index in range(count)]


@pytest.fixture
def starting(tiny):
    return tiny.changed(
        {"losses.r1": 1.0, "schedule.autoencode": 4, "schedule.iterations": 6, "run.checkpoint_every": 2}
    )


def halves(kind="resnet"):
    size = {"depth": 3} if kind == "unet" else {"blocks": 1}
    made = encoder(kind, width=4, **size), decoder(kind, width=4, **size)
    for place, half in enumerate(made):
        initialise(half, torch.Generator().manual_seed(place))
    return made


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_domain_starts_with_the_weights_and_averages_of_the_autoencoder(tiny, kind):
    one, other = halves(kind)
    domain = new_domain("summer", tiny.changed({"networks.kind": kind, "networks.depth": 3}), CPU)
    start_from(domain, one, other)
    state = domain.generator_group.state()
    weights = {
        f"{part}.{name}": w
        for part, half in (("encoder", one), ("decoder", other))
        for name, w in half.state_dict().items()
    }
    for name, weight in weights.items():
        assert state[f"weights/{name}"].equal(weight)
        assert state[f"average/{name}"].equal(weight)
    x = images("summer")[0]
    with torch.no_grad():
        torch.testing.assert_close(domain.decode(domain.encode(x)), other(one(x)))


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_autoencoder_learns_to_give_back_what_it_is_shown(kind):
    one, other = halves(kind)
    shown = [images("summer")[0], images("winter")[0]]
    group = NetworkGroup({"encoder": one, "decoder": other}, betas=(0.9, 0.99))
    losses = [
        autoencode(group, shown, rate=learning_rate(done / 60), distance=l1, precision=torch.float32).item()
        for done in range(60)
    ]
    assert losses[-1] < losses[0] / 2


def started(run, done):
    return load_file(run / "start" / f"{done:06d}" / "autoencoder.safetensors")


@pytest.mark.usefixtures("_few_scenes")
def test_the_autoencoder_of_a_run_learns_at_its_own_rate(starting, tmp_path):
    settings = starting.changed({"networks.width": 24})
    found = []
    for stop_after in (1, 2):
        run = tmp_path / str(stop_after)
        listener = Listener()
        start(settings, ["summer", "winter"], run, listener).run(
            lambda heard=listener.started, stop=stop_after: len(heard) == stop
        )
        found.append({name: w for name, w in started(run, stop_after).items() if name.startswith("weights/")})
    moved = max((found[1][name] - weight).abs().max().item() for name, weight in found[0].items())
    rate = learning_rate(1 / 4)
    assert rate < moved < 4 * rate  # Adam moves a weight by about the rate in each of the two updates


def weights(run):
    return {path.relative_to(run): path.read_bytes() for path in sorted(run.glob("packs/*/*.safetensors"))}


@pytest.fixture
def whole(starting, tmp_path, _few_scenes):
    """The weights of a run that never stopped, with dropout, whose chance must not depend on where it stops either."""
    return weights(combogan.train(dropping(starting), SEASONS, out=tmp_path / "whole"))


def dropping(settings):
    return settings.changed({"networks.dropout": 0.3, "run.checkpoint_every": 3})


@pytest.mark.parametrize("stop_after", [2, 4, 7])
def test_a_run_stopped_in_its_start_or_after_it_ends_with_the_same_bits(starting, tmp_path, whole, stop_after):
    listener, run = Listener(), tmp_path / "stopped"
    trainer = start(dropping(starting), SEASONS, run, listener)
    assert not trainer.run(lambda: len(listener.started) + len(listener.iterations) >= stop_after)
    again = resume(run)
    assert bool(again.iteration) == (stop_after >= 4)
    assert again.run()
    assert again.journal.report.started == list(range(stop_after + 1, 5))  # nothing of the start is done twice
    assert again.journal.report.said == []
    assert weights(run) == whole
    assert not (run / "start").exists()
    events = [json.loads(line)["event"] for line in (run / "history.jsonl").read_text().splitlines()]
    assert events.count("autoencoded") == 1


def test_the_time_of_a_start_that_was_stopped_is_that_of_all_its_parts(starting, tmp_path):
    run, listener = tmp_path / "stopped", Listener()
    trainer = start(starting, SEASONS, run, listener)

    def slow():
        time.sleep(0.5)
        return bool(listener.started)

    assert not trainer.run(slow)
    assert resume(run).run()
    events = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    (seconds,) = [event["seconds"] for event in events if event["event"] == "autoencoded"]
    assert seconds >= 1


KILLED = """
import os, signal, sys
from pathlib import Path
from combogan import Settings, train
from combogan import storage
from combogan.data import scenes
from combogan.training.report import Quiet
scenes.TRAIN = 20
class Killed(Quiet):
    def began(self, done, total, *, log):
        if done == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
train(Settings.load(Path(sys.argv[1])), ["summer", "winter", "fall"], out=sys.argv[2], report=Killed())
"""


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_kill_in_the_start_costs_at_most_what_came_after_its_last_checkpoint(starting, tmp_path, whole, killed_after):
    (tmp_path / "settings.toml").write_text(dropping(starting).toml())
    run = tmp_path / "killed"
    words = [str(tmp_path / "settings.toml"), str(run), str(killed_after)]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], check=False)
    assert done.returncode == -signal.SIGKILL
    again = resume(run)
    assert again.run()
    assert again.journal.report.started == ([1, 2, 3, 4] if killed_after == 1 else [4])
    assert weights(run) == whole


@pytest.mark.parametrize("damaged", SEASONS)
def test_a_damaged_checkpoint_beside_the_start_leaves_nothing_in_the_domains(
    starting, tmp_path, whole, monkeypatch, damaged
):
    class Full(Exception):
        pass

    remove = storage.remove_folder

    def full(folder):
        if folder.name == "start":
            raise Full
        remove(folder)

    run = tmp_path / "run"
    trainer = start(dropping(starting), SEASONS, run)
    monkeypatch.setattr("combogan.storage.remove_folder", full)  # killed before this is done
    with pytest.raises(Full):
        trainer.run()
    monkeypatch.undo()
    monkeypatch.setattr(scenes, "TRAIN", 20)
    file = run / "checkpoints" / "000003" / f"{damaged}.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert resume(run).run()
    assert weights(run) == whole


@pytest.mark.usefixtures("_few_scenes")
def test_a_start_of_other_settings_is_refused(starting, tmp_path):
    listener, run = Listener(), tmp_path / "run"
    start(starting, SEASONS, run, listener).run(lambda: len(listener.started) == 3)
    text = (run / "settings.toml").read_text()
    for old, new in (("width = 4", "width = 8"), ("autoencode = 4", "autoencode = 2")):
        (run / "settings.toml").write_text(text.replace(old, new))
        with pytest.raises(RunError, match="does not fit the settings of the run"):
            resume(run)


@pytest.mark.usefixtures("_few_scenes")
def test_what_the_start_was_saved_with_is_compared(starting, tmp_path):
    listener, run = Listener(), tmp_path / "run"
    assert not start(starting, SEASONS, run, listener).run(lambda: len(listener.started) == 2)
    with pytest.raises(RunError, match="already holds a run; go on with it"):
        start(starting, SEASONS, run)
    again = resume(run, {"run.precision": "bfloat16"})
    assert again.progress == "2 of 4 iterations of autoencoding"
    assert again.journal.report.said == [
        "precision was float32 and is now bfloat16; results will differ in their last bits."
    ]
    file = next((run / "start").rglob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1])
    assert "is damaged" in resume(run).journal.report.said[0]


def test_the_start_is_noted_and_cannot_change_later(starting, tmp_path):
    run = combogan.train(starting, ["summer", "winter"], out=tmp_path / "run")
    events = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["started", "autoencoded"]
    assert events[1]["iterations"] == 4
    with pytest.raises(RunError, match=r"schedule\.autoencode cannot change"):
        resume(run, {"schedule.autoencode": 8})


def test_an_added_domain_starts_as_the_nearest_in_colour(starting, tmp_path):
    run = combogan.train(starting, ["summer", "winter"], out=tmp_path / "run")

    listener, changes = Listener(), {"schedule.iterations": 2, "optimizer.rate": 1e-12}
    combogan.add_domain("spring", run=run, changes=changes, report=listener)
    assert any("'spring' starts as 'summer'" in message for message in listener.said)
    registry = Registry.open(run)
    x = images("spring")[0]
    found, expected = (registry.compose(name, "summer")(x) for name in ("spring", "summer"))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_the_nearest_domain_has_like_colours_and_spread():
    grey = torch.zeros(1, 3, 8, 8)
    checked = (torch.arange(64).view(1, 1, 8, 8) % 2).float().expand(1, 3, 8, 8) - 0.5
    shown = {"new": [grey, grey + 0.2], "bright": [grey + 0.9], "checked": [checked], "like": [grey + 0.1]}
    assert nearest("new", shown) == "like"
    assert nearest("new", {**shown, "like": [grey - 0.9]}) == "checked"


def test_shared_blocks_have_no_start_of_their_own(starting):
    with pytest.raises(SettingsError, match="shared blocks"):
        starting.changed({"networks.shared_encoder_blocks": 1})


def test_the_learning_rate_rises_and_falls():
    course = [learning_rate(done / 100) for done in range(101)]
    assert PEAK_RATE * 0.98 < max(course) <= PEAK_RATE
    assert course.index(max(course)) == 5
    assert course[100] == 0
    assert 0 < course[0] < PEAK_RATE / 10

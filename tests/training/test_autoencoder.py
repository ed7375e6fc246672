"""The start that all encoders and decoders can share: one autoencoder, copied in each domain's colours."""

import json
import signal
import subprocess
import sys
from typing import get_args

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
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.registry.registry import Registry
from combogan.sections import Schedule
from combogan.training.autoencoder import LIMIT, RATES, Colours, autoencode, learning_rate, start_from
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


def halves(norm="instance"):
    made = Encoder(width=4, blocks=1, norm=norm), Decoder(width=4, blocks=1, norm=norm)
    for place, half in enumerate(made):
        initialise(half, torch.Generator().manual_seed(place))
    return made


def test_colours_are_the_mean_and_deviation_of_what_is_seen_and_of_what_tanh_needs():
    pixels = torch.tensor([[-0.5, 0.5], [0.0, 0.0], [1.0, 1.0]]).view(1, 3, 1, 2)
    colours = Colours.of([pixels])
    torch.testing.assert_close(colours.seen[0], torch.tensor([0.0, 0.0, 1.0]))
    assert colours.seen[1][0] == pytest.approx(0.5)
    assert colours.seen[1][1] > 0  # a flat channel can still be divided by
    assert torch.tanh(colours.painted[0])[2] == pytest.approx(LIMIT)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_a_copy_does_in_its_own_colours_what_the_autoencoder_does_without_any(tiny, norm):
    encoder, decoder = halves(norm)
    with torch.no_grad():
        decoder.layers[-2].bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
    summer, winter = Colours.of(images("summer")), Colours.of(images("winter"))
    settings = tiny.changed({"networks.norm": norm})
    a, b = (new_domain(name, settings, CPU) for name in ("summer", "winter"))
    for domain, colours in ((a, summer), (b, winter)):
        start_from(domain, encoder, decoder, Colours.none(CPU), colours)
    torch.testing.assert_close(b.generator_group.averages.state_dict(), b.generator_group.networks.state_dict())
    x = images("summer")[0]
    mean, deviation = (v.view(1, 3, 1, 1) for v in summer.seen)
    latent = encoder((x - mean) / deviation)
    torch.testing.assert_close(a.encode(x), latent, atol=1e-4, rtol=1e-4)
    mean, deviation = (v.view(1, 3, 1, 1) for v in winter.painted)
    wanted = torch.tanh(decoder.layers[:-1](latent) * deviation + mean)
    torch.testing.assert_close(b.decode(latent), wanted, atol=1e-4, rtol=1e-4)


def test_colours_of_one_domain_are_exchanged_for_those_of_another(tiny):
    encoder, decoder = halves()
    summer, winter, none = Colours.of(images("summer")), Colours.of(images("winter")), Colours.none(CPU)
    direct, detour = new_domain("a", tiny, CPU), new_domain("b", tiny, CPU)
    start_from(direct, encoder, decoder, none, winter)
    start_from(detour, encoder, decoder, none, summer)
    start_from(detour, detour.encoder, detour.decoder, summer, winter)
    for part in ("encoder", "decoder"):
        torch.testing.assert_close(getattr(direct, part).state_dict(), getattr(detour, part).state_dict())


def test_the_autoencoder_learns_to_give_back_what_it_is_shown():
    encoder, decoder = halves()
    shown = {"summer": images("summer")[0], "winter": images("winter")[0]}
    colours = {name: Colours.of([image]) for name, image in shown.items()}
    group = NetworkGroup({"encoder": encoder, "decoder": decoder}, betas=(0.9, 0.99))
    losses = [
        autoencode(
            group,
            shown,
            colours,
            rate=learning_rate(done / 60, peak_rate=1e-3),
            distance=l1,
            precision=torch.float32,
        ).item()
        for done in range(60)
    ]
    assert losses[-1] < losses[0] / 2


def test_an_autoencoder_that_looks_linear_gives_back_what_it_is_shown_before_it_learns(starting, tmp_path):
    wide = starting.changed({"networks.width": 24, "schedule.autoencode": 1, "schedule.iterations": 1})
    loss = {}
    for first in ("chance", "looks-linear"):
        run = combogan.train(
            wide.changed({"schedule.autoencode_from": first}), ["summer", "winter"], out=tmp_path / first
        )
        _started, autoencoded = map(json.loads, (run / "history.jsonl").read_text().splitlines())
        loss[first] = autoencoded["loss"]
    assert loss["looks-linear"] < loss["chance"] / 3


def test_networks_too_narrow_to_look_linear_are_refused(starting):
    linear = {"schedule.autoencode_from": "looks-linear", "networks.width": 23}
    with pytest.raises(SettingsError, match="networks of width 23 are too narrow"):
        starting.changed(linear)
    starting.changed({**linear, "schedule.autoencode": 0})  # then nothing has to look linear


def started(run, done):
    return load_file(run / "start" / f"{done:06d}" / "autoencoder.safetensors")


@pytest.mark.usefixtures("_few_scenes")
@pytest.mark.parametrize("first", ["chance", "looks-linear"])
def test_the_autoencoder_of_a_run_learns_at_the_rate_of_its_first_weights(starting, tmp_path, first):
    settings = starting.changed({"networks.width": 24, "schedule.autoencode_from": first})
    found = []
    for stop_after in (1, 2):
        run = tmp_path / str(stop_after)
        listener = Listener()
        start(settings, ["summer", "winter"], run, listener).run(
            lambda heard=listener.started, stop=stop_after: len(heard) == stop
        )
        found.append({name: w for name, w in started(run, stop_after).items() if name.startswith("weights/")})
    moved = max((found[1][name] - weight).abs().max().item() for name, weight in found[0].items())
    rate = learning_rate(1 / 4, peak_rate=RATES[first])
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


KILLED = """
import os, signal, sys
from pathlib import Path
from combogan import Settings, train
from combogan import storage
from combogan.data import scenes
from combogan.training.report import Quiet
scenes.TRAIN = 20
class Killed(Quiet):
    def began(self, done, total):
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
    with pytest.raises(RunError, match=r"schedule\.autoencode_from cannot change"):
        resume(run, {"schedule.autoencode_from": "looks-linear", "networks.width": 24})


def test_an_added_domain_starts_as_the_nearest_in_colour(starting, tmp_path):
    run = combogan.train(starting, ["summer", "winter"], out=tmp_path / "run")

    listener, changes = Listener(), {"schedule.iterations": 2, "optimizer.rate": 1e-12}
    combogan.add_domain("spring", run=run, changes=changes, report=listener)
    assert any("'spring' starts as 'summer'" in message for message in listener.said)
    registry = Registry.open(run)
    x = images("spring")[0]
    colours = {name: Colours.of(image for image in images(name, 200)) for name in ("spring", "summer")}
    seen = [v.view(1, 3, 1, 1) for pair in (colours["spring"].seen, colours["summer"].seen) for v in pair]
    as_summer = (x - seen[0]) / seen[1] * seen[3] + seen[2]
    found = registry.compose("spring", "summer")(x)
    expected = registry.compose("summer", "summer")(as_summer)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)


def test_shared_blocks_have_no_start_of_their_own(starting):
    with pytest.raises(SettingsError, match="shared blocks"):
        starting.changed({"networks.shared_encoder_blocks": 1})


def test_all_first_weights_have_a_learning_rate_that_rises_and_falls():
    choices = get_args(Schedule.model_fields["autoencode_from"].annotation)
    assert set(RATES) == set(choices)
    for peak in RATES.values():
        course = [learning_rate(done / 100, peak_rate=peak) for done in range(101)]
        assert peak * 0.98 < max(course) <= peak
        assert course.index(max(course)) == 5
        assert course[100] == 0
        assert 0 < course[0] < peak / 10

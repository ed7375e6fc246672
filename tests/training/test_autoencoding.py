"""The start that all encoders and decoders can share: one autoencoder, copied in each domain's colours."""

import json
from typing import get_args

import pytest
import torch

from combogan.data import scenes
from combogan.data.pictures import to_image
from combogan.data.scenes import ScenePictures
from combogan.errors import RunError, SettingsError
from combogan.networks.blocks import initialise
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.registry.registry import Registry
from combogan.sections import Schedule
from combogan.training import autoencoding, runs
from combogan.training.autoencoding import LIMIT, RATES, Colours, autoencode, rate, start_from
from combogan.training.building import new_domain
from combogan.training.growth import add_domain
from combogan.training.losses import l1
from combogan.training.report import Quiet

CPU = torch.device("cpu")


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
    torch.testing.assert_close(b.generator.averages.state_dict(), b.generator.networks.state_dict())
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
    losses = []
    autoencode(
        encoder,
        decoder,
        (("summer", "winter", shown["summer"], shown["winter"]) for _ in range(60)),
        colours,
        iterations=60,
        height=1e-3,
        distance=l1,
        precision=torch.float32,
        done=lambda count, loss: losses.append(loss.item()),
    )
    assert losses[-1] < losses[0] / 2


def test_an_autoencoder_that_looks_linear_gives_back_what_it_is_shown_before_it_learns(starting, tmp_path):
    wide = starting.changed({"networks.width": 24, "schedule.autoencode": 1, "schedule.iterations": 1})
    loss = {}
    for first in ("chance", "looks-linear"):
        run = runs.train(wide.changed({"schedule.autoencode_from": first}), ["summer", "winter"], out=tmp_path / first)
        _started, autoencoded = map(json.loads, (run / "history.jsonl").read_text().splitlines())
        loss[first] = autoencoded["loss"]
    assert loss["looks-linear"] < loss["chance"] / 3


def test_networks_too_narrow_to_look_linear_are_refused(starting):
    linear = {"schedule.autoencode_from": "looks-linear", "networks.width": 23}
    with pytest.raises(SettingsError, match="networks of width 23 are too narrow"):
        starting.changed(linear)
    starting.changed({**linear, "schedule.autoencode": 0})  # then nothing has to look linear


@pytest.mark.parametrize("first", ["chance", "looks-linear"])
def test_the_autoencoder_of_a_run_learns_at_the_rate_of_its_first_weights(starting, tmp_path, monkeypatch, first):
    used, update = [], autoencoding.Learner.update
    monkeypatch.setattr(autoencoding.Learner, "update", lambda self, rate: (used.append(rate), update(self, rate)))
    settings = starting.changed({"networks.width": 24, "schedule.autoencode_from": first, "schedule.iterations": 1})
    runs.train(settings, ["summer", "winter"], out=tmp_path / "run")
    expected = [rate(done / 4, RATES[first]) for done in range(4) for _ in range(2)]  # of two images each
    assert used[:8] == expected


def weights(run):
    return {path.relative_to(run): path.read_bytes() for path in sorted(run.glob("packs/*/*.safetensors"))}


@pytest.mark.usefixtures("_few_scenes")
@pytest.mark.parametrize("stop_after", [2, 7])
def test_a_run_stopped_in_its_start_or_after_it_ends_with_the_same_bits(starting, tmp_path, stop_after):
    whole = runs.train(starting, ["summer", "winter", "fall"], out=tmp_path / "whole")

    class Count(Quiet):
        done = 0

        def began(self, done, total):
            self.done += 1

        def advance(self, iteration, course):
            self.done += 1

    count = Count()
    trainer = runs.start(runs.prepare(starting, ["summer", "winter", "fall"]), tmp_path / "stopped", count)
    assert not trainer.run(lambda: count.done >= stop_after)
    assert runs.resume(tmp_path / "stopped", {}, Quiet()).run()
    assert weights(tmp_path / "stopped") == weights(whole)


def test_the_start_is_noted_and_cannot_change_later(starting, tmp_path):
    run = runs.train(starting, ["summer", "winter"], out=tmp_path / "run")
    events = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["started", "autoencoded"]
    assert events[1]["iterations"] == 4
    with pytest.raises(RunError, match=r"schedule\.autoencode cannot change"):
        runs.resume(run, {"schedule.autoencode": 8}, Quiet())
    with pytest.raises(RunError, match=r"schedule\.autoencode_from cannot change"):
        runs.resume(run, {"schedule.autoencode_from": "looks-linear", "networks.width": 24}, Quiet())


def test_an_added_domain_starts_as_the_nearest_in_colour(starting, tmp_path):
    run = runs.train(starting, ["summer", "winter"], out=tmp_path / "run")

    said = []

    class Listener(Quiet):
        def tell(self, message):
            said.append(message)

    add_domain("spring", run=run, changes={"schedule.iterations": 2, "optimizer.rate": 1e-12}, report=Listener())
    assert any("'spring' starts as 'summer'" in message for message in said)
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
    for height in RATES.values():
        course = [rate(done / 100, height) for done in range(101)]
        assert height * 0.98 < max(course) <= height
        assert course.index(max(course)) == 5
        assert course[100] == 0
        assert 0 < course[0] < height / 10

"""DiscoGAN's training in our step: what the discriminator's inner layers find is matched, and nothing is handed past
the latent."""

import pytest
import torch
from torch import nn
from trainers import resume, start, states

import combogan
from combogan.errors import SettingsError
from combogan.networks.discriminator import PatchDiscriminator
from combogan.runs.plan import plan
from combogan.runs.prepare import prepare
from combogan.settings import Settings
from combogan.training import building
from combogan.training.step import there_and_back

SMALL = {"networks.width": 4, "discriminator.width": 4, "schedule.batch": 2, "schedule.iterations": 3}
THINGS = ["things/house", "things/conifer", "things/boulder"]


@pytest.fixture
def disco():
    return Settings.load("discogan", SMALL)


def test_scores_and_maps_are_those_of_the_layers_between_the_first_and_the_last():
    network = PatchDiscriminator(width=4, layers=3, norm="batch", padding=1)
    image = torch.rand(2, 3, 64, 64)
    (scores,), maps = network.scores_and_maps(image)
    assert [tuple(one.shape[1:]) for one in maps] == [(8, 16, 16), (16, 8, 8), (32, 7, 7)]
    assert scores.equal(network.layers(image))
    assert network.layers[:5](image).equal(maps[0])
    assert isinstance(network.layers[4], nn.LeakyReLU)


def test_the_loss_of_a_direction_is_that_of_the_published_code(disco):
    """Gan and matching in the ratio of 0.1 to 0.9, and the squared way back, of images in [0, 1], with rate 0.9."""
    a, b = (building.new_domain(name, disco, torch.device("cpu")) for name in "ab")
    x, y = (torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1 for seed in (0, 1))
    objective = building.objective(disco)
    fake, parts = there_and_back(a, b, x, y, objective)
    back = (((a.decode(b.encode(fake)) + 1) / 2 - (x + 1) / 2) ** 2).mean()
    (scores,), found = b.discriminator.scores_and_maps(fake)
    _, wanted = b.discriminator.scores_and_maps(y)
    gan = nn.BCELoss()(scores.sigmoid(), torch.ones_like(scores))
    matched = sum(((f.mean(0) - w.mean(0)) ** 2).mean() for f, w in zip(found, wanted, strict=True))
    published = (0.1 * gan + 0.9 * matched) * 0.1 + 0.9 * back
    assert objective.total(parts).item() == pytest.approx(100 * published.item(), rel=1e-4)
    assert set(parts) == {"gan", "matching", "cycle"}


def test_a_run_stops_goes_on_to_the_same_bits_and_takes_in_a_thing(disco, tmp_path):
    assert start(disco, THINGS[:2], tmp_path / "whole").run()
    trainer = start(disco, THINGS[:2], tmp_path / "stopped")
    trainer.run(lambda: trainer.iteration == 1)
    assert resume(tmp_path / "stopped").run()
    one, other = states(tmp_path / "whole"), states(tmp_path / "stopped")
    assert all(one[part][name].equal(value) for part in other for name, value in other[part].items())


def test_three_things_are_packs_of_one_map_and_take_in_a_fourth(disco, tmp_path):
    run = combogan.train(disco, THINGS, out=tmp_path / "run")
    combogan.add_domain("things/tree", run=run, changes={"schedule.iterations": 2})
    registry = combogan.Registry.open(run)
    latent = registry.pack("things/tree").encoder.latent
    assert (latent.channels, latent.stride, latent.skips) == (32, 16, ())
    assert registry.compose("things/tree", "things/house")(torch.rand(1, 3, 40, 50)).shape == (1, 3, 40, 50)


def test_the_plan_of_the_preset_is_near_what_was_measured(tmp_path):
    """Two domains in batches of 64: a peak of 0.87 GB beyond what the imports take."""
    prepared = prepare(Settings.load("discogan"), THINGS[:2], out=tmp_path / "run")
    assert plan(prepared).memory == pytest.approx(0.87e9, rel=0.1)


def test_a_split_discriminator_cannot_be_matched(disco):
    with pytest.raises(SettingsError, match=r"losses\.matching needs discriminator\.kind = patch"):
        disco.changed({"discriminator.kind": "split"})

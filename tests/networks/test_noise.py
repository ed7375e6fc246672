"""The noise of skip networks' decoders."""

import pytest
import torch

from combogan.errors import SettingsError
from combogan.networks.decoder import decoder
from combogan.networks.noise import SIDES, STRENGTH, Noise, carried, noisy, seamless
from combogan.settings import Settings
from combogan.training.building import decoder_shape, networks_of


def test_noise_has_the_stated_strength_and_is_the_same_each_time():
    noise, x = Noise(3, stride=4), torch.zeros(2, 3, 200, 150)
    found = noise(x)
    assert torch.equal(found, Noise(3, stride=4)(x))
    assert torch.equal(found[0], found[1])
    assert found.std().item() == pytest.approx(STRENGTH, rel=0.03)
    assert abs(found.mean().item()) < 0.03 * STRENGTH


def test_noise_depends_on_the_place_in_the_whole_map_alone():
    noise, x = Noise(3, stride=4), torch.randn(1, 3, 90, 80)
    part = noisy(x[..., 20:50, 30:80], noise, torch.arange(20, 50)[:, None], torch.arange(30, 80)[None])
    assert torch.equal(part, noise(x)[..., 20:50, 30:80])


def test_noise_does_not_repeat_where_either_square_does():
    found = Noise(1, stride=4).at(torch.arange(1000)[:, None], torch.arange(8)[None])
    for period in (*SIDES, 128):
        here, there = found[:-period].flatten(), found[period:].flatten()
        assert torch.corrcoef(torch.stack([here, there]))[0, 1] < 0.8


def test_on_a_texture_that_repeats_noise_repeats_too():
    noise, x = Noise(3, stride=4), torch.zeros(1, 3, 40, 50)
    with seamless(8, (64, 96)):
        found = noise(x)
    assert torch.equal(found[..., :16, :], found[..., 16:32, :])
    assert torch.equal(found[..., :26], found[..., 24:])
    assert torch.equal(found[..., 2:18, 2:26], noise(x)[..., :16, :24])


def test_noise_that_is_carried_moves_by_parts_of_a_place_and_stays_as_strong():
    noise, x = Noise(1, stride=4), torch.zeros(1, 1, 100, 100)
    moved = torch.stack([torch.full((400, 400), 8.0), torch.full((400, 400), -4.0)])
    with carried(moved):
        found = noise(x)
    assert torch.equal(found[..., 1:, :-2], noise(x)[..., :-1, 2:])
    with carried(moved / 8):
        between = noise(x)
    assert between.std().item() == pytest.approx(STRENGTH, rel=0.05)
    assert 0 < (between - noise(x)).abs().mean() < 0.6 * (found - noise(x)).abs().mean()


def test_in_a_plain_sky_only_noise_makes_texture_and_its_strength_is_learned():
    maps = torch.zeros(1, 16, 24, 24), torch.zeros(1, 8, 48, 48), torch.zeros(1, 3, 96, 96)
    torch.manual_seed(0)
    plain, textured = (decoder("skip", width=4, blocks=1, noise=noise) for noise in (0, 1))
    with torch.no_grad():
        inside = [network(maps)[..., 30:-30, 30:-30].std((2, 3)).max() for network in (plain, textured)]
    assert inside[0] < 1e-6 < 1e-3 < inside[1]
    textured(maps).square().sum().backward()
    assert all(one.strength.grad.abs().max() > 0 for one in textured.modules() if isinstance(one, Noise))


def test_it_is_a_setting_that_skip_networks_have():
    settings = Settings.load("small-data")
    shape = decoder_shape(settings)
    assert settings.networks.noise
    assert shape["noise"] == 1
    assert networks_of({"blocks": 2}, shape)["networks.noise"] is True
    plain = settings.changed({"networks.kind": "resnet", "networks.noise": False})
    assert "noise" not in decoder_shape(plain)
    with pytest.raises(SettingsError, match=r"networks.noise needs networks.kind = skip"):
        settings.changed({"networks.kind": "resnet"})

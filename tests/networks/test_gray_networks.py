"""Networks of one channel, and those of three, whose shapes are as they were."""

import pytest
import torch

from combogan.networks.decoder import decoder
from combogan.networks.discriminator import discriminator
from combogan.networks.encoder import encoder
from combogan.networks.features import in_colour

KINDS = [
    {"kind": "resnet", "width": 4, "blocks": 1},
    {"kind": "skip", "width": 4, "blocks": 1},
    {"kind": "unet", "width": 4, "depth": 3},
    {"kind": "unet", "width": 4, "depth": 3, "skips": 0},
]


@pytest.mark.parametrize("shape", KINDS)
@torch.no_grad()
def test_halves_of_one_channel_take_and_give_one(shape):
    one, other = encoder(**shape, channels=1), decoder(**shape, channels=1)
    assert other(one(torch.zeros(2, 1, 16, 24))).shape == (2, 1, 16, 24)
    assert one.shape["channels"] == other.shape["channels"] == 1
    again = encoder(**{"kind": shape["kind"], **one.shape})
    assert [weight.shape for weight in again.parameters()] == [weight.shape for weight in one.parameters()]
    assert "channels" not in encoder(**shape).shape
    assert "channels" not in decoder(**shape).shape


@pytest.mark.parametrize(("kind", "more"), [("patch", {}), ("patch", {"sees": "both"}), ("split", {})])
@torch.no_grad()
def test_discriminators_of_one_channel_see_one_or_two_images(kind, more):
    network = discriminator(kind, width=4, layers=2, channels=1, **more)
    image = torch.rand(2, 2 if more else 1, 32, 32)
    assert all(scores.isfinite().all() for scores in network(image))


def test_the_frozen_network_gets_the_channel_three_times():
    image = torch.rand(2, 1, 4, 4)
    assert torch.equal(in_colour(image), torch.cat([image] * 3, 1))
    colour = torch.rand(2, 3, 4, 4)
    assert in_colour(colour) is colour

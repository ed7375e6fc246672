"""What can be known of CUDA without a GPU: PyTorch's fake tensors refuse to mix devices, and compute nothing.

They do the forward half of a step; its backward needs a driver.
"""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from combogan.seeding import numbers
from combogan.settings import Settings, presets
from combogan.training import building
from combogan.training.step import discriminator_loss, features_of, heads_loss, perceived, there_and_back

SMALL = {"images.size": 64, "images.load": 64, "networks.width": 8, "networks.depth": 6, "discriminator.width": 8}
EXTRAS = {
    "all losses": ("original", {"losses.latent": 1.0, "losses.forward": 1.0, "losses.identity": 1.0}),
    "matching of pairs": ("pix2pix", {"losses.matching": 1.0}),
    "batch norm": ("cyclegan", {"networks.norm": "batch", "networks.activation": "prelu"}),
}


def to_fake_cuda(network):
    """Replace the weights and buffers of a network by fake ones on a CUDA device; in a FakeTensorMode."""
    for module in network.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                module._parameters[name] = nn.Parameter(torch.empty(weight.shape, device="cuda"))
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype, device="cuda")


@pytest.mark.parametrize("preset", [*presets(), *EXTRAS])
def test_the_forward_half_of_a_step_mixes_no_devices(preset):
    name, changes = EXTRAS.get(preset, (preset, {}))
    settings = Settings.load(name, {**SMALL, **changes})
    objective = building.objective(settings)
    a, b = (building.new_domain(name, settings, torch.device("cpu")) for name in "ab")
    if objective.features is not None:  # the process has one network for all, which stays as it is
        objective = replace(objective, features=deepcopy(objective.features))
    with FakeTensorMode():
        for network in (a.encoder, a.decoder, b.encoder, b.decoder, b.discriminator, b.heads, objective.features):
            if network is not None:
                to_fake_cuda(network)
        x, y = (torch.zeros(2, 3, 64, 64, device="cuda") for _ in "xy")
        seen = features_of(objective.features, {"a": x, "b": y})
        fake, parts = there_and_back(a, b, x, y, objective, aligned=True)
        maps = objective.features(fake) if objective.features is not None else {}
        parts |= perceived(b, maps, seen["b"], objective, lambda *purpose: numbers(0, *purpose))
        real, shown = objective.shown(y, x), objective.shown(fake.detach(), None)
        losses = [objective.total(parts), discriminator_loss(b, real, shown, objective.gan_loss)]
        if b.heads is not None:
            losses.append(heads_loss(b, seen["b"], maps, objective))
    assert {loss.device.type for loss in losses} == {"cuda"}
    assert fake.shape == (2, 3, 64, 64)


def test_a_constant_on_the_wrong_device_would_be_found():
    with FakeTensorMode():
        image = torch.zeros(1, 3, 8, 8, device="cuda")
        with pytest.raises(Exception, match="device"):
            image * torch.zeros(1, 3, 1, 1, device="cpu")

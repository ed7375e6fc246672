"""The state of networks that are updated together, in flat tensors."""

import pytest
import torch
from torch import nn

from combogan.training.group import ALIGNED, Layout, NetworkGroup

CPU = torch.device("cpu")


def networks(channels=5):
    made = nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.Conv2d(channels, 1, 1))
    return made.to(memory_format=torch.channels_last)


def learned(network, rate=0.01, iterations=3):
    """Gradients of as many updates, the same for the same network."""
    for number in range(iterations):
        chance = torch.Generator().manual_seed(number)
        image = torch.rand(2, 3, 8, 8, generator=chance).contiguous(memory_format=torch.channels_last)
        network(image).square().mean().backward()
        yield rate


def test_tensors_keep_their_types_shapes_orders_and_alignment():
    given = networks().state_dict()
    layout = Layout.of(given)
    placed = layout.named(layout.new(CPU))
    assert placed.keys() == given.keys()
    for name, one in placed.items():
        assert (one.dtype, one.shape, one.stride()) == (given[name].dtype, given[name].shape, given[name].stride())
        assert one.data_ptr() % ALIGNED == 0
        one.fill_(len(name))
    assert all(one.eq(len(name)).all() for name, one in placed.items()), "none lies in another"


def test_equal_layouts_are_one():
    assert Layout.of(networks().state_dict()) is Layout.of(networks().state_dict())
    assert Layout.of(networks().state_dict()) is not Layout.of(networks(6).state_dict())


def test_updates_have_the_bits_of_adam():
    first, second = networks(), networks()
    second.load_state_dict(first.state_dict())
    group = NetworkGroup({"one": first}, betas=(0.5, 0.999))
    adam = torch.optim.Adam(second.parameters(), lr=0.01, betas=(0.5, 0.999), fused=True)
    for rate in learned(first):
        group.update(rate)
    for _ in learned(second):
        adam.step()
        adam.zero_grad()
    state = group.state()
    for name, weight in second.named_parameters():
        assert state[f"weights/one.{name}"].equal(weight)
        for moment in ("exp_avg", "exp_avg_sq"):
            assert state[f"{moment}/one.{name}"].equal(adam.state[weight][moment])
    for name, buffer in second.named_buffers():
        assert state[f"weights/one.{name}"].equal(buffer)
    assert group.updates == 3


def test_a_gradient_may_lie_in_memory_in_another_order_than_its_weight():
    states = []
    for order in (torch.channels_last, torch.contiguous_format):
        torch.manual_seed(0)
        network = networks()
        group = NetworkGroup({"network": network}, betas=(0.5, 0.999))
        weight = network[0].weight
        given = torch.linspace(-1, 1, weight.numel()).view(weight.shape).contiguous(memory_format=order)
        weight.grad = given
        assert (given.stride() == weight.stride()) == (order is torch.channels_last)
        group.update(0.01)
        states.append(group.state())
    assert all(states[0][name].equal(value) for name, value in states[1].items())


def test_a_state_that_is_loaded_goes_on_to_the_same_bits():
    whole, stopped = (NetworkGroup({"one": networks()}, betas=(0.5, 0.999), ema=0.9) for _ in range(2))
    for rate in learned(whole.networks["one"], iterations=1):
        whole.update(rate)
    stopped.load({name: value.contiguous() for name, value in whole.state().items()})
    for group in (whole, stopped):
        for rate in learned(group.networks["one"]):
            group.update(rate)
    assert all(stopped.state()[name].equal(value) for name, value in whole.state().items())


def test_a_state_of_other_networks_is_refused():
    group = NetworkGroup({"one": networks()}, betas=(0.5, 0.999), ema=0.9)
    with pytest.raises(RuntimeError, match="has the shape"):
        group.load(NetworkGroup({"one": networks(6)}, betas=(0.5, 0.999), ema=0.9).state())
    with pytest.raises(KeyError, match="average/one.0.weight"):
        group.load(NetworkGroup({"one": networks()}, betas=(0.5, 0.999)).state())

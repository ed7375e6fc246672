import pytest
import torch
import torch.nn.functional as F
from torch import nn

from combogan.networks.blocks import ACTIVATIONS, SLOPES, InstanceNorm, reflect
from combogan.networks.cpu import (
    SMALL_MAP,
    NormActivation,
    SmallMapConvolution,
    UnpaddedConvolution,
    WideConvolution,
)
from combogan.networks.discriminator import discriminator, real_and_fake_maps


def random(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape))).requires_grad_()


def outcome(layer, x):
    """The output, and the gradients of a loss of it, of x and of the layer's weights."""
    x = x.detach().clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
    return [y, x.grad, *(weight.grad for weight in layer.parameters())]


def assert_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-12 * (1 + other.abs().max())


@pytest.mark.parametrize(("channels", "out", "bias"), [(3, 8, True), (3, 8, False), (8, 3, True), (3, 3, False)])
def test_a_wide_convolution_is_the_plain_one(channels, out, bias):
    fast = WideConvolution(channels, out, 7, bias=bias).double()
    plain = nn.Conv2d(channels, out, 7, bias=bias).double()
    plain.load_state_dict(fast.state_dict())
    x = random(2, channels, 13, 16)
    assert_equal(outcome(fast, x), outcome(plain, x))


@pytest.mark.parametrize(("stride", "padding", "bias"), [(2, 2, True), (1, 2, False), (2, 1, False)])
@pytest.mark.parametrize("side", [5, 9, 25])
def test_a_small_map_convolution_is_the_plain_one(stride, padding, bias, side):
    fast = SmallMapConvolution(6, 5, 4, stride=stride, padding=padding, bias=bias).double()
    plain = nn.Conv2d(6, 5, 4, stride=stride, padding=padding, bias=bias).double()
    plain.load_state_dict(fast.state_dict())
    x = random(2, 6, side, side)
    step = fast(x).grad_fn
    steps = {type(step).__name__, *(type(before).__name__ for before, _ in step.next_functions)}
    assert ("_ProductBackward" in steps) == (side * side <= SMALL_MAP * stride**2)
    assert_equal(outcome(fast, x), outcome(plain, x))


@pytest.fixture
def avx2(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")


@pytest.mark.parametrize(("kernel", "bias"), [(3, True), (3, False), (5, True)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_an_unpadded_convolution_is_the_plain_one(avx2, kernel, bias, layout):
    fast = UnpaddedConvolution(4, 6, kernel, bias=bias).double()
    plain = nn.Conv2d(4, 6, kernel, bias=bias).double()
    plain.load_state_dict(fast.state_dict())
    x = random(2, 4, 9, 13).detach().contiguous(memory_format=layout)
    assert type(fast(x).grad_fn).__name__ == "_UnpaddedBackward"
    assert_equal(outcome(fast, x), outcome(plain, x))


def test_an_unpadded_convolution_can_be_differentiated_twice(avx2):
    fast = UnpaddedConvolution(2, 3, 3).double()
    assert torch.autograd.gradgradcheck(fast, (random(1, 2, 5, 4),))


def test_a_small_map_convolution_can_be_differentiated_twice():
    fast = SmallMapConvolution(3, 2, 4, stride=2, padding=1).double()
    assert torch.autograd.gradgradcheck(fast, (random(1, 3, 6, 6),))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("count", [1, 3])
def test_norm_and_activation_in_one_are_the_two(activation, count):
    fast = NormActivation(SLOPES[activation]).double()
    plain = nn.Sequential(InstanceNorm(), ACTIVATIONS[activation]()).double()
    x = random(count, 4, 6, 7)
    assert_equal(outcome(fast, x), outcome(plain, x))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_norm_and_activation_in_one_can_be_differentiated_twice(activation):
    layer = NormActivation(SLOPES[activation]).double()
    assert torch.autograd.gradgradcheck(lambda x, *_: layer(x), (random(1, 2, 3, 4), *layer.parameters()))


def test_norm_and_activation_in_one_store_only_their_input():
    def kept(layer, x):
        found = {}

        def keep(value):
            found[value.data_ptr()] = value.numel()
            return value

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            layer(x)
        return sum(found.values())

    x = random(1, 4, 16, 16, dtype=torch.float32)
    assert kept(NormActivation(None), x) < 1.1 * x.numel()
    assert kept(nn.Sequential(InstanceNorm(), nn.PReLU()), x) > 1.9 * x.numel()


@pytest.mark.parametrize("layer", [WideConvolution(3, 8, 7), SmallMapConvolution(3, 8, 4, padding=2)])
def test_autocast_decides_their_precision(layer):
    x = random(1, 3, 8, 8, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    assert (y.float() - F.conv2d(x, layer.weight, layer.bias, 1, layer.padding)).abs().max() < 0.05


def test_padding_keeps_the_precision():
    with torch.autocast("cpu", torch.bfloat16):
        assert reflect(torch.zeros(1, 2, 6, 7, dtype=torch.bfloat16), 3).dtype == torch.bfloat16


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("kind", ["patch", "split"])
def test_real_and_fake_are_scored_as_if_one_after_the_other(kind, norm):
    network = discriminator(kind, width=4, layers=3, norm=norm).double()
    real, fake = random(2, 3, 32, 32), random(1, 3, 32, 32)
    of_real, of_fake = real_and_fake_maps(network, real, fake)
    passes = {int(value) for name, value in network.state_dict().items() if name.endswith("tracked")}
    assert passes == ({2} if norm == "batch" else set())
    assert_equal([*of_real, *of_fake], [*network(real), *network(fake)])

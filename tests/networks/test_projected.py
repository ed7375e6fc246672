import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from combogan.networks.features import features
from combogan.networks.projected import CHANNELS, Heads, Projection, SpectralConvolution, doubled, fused, projection
from combogan.seeding import tensors
from combogan.training.losses import hinge_discriminator, hinge_generator

LITE0 = "efficientnet-lite0"


def image(height, width, count=1, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def heads(seed=0, width=4):
    return Heads(width=width, generator=torch.Generator().manual_seed(seed))


def normed(seed=0, channels=3, out=5):
    return SpectralConvolution(channels, out, 3, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width"), [(64, 32), (35, 49), (70, 102)])
def test_every_level_has_its_channels_and_a_map_of_scores_at_any_size(height, width):
    maps = projection(LITE0)(image(height, width, 2))
    sizes = [(-(-height // stride), -(-width // stride)) for stride in (4, 8, 16, 32)]
    assert [tuple(m.shape) for m in maps] == [(2, c, *size) for c, size in zip((64, 128, 256, 256), sizes, strict=True)]
    assert [tuple(m.shape) for m in heads()(maps)] == [(2, 1, *size) for size in sizes]


def test_fusing_is_a_sum_over_the_square_root_of_2_without_what_is_too_large():
    fine, coarse = torch.full((1, 2, 3, 5), 2.0), torch.full((1, 2, 2, 3), 4.0)
    torch.testing.assert_close(fused(fine, coarse), torch.full((1, 2, 3, 5), 6 / math.sqrt(2)))


def test_doubling_is_bilinear_by_slices_too():
    # The branch for CUDA, on a tensor that claims to be there.
    class OnCuda(torch.Tensor):
        is_cuda = True

    line = torch.tensor([0.0, 4.0])
    assert doubled(line.view(1, 1, 1, 2))[0, 0].tolist() == [[0, 1, 3, 4]] * 2
    for shape in ((2, 3, 4, 5), (1, 2, 1, 3), (1, 1, 1, 1)):
        x = torch.randn(shape)
        torch.testing.assert_close(doubled(x.as_subclass(OnCuda)).as_subclass(torch.Tensor), doubled(x))


def test_the_mixing_is_what_the_paper_says():
    made, seen = projection(LITE0), image(64, 64)
    maps = [F.conv2d(x, c.weight) for x, c in zip(features(LITE0)(seen)[1:], made.across_channels, strict=True)]
    for level in (2, 1, 0):
        coarse = F.conv2d(maps[level + 1], made.across_scales[level].weight, padding=1)
        coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear")
        maps[level] = (maps[level] + coarse) / 2**0.5
    for found, wanted in zip(made(seen), maps, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_the_mixing_keeps_the_variance_of_what_it_mixes():
    made = projection(LITE0)
    for convolution in (*made.across_channels, *made.across_scales):
        assert convolution.weight[0].numel() * convolution.weight.var().item() == pytest.approx(1, rel=0.05)


def test_the_projection_is_a_fixed_function_in_memory_once_and_in_no_state():
    made = projection(LITE0)
    assert projection(LITE0, "cpu") is made
    assert made.network is features(LITE0)
    assert not list(made.parameters())
    assert not made.state_dict()
    again = Projection(features(LITE0), tensors(0, "projection", LITE0))
    assert all(torch.equal(one, other) for one, other in zip(made.buffers(), again.buffers(), strict=True))


def test_heads_have_the_weights_of_three_convolutions_per_level():
    per_level = [9 * c * 48 + 48 + 9 * 48 * 48 + 48 + 48 + 1 for c in CHANNELS]
    built = Heads(generator=torch.Generator().manual_seed(0))
    assert sum(weight.numel() for weight in built.parameters()) == sum(per_level) == 387_652


def test_first_weights_and_vectors_of_the_heads_are_a_function_of_the_generator():
    torch.manual_seed(1)
    one = heads(3).state_dict()
    torch.manual_seed(2)
    other = heads(3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["levels.0.0.left"], heads(4).state_dict()["levels.0.0.left"])


def test_spectral_norm_is_that_of_pytorch():
    ours, theirs, x = normed(), nn.Conv2d(3, 5, 3, padding=1), image(6, 7)
    theirs.weight.data.copy_(ours.weight.data)
    theirs.bias.data.copy_(ours.bias.data)
    spectral_norm(theirs)
    for _ in range(200):  # PyTorch begins with the other vector: the same only once both have settled
        found, wanted = ours(x), theirs(x)
    torch.testing.assert_close(found, wanted)
    (of_ours,) = torch.autograd.grad(found.square().sum(), ours.weight)
    (of_theirs,) = torch.autograd.grad(wanted.square().sum(), theirs.parametrizations.weight.original)
    torch.testing.assert_close(of_ours, of_theirs, atol=1e-4, rtol=1e-4)


def test_the_largest_singular_value_becomes_1():
    convolution = normed()
    for _ in range(100):
        convolution(image(4, 4))
    # The response to every single weight's place is the weight itself, divided.
    places = torch.eye(27).view(27, 3, 3, 3)
    response = (convolution(places) - convolution.bias.view(-1, 1, 1))[:, :, 1, 1]
    assert torch.linalg.svdvals(response)[0].item() == pytest.approx(1, abs=1e-3)


def test_a_forward_in_training_makes_one_power_iteration_and_one_in_evaluation_none():
    convolution, maps = normed(), image(4, 4)
    weight, before = convolution.weight.detach().flatten(1), convolution.left.clone()
    convolution(maps)
    turned = weight @ weight.T @ before
    torch.testing.assert_close(convolution.left, turned / turned.norm())
    after = convolution.left.clone()
    convolution.eval()(maps)
    assert torch.equal(convolution.left, after)


def test_heads_go_on_from_their_state_to_the_same_scores():
    one, other, maps = heads(0), heads(1), projection(LITE0)(image(32, 32))
    one(maps)
    other.load_state_dict(one.state_dict())
    for _ in range(2):
        for ours, theirs in zip(one(maps), other(maps), strict=True):
            assert torch.equal(ours, theirs)


def trained(seed, together):
    """Heads after some updates on one real and one fake image each, and the gradients at the fakes."""
    ours, gradients = heads(seed), []
    adam = torch.optim.Adam(ours.parameters(), 1e-2, betas=(0.0, 0.99))
    together.wait()
    for iteration in range(4):
        real, fake = image(33, 47, seed=10 * seed + iteration), image(33, 47, seed=99 + seed).requires_grad_()
        ours.requires_grad_(False)
        gradients += torch.autograd.grad(hinge_generator(ours(projection(LITE0)(fake))), fake)
        ours.requires_grad_(True)
        with torch.no_grad():
            maps = projection(LITE0)(torch.cat([real, fake]))
        both = [scores.split(1) for scores in ours(maps)]
        hinge_discriminator([of_real for of_real, _ in both], [of_fake for _, of_fake in both]).backward()
        adam.step()
        adam.zero_grad()
    return [*ours.state_dict().values(), *gradients]


def test_two_domains_at_the_same_time_learn_the_same_bits_as_in_turn():
    alone, both = threading.Barrier(1), threading.Barrier(2, timeout=20)
    in_turn = [trained(seed, alone) for seed in (1, 2)]
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as threads:
        at_once = list(threads.map(trained, (1, 2), (both, both)))
    for one, other in zip(in_turn, at_once, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_heads_learn_to_tell_stripes_from_noise_of_the_same_colours():
    stripes = torch.ones(2, 3, 32, 32)
    stripes[:, :, ::2] = -1
    noise = image(32, 32, 2).sign()
    ours = heads(width=8)
    adam = torch.optim.Adam(ours.parameters(), 2e-3, betas=(0.0, 0.99))
    real, fake = projection(LITE0)(stripes), projection(LITE0)(noise)
    for _ in range(20):
        hinge_discriminator(ours(real), ours(fake)).backward()
        adam.step()
        adam.zero_grad()
    assert hinge_discriminator(ours(real), ours(fake)).item() < 1  # 2 where both score 0
    assert all(of_real.mean() > of_fake.mean() for of_real, of_fake in zip(ours(real), ours(fake), strict=True))

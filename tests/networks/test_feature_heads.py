"""Heads on frozen features: what is frozen is fixed, what is learned is bounded, and both see any size."""

import pytest
import torch
import torch.nn.functional as F

from combogan.evaluation.image_features import NETWORK as SCORED_WITH
from combogan.networks.blocks import initialise
from combogan.networks.feature_heads import (
    HEAD_STRIDES,
    MIXED,
    NETWORK,
    FeatureHeads,
    FrozenFeatures,
    Mixing,
    SpectralConvolution,
    _enlarged,
    details,
)


def image(height, width, count=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_discriminators_and_scores_see_with_different_networks():
    assert NETWORK != SCORED_WITH


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 50), (8, 8)])
def test_there_is_a_map_of_scores_for_every_mixed_map_at_any_size(height, width):
    frozen, heads = FrozenFeatures(), FeatureHeads()
    mixed = frozen.mixed(frozen(image(height, width, 2)))
    wanted = [(2, -(-height // stride), -(-width // stride)) for stride in HEAD_STRIDES]
    assert [(len(m), *m.shape[2:]) for m in mixed] == wanted
    assert [m.shape[1] for m in mixed] == list(MIXED)
    assert [tuple(m.shape) for m in heads(mixed)] == [(n, 1, h, w) for n, h, w in wanted]


def test_heads_see_neighbouring_places_at_fine_strides_only():
    heads = FeatureHeads().eval()
    maps = [torch.zeros(1, channels, 9, 9) for channels in MIXED]
    changed = [x.clone() for x in maps]
    for x in changed:
        x[..., 4, 4] = 1
    for stride, before, after in zip(HEAD_STRIDES, heads(maps), heads(changed), strict=True):
        reached = int((before != after).sum())
        assert reached == (25 if stride <= 8 else 1)


def test_nothing_frozen_is_trained_or_saved_and_all_runs_mix_alike():
    frozen = FrozenFeatures()
    assert not list(frozen.parameters())
    assert not frozen.state_dict()
    again = dict(Mixing(frozen.network.channels[1:]).named_buffers())
    assert all(torch.equal(again[name], value) for name, value in frozen.mixing.named_buffers())


def test_mixing_keeps_the_scale_of_maps_and_brings_coarse_maps_into_fine_ones():
    generator = torch.Generator().manual_seed(1)
    maps = [torch.randn(1, 16, 64 // 2**level, 64 // 2**level, generator=generator) for level in range(4)]
    mixing = Mixing([16] * 4)
    for before, after in zip(maps, mixing(maps), strict=True):
        assert 0.5 * before.std() < after.std() < 2 * before.std()
    changed = mixing([*maps[:3], maps[3] + 1])
    assert not torch.allclose(changed[0], mixing(maps)[0])


def test_enlarging_is_bilinear_interpolation():
    x = torch.randn(2, 3, 5, 7)
    for size in ((9, 14), (10, 13), (5, 7)):
        wanted = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        torch.testing.assert_close(_enlarged(x, torch.Size(size)), wanted)


def test_weights_of_heads_are_divided_by_their_largest_singular_value():
    layer = SpectralConvolution(8, 6, 3, padding=1)
    initialise(layer, torch.Generator().manual_seed(0))
    x = torch.randn(1, 8, 5, 5)
    for _ in range(50):
        found = layer(x)
    largest = torch.linalg.svdvals(layer.weight.flatten(1).detach())[0]
    torch.testing.assert_close(found, F.conv2d(x, layer.weight / largest, layer.bias, padding=1), rtol=1e-3, atol=1e-5)


def test_the_estimate_of_the_singular_value_moves_in_training_passes_only():
    layer = SpectralConvolution(8, 6, 3, padding=1)
    x, before = torch.randn(1, 8, 5, 5), layer.left.clone()
    layer.requires_grad_(False)(x)
    layer.requires_grad_(True).eval()(x)
    assert torch.equal(layer.left, before)
    layer.train()(x)
    assert not torch.equal(layer.left, before)


def test_details_are_what_is_finer_than_averages_of_nine_pixels():
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(12.0), indexing="ij")
    slope = (0.1 * rows - 0.2 * columns).expand(1, 3, 9, 12)
    assert details(slope).abs().max() < 1e-5
    point = torch.zeros(1, 1, 9, 12)
    point[..., 4, 5] = 9
    found = details(point)  # without the outermost pixels; patches begin at each second of the others
    assert found.shape == (1, 9, 3, 4)
    assert found[0, :, 1, 2].tolist() == pytest.approx([-1, -1, 0, 8, -1, 0, -1, -1, 0], abs=1e-5)


def test_features_are_computed_in_float32_and_pass_gradients_to_the_image():
    frozen, shown = FrozenFeatures(), image(32, 32).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        maps = frozen(shown)
    assert {m.dtype for m in maps.values()} == {torch.float32}
    sum(m.square().mean() for m in maps.values()).backward()
    assert shown.grad.abs().min() > 0

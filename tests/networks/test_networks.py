import itertools

import pytest
import torch
import torch.nn.functional as F

from combogan.networks.blocks import (
    NORMS,
    Dropout,
    InstanceNorm,
    NearestUpsampling,
    initialise,
    reflect,
    repeat_border,
)
from combogan.networks.decoder import DECODERS, UPSAMPLING, decoder
from combogan.networks.discriminator import DISCRIMINATORS, discriminator
from combogan.networks.encoder import ENCODERS, encoder
from combogan.networks.latent import space_id
from combogan.networks.shared import SharedBlocks

VARIANTS = list(itertools.product(["relu", "prelu", "leaky"], NORMS, [0.0, 0.5]))
SIZES = {"resnet": {"blocks": 1}, "skip": {"blocks": 1}, "unet": {"depth": 4}}
KINDS = [("resnet", {"upsampling": upsampling}) for upsampling in UPSAMPLING] + [("skip", {})]


@pytest.mark.parametrize(("activation", "norm", "dropout"), VARIANTS)
@pytest.mark.parametrize(("kind", "only_decoder"), KINDS)
def test_every_encoder_feeds_every_decoder_of_its_kind(kind, only_decoder, activation, norm, dropout):
    shape = {"width": 4, "activation": activation, "norm": norm, "dropout": dropout}
    one = encoder(kind, blocks=2, **shape)
    for blocks in (0, 3):
        other = decoder(kind, blocks=blocks, **only_decoder, **shape)
        assert one.latent == other.latent
        maps = one(torch.zeros(2, 3, 20, 36))
        plugs = [(one.latent.channels, one.latent.stride), *one.latent.skips]
        assert [x.shape for x in maps] == [(2, channels, 20 // stride, 36 // stride) for channels, stride in plugs]
        image = other(maps)
        assert image.shape == (2, 3, 20, 36)
        assert image.abs().max() <= 1


@pytest.mark.parametrize(("activation", "norm", "dropout"), VARIANTS)
@pytest.mark.parametrize(("depth", "skips"), [(3, 1), (5, 1), (6, 0)])
def test_the_halves_of_a_unet_hand_over_a_map_per_level(depth, skips, activation, norm, dropout):
    shape = {"width": 2, "depth": depth, "skips": skips, "activation": activation, "norm": norm, "dropout": dropout}
    one, other = encoder("unet", **shape), decoder("unet", **shape)
    assert one.latent == other.latent
    assert (one.latent.channels, one.latent.stride) == (2 * min(2 ** (depth - 1), 8), 2**depth)
    assert [stride for _, stride in one.latent.skips] == [2**level for level in range(depth - 1, 0, -1)] * skips
    maps = one(torch.rand(2, 3, 64, 128))
    plugs = [(one.latent.channels, one.latent.stride), *one.latent.skips]
    assert [x.shape for x in maps] == [(2, channels, 64 // stride, 128 // stride) for channels, stride in plugs]
    image = other(maps)
    assert image.shape == (2, 3, 64, 128)
    assert image.abs().max() <= 1
    dropouts = [module for module in other.modules() if isinstance(module, Dropout)]
    assert len(dropouts) == (max(0, depth - 5) if dropout else 0)


def test_there_are_decoders_for_all_encoders():
    assert ENCODERS.keys() == DECODERS.keys()


@pytest.mark.parametrize("kind", DISCRIMINATORS)
@pytest.mark.parametrize("layers", [1, 3, 5])
def test_every_discriminator_gives_maps_from_fine_to_coarse(kind, layers):
    maps = discriminator(kind, width=4, layers=layers)(torch.rand(2, 3, 64, 64))
    assert all(len(scores) == 2 for scores in maps)
    sizes = [scores[0].numel() for scores in maps]
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert len(maps) == (1 if kind == "patch" else layers)


def test_a_network_is_rebuilt_from_its_shape():
    made = [(build, build(kind, width=4, **SIZES[kind])) for build in (encoder, decoder) for kind in ENCODERS]
    for build, network in [*made, (decoder, decoder(width=4, blocks=1, upsampling="transposed-3x3"))]:
        again = build(**network.shape)
        assert type(again) is type(network)
        assert again.shape == network.shape
        assert again.state_dict().keys() == network.state_dict().keys()


def test_instance_norm_is_the_same_for_one_image_and_for_several():
    x = torch.randn(3, 5, 8, 9)
    alone = torch.cat([InstanceNorm()(x[i : i + 1]) for i in range(3)])
    assert torch.allclose(InstanceNorm()(x), alone, atol=1e-6)
    assert torch.allclose(alone.mean((2, 3)), torch.zeros(3, 5), atol=1e-6)
    assert torch.allclose(alone.var((2, 3), unbiased=False), torch.ones(3, 5), atol=1e-3)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_flat_image_gives_no_nan(kind):
    image = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    out = decoder(kind, width=4, **SIZES[kind])(encoder(kind, width=4, **SIZES[kind])(image))
    out.sum().backward()
    assert out.isfinite().all()
    assert image.grad.isfinite().all()


class OnCuda(torch.Tensor):
    """For the branches for CUDA: a tensor that claims to be there."""

    is_cuda = True


def test_padding_by_slices_is_reflection_padding():
    x = torch.randn(1, 2, 6, 7)
    assert torch.equal(reflect(x.as_subclass(OnCuda), 3).as_subclass(torch.Tensor), F.pad(x, [3] * 4, mode="reflect"))


def test_a_border_repeated_by_slices_is_replication_padding():
    x = torch.randn(1, 2, 6, 7)
    found = repeat_border(x.as_subclass(OnCuda)).as_subclass(torch.Tensor)
    assert torch.equal(found, F.pad(x, [1] * 4, mode="replicate"))


def test_nearest_upsampling_is_repeated_pixels_and_a_padded_convolution():
    layer, x = NearestUpsampling(5, 3), torch.randn(2, 5, 6, 7, requires_grad=True)
    repeated = F.pad(x.repeat_interleave(2, 2).repeat_interleave(2, 3), [1] * 4, mode="reflect")
    wanted = F.conv2d(repeated, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), wanted, atol=1e-5, rtol=1e-5)
    down = torch.randn_like(wanted)
    found = torch.autograd.grad((layer(x) * down).sum(), [x, layer.weight])
    expected = torch.autograd.grad((wanted * down).sum(), [x, layer.weight])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_skip_connections_pass_light_that_norms_take_away():
    shown = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for kind, passes in (("resnet", False), ("skip", True)):
        halves = encoder(kind, width=4, blocks=1).eval(), decoder(kind, width=4, blocks=1).eval()
        for half in halves:
            initialise(half, torch.Generator().manual_seed(0))
        with torch.no_grad():
            bright, dark = (halves[1](halves[0](image)) for image in (shown, shown / 2 - 0.4))
        assert ((bright - dark).abs().mean() > 0.05 * bright.abs().mean()) == passes


def test_the_finest_detail_of_the_source_joins_before_the_last_activation():
    width, shown = 4, torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    network = decoder("skip", width=width, blocks=1)
    initialise(network, torch.Generator().manual_seed(0))
    maps = torch.zeros(1, 16, 4, 4), torch.zeros(1, 8, 8, 8)
    with torch.no_grad():
        network.last[1].weight[:, width:] = 0  # what the last convolution gets from the source itself
        with_it, without, opposite = (network((*maps, source)) for source in (shown, 0 * shown, -shown))
    assert (with_it - without).abs().mean() > 0.001
    assert (with_it + opposite).abs().mean() > 0.1 * (with_it - without).abs().mean()  # an activation has seen it


@pytest.mark.parametrize("channels", [1, 3])
def test_the_change_of_the_image_that_is_handed_over_begins_at_zero_and_is_learned(channels):
    plain, changing = (encoder("skip", width=4, blocks=1, channels=channels, change=change) for change in (0, 1))
    for one in (plain, changing):
        initialise(one, torch.Generator().manual_seed(0))
    changing.load_state_dict(plain.state_dict(), strict=False)
    image = torch.rand(2, channels, 20, 24)
    given, wanted = changing(image), plain(image)
    assert plain.latent == changing.latent
    assert all(torch.equal(*maps) for maps in zip(given, wanted, strict=True))
    (given[2] - image / 2).square().mean().backward()
    (weight, _) = changing.change.parameters()
    assert weight.grad.abs().min() > 0


def test_first_weights_are_a_function_of_the_generator():
    one, other = encoder(width=4, blocks=1), encoder(width=4, blocks=1)
    for network in (one, other):
        initialise(network, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    weights = torch.cat([w.flatten() for w in one.parameters() if w.dim() == 4])
    assert abs(weights.std().item() - 0.02) < 0.001


def test_shared_blocks_tell_domains_apart():
    blocks = SharedBlocks(channels=8, blocks=1, domains=3, activation="relu", norm="instance")
    latent = torch.randn(1, 8, 6, 6)
    skip = torch.randn(1, 3, 24, 24)
    (first, passed), (second, _) = (blocks((latent, skip), place) for place in (0, 1))
    assert first.shape == latent.shape
    assert not torch.equal(first, second)
    assert passed is skip


def test_the_blur_of_the_split_discriminator_keeps_a_flat_colour():
    blur = discriminator("split", width=4, layers=2).get_buffer("blur")
    assert torch.allclose(blur.sum((1, 2, 3)), torch.ones(3))


def test_a_space_id_depends_on_all_halves_and_not_on_their_order():
    assert space_id(["a", "b"]) == space_id(["b", "a"])
    assert space_id(["a", "b"]) != space_id(["a", "c"])
    assert len(space_id(["a"])) == 8

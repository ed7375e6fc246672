import itertools

import pytest
import torch
import torch.nn.functional as F

from combogan.networks.blocks import NORMS, InstanceNorm, LayerNorm, initialise, reflect
from combogan.networks.decoder import UPSAMPLING, Decoder
from combogan.networks.discriminator import DISCRIMINATORS, discriminator
from combogan.networks.encoder import Encoder
from combogan.networks.latent import space_id
from combogan.networks.shared import SharedBlocks

VARIANTS = list(itertools.product(["relu", "prelu", "leaky"], NORMS, [0.0, 0.5]))


@pytest.mark.parametrize(("activation", "norm", "dropout"), VARIANTS)
@pytest.mark.parametrize("upsampling", UPSAMPLING)
def test_every_encoder_feeds_every_decoder(activation, norm, dropout, upsampling):
    shape = {"width": 4, "activation": activation, "norm": norm, "dropout": dropout}
    encoder = Encoder(blocks=2, **shape)
    for blocks in (0, 3):
        decoder = Decoder(blocks=blocks, upsampling=upsampling, **shape)
        assert encoder.latent == decoder.latent
        latent = encoder(torch.zeros(2, 3, 20, 36))
        assert latent.shape == (2, encoder.latent.channels, 20 // encoder.latent.stride, 36 // encoder.latent.stride)
        image = decoder(latent)
        assert image.shape == (2, 3, 20, 36)
        assert image.abs().max() <= 1


@pytest.mark.parametrize("kind", DISCRIMINATORS)
@pytest.mark.parametrize("layers", [1, 3, 5])
def test_every_discriminator_gives_maps_from_fine_to_coarse(kind, layers):
    maps = discriminator(kind, width=4, layers=layers)(torch.rand(2, 3, 64, 64))
    assert all(len(scores) == 2 for scores in maps)
    sizes = [scores[0].numel() for scores in maps]
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert len(maps) == (1 if kind == "patch" else layers)


def test_a_network_is_rebuilt_from_its_shape():
    for network in (Encoder(width=4, blocks=1), Decoder(width=4, blocks=1, upsampling="transposed-3x3")):
        again = type(network)(**network.shape)
        assert again.state_dict().keys() == network.state_dict().keys()


def test_instance_norm_is_the_same_for_one_image_and_for_several():
    x = torch.randn(3, 5, 8, 9)
    alone = torch.cat([InstanceNorm()(x[i : i + 1]) for i in range(3)])
    assert torch.allclose(InstanceNorm()(x), alone, atol=1e-6)
    assert torch.allclose(alone.mean((2, 3)), torch.zeros(3, 5), atol=1e-6)
    assert torch.allclose(alone.var((2, 3), unbiased=False), torch.ones(3, 5), atol=1e-3)


def test_layer_norm_brings_each_image_to_mean_0_and_deviation_1_in_its_own_memory_and_precision():
    x = (torch.randn(3, 5, 8, 9) * 4 + 2).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        found = LayerNorm()(x)
        assert LayerNorm()(x.bfloat16()).dtype == torch.bfloat16
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.var((1, 2, 3), unbiased=False), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(found, torch.cat([LayerNorm()(one) for one in x.split(1)]))


@pytest.mark.parametrize("norm", ["instance", "layer"])
def test_the_light_of_a_picture_reaches_the_latent_through_layer_norms_only(norm):
    encoder = Encoder(width=4, blocks=1, norm=norm).eval()
    initialise(encoder, torch.Generator().manual_seed(0))
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        bright, dark = encoder(picture), encoder(picture / 2 - 0.4)
    same = (bright - dark).abs().mean() < 0.01 * bright.abs().mean()
    assert same == (norm == "instance")


@pytest.mark.parametrize("norm", ["instance", "layer"])
def test_a_flat_image_gives_no_nan(norm):
    image = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    out = Decoder(width=4, blocks=1, norm=norm)(Encoder(width=4, blocks=1, norm=norm)(image))
    out.sum().backward()
    assert out.isfinite().all()
    assert image.grad.isfinite().all()


def test_padding_by_slices_is_reflection_padding():
    # The branch for CUDA, on a tensor that claims to be there.
    class OnCuda(torch.Tensor):
        is_cuda = True

    x = torch.randn(1, 2, 6, 7)
    assert torch.equal(reflect(x.as_subclass(OnCuda), 3).as_subclass(torch.Tensor), F.pad(x, [3] * 4, mode="reflect"))


def test_first_weights_are_a_function_of_the_generator():
    one, other = Encoder(width=4, blocks=1), Encoder(width=4, blocks=1)
    for network in (one, other):
        initialise(network, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    weights = torch.cat([w.flatten() for w in one.parameters() if w.dim() == 4])
    assert abs(weights.std().item() - 0.02) < 0.001


def test_shared_blocks_tell_domains_apart():
    blocks = SharedBlocks(channels=8, blocks=1, domains=3, activation="relu", norm="instance")
    latent = torch.randn(1, 8, 6, 6)
    assert blocks(latent, 0).shape == latent.shape
    assert not torch.equal(blocks(latent, 0), blocks(latent, 1))


def test_the_blur_of_the_split_discriminator_keeps_a_flat_colour():
    blur = discriminator("split", width=4, layers=2).get_buffer("blur")
    assert torch.allclose(blur.sum((1, 2, 3)), torch.ones(3))


def test_a_space_id_depends_on_all_halves_and_not_on_their_order():
    assert space_id(["a", "b"]) == space_id(["b", "a"])
    assert space_id(["a", "b"]) != space_id(["a", "c"])
    assert len(space_id(["a"])) == 8

"""Adapters: the identity at first; fitted, they give the known answer."""

import pytest
import torch

from combogan.networks.adapter import Adapter
from combogan.networks.encoder import skip_latent, unet_latent
from combogan.networks.latent import Latent


def maps_of(latent, size=16, seed=0, count=2):
    chance = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(count, channels, size // stride, size // stride, generator=chance)
        for channels, stride in latent.maps
    )


def started(taken, given):
    adapter = Adapter(taken, given, blocks=2)
    adapter.start()
    return adapter


@pytest.mark.parametrize("latent", [skip_latent(4), unet_latent(4, 3, 1), Latent(channels=8, stride=4)])
def test_an_adapter_starts_as_the_identity(latent):
    maps = maps_of(latent)
    assert all(torch.equal(one, other) for one, other in zip(started(latent, latent)(maps), maps, strict=True))


def test_fitted_adapters_find_a_linear_map_also_to_other_widths():
    taken, given = Latent(channels=8, stride=4, skips=((4, 2),)), Latent(channels=6, stride=4, skips=((5, 2),))
    maps, chance = maps_of(taken), torch.Generator().manual_seed(9)
    wanted = []
    for one, (channels, _) in zip(maps, given.maps, strict=True):
        matrix = torch.randn(channels, one.shape[1], generator=chance)
        wanted.append(torch.einsum("oc,nchw->nohw", matrix, one) + 0.5)
    adapter = started(taken, given)
    adapter.fit([(maps, tuple(wanted))])
    for found, known in zip(adapter(maps), wanted, strict=True):
        assert torch.allclose(found, known, atol=0.02)


def test_images_get_the_colours_of_the_other_run():
    latent = skip_latent(4)
    adapter, chance = started(latent, latent), torch.Generator().manual_seed(1)
    one, other = (
        scale * torch.randn(4, 3, 16, 16, generator=chance) + mean for scale, mean in ((0.2, 0.1), (0.4, -0.3))
    )
    adapter.match(one, other)
    *_, image = adapter((*maps_of(latent, count=4)[:2], one))
    assert torch.allclose(image.mean((0, 2, 3)), other.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(image.std((0, 2, 3)), other.std((0, 2, 3)), atol=1e-3)


def test_a_finer_map_sees_the_coarser_one():
    latent = skip_latent(4)
    adapter = Adapter(latent, latent, blocks=1)
    latent_map, fine, image = maps_of(latent)
    before, after = (adapter((one, fine, image))[-1] for one in (latent_map, latent_map + 1))
    assert before.shape == image.shape
    assert not torch.equal(before, after)

"""Seamless textures stay seamless."""

from functools import partial

import numpy as np
import pytest
import torch

from combogan.networks.decoder import ResnetDecoder, SkipDecoder
from combogan.networks.encoder import ResnetEncoder, SkipEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.translator import MARGIN, Translator, wrapped

KINDS = {
    "resnet": (ResnetEncoder, ResnetDecoder),
    "skip": (SkipEncoder, SkipDecoder),
    "noise": (SkipEncoder, partial(SkipDecoder, noise=1)),
}


@pytest.fixture(scope="module", params=KINDS)
def registry(request, tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("packs")
    encoder, decoder = KINDS[request.param]
    publish(
        folder, [NewPack(n, encoder(width=4, blocks=2), decoder(width=4, blocks=2), ("0a", "0a"), 16) for n in "ab"]
    )
    return Registry.open(folder)


def texture(height, width):
    """Smooth waves that fit behind each other: an image (1, 3, height, width)."""
    rows, columns = np.mgrid[:height, :width]
    waves = [
        np.sin(2 * np.pi * (down * rows / height + right * columns / width) + shift)
        for down, right, shift in ((1, 2, 0), (3, -1, 1), (-2, 3, 2))
    ]
    return torch.tensor(np.stack(waves), dtype=torch.float32).unsqueeze(0) * 0.8


def seam(image):
    """In both directions: the mean step across opposite borders over that at other places with the same stride of 4."""
    image, found = image[0].numpy(), []
    for axis in (1, 2):
        steps = np.abs(image - np.roll(image, 1, axis))
        steps = steps.mean(tuple({0, 1, 2} - {axis}))
        found.append(steps[0] / steps[4:-3:4].mean())
    return found


@pytest.mark.parametrize("size", [(64, 96), (50, 70), (20, 12)])
def test_opposite_borders_meet(registry, size):
    image = texture(*size)
    plain, wrapping = (
        max(seam(Translator(registry, wrap=wrap, precision="float32").translate("a", ["b"], image)["b"]))
        for wrap in (False, True)
    )
    assert max(seam(image)) < 1.05
    assert wrapping < (1.2 if size == (64, 96) else 2)  # sides that no stride divides begin at another place of it
    if len(registry.pack("a").encoder.latent.skips):  # the others are noise from border to border before training
        assert plain > 2


def test_a_moved_texture_gives_the_moved_translation(registry):
    image, translator = texture(64, 96), Translator(registry, wrap=True, precision="float32")
    one = translator.translate("a", ["b"], image)["b"]
    other = translator.translate("a", ["b"], image.roll((8, 12), (2, 3)))["b"]
    difference = (one.roll((8, 12), (2, 3)) - other).abs().mean()
    assert difference < 0.04  # the margins differ, and with them the norms; and noise does not move with the texture


def test_what_is_added_is_what_is_at_the_opposite_border():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(wrapped(image, 5), image.repeat(1, 1, 5, 5)[..., 1:14, 3:17])
    assert wrapped(image, 0) is image
    assert MARGIN % 4 == 0

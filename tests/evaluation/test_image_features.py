"""Features to score with: pooled and compared as they are documented, on images of any size."""

import pytest
import torch
from torch import Tensor

from combogan.evaluation.image_features import LARGEST, NETWORK, SMALLEST, image_features
from combogan.networks.features import STRIDES, features


def noise(side: int, seed: int = 0) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_pooled_are_mean_and_deviation_of_the_maps_of_three_strides() -> None:
    images = noise(96)
    maps = dict(zip(STRIDES, features(NETWORK)(images), strict=True))
    expected = []
    for stride in (8, 16, 32):
        places = maps[stride].double().flatten(2).numpy()
        expected += [torch.from_numpy(places.mean(2)), torch.from_numpy(places.std(2))]
    found = image_features(images)
    torch.testing.assert_close(found.pooled.double(), torch.cat(expected, 1), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(one, maps[stride]) for one, stride in zip(found.maps, (8, 16), strict=True))


def test_another_place_of_the_same_things_changes_what_is_compared_more_than_what_is_pooled() -> None:
    images = noise(128)
    images[..., 64:] = 0
    one, other = image_features(images), image_features(images.flip(3))
    pooled = (one.pooled - other.pooled).norm() / one.pooled.norm()
    compared = (one.maps[0] - other.maps[0]).norm() / one.maps[0].norm()
    assert pooled < 0.3 < 0.8 < compared


@pytest.mark.parametrize(
    ("side", "largest", "seen"), [(8, LARGEST, SMALLEST), (100, LARGEST, 100), (300, LARGEST, LARGEST), (128, 64, 64)]
)
def test_small_images_are_enlarged_and_large_ones_shrunk(side: int, largest: int, seen: int) -> None:
    assert image_features(noise(side), largest=largest).maps[0].shape[-1] == -(-seen // 8)


def test_no_gradient_is_kept() -> None:
    assert not image_features(noise(64).requires_grad_()).maps[0].requires_grad

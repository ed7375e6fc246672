"""The distance of content, against answers that are known."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from combogan.data.pictures import to_image
from combogan.evaluation.colour_matching import ColourMatch
from combogan.evaluation.content import content
from combogan.evaluation.image_features import ImageFeatures, image_features
from combogan.scenery.scene import draw


def scenes(season: str, *indices: int) -> Tensor:
    return torch.stack([to_image(Image.fromarray(draw(season, 1, index, 64))) for index in indices])


def of(*maps: Tensor) -> ImageFeatures:
    return ImageFeatures(maps, torch.empty(0))


def test_it_is_one_minus_the_cosine_of_each_place_averaged_over_places_and_maps() -> None:
    across, up = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    half = torch.cat([across, up], 3)
    assert content(of(across), of(5 * across)).tolist() == [0]
    assert content(of(across), of(up)).tolist() == [1]
    assert content(of(across), of(-across)).tolist() == [2]
    assert content(of(half), of(across.expand(1, 2, 1, 2))).tolist() == [0.5]
    assert content(of(half, across), of(across.expand(1, 2, 1, 2), across)).tolist() == [0.25]


def test_the_same_image_has_none_and_each_image_counts_alone() -> None:
    images = scenes("summer", 0, 1)
    found = content(image_features(images), image_features(images[[0, 0]]))
    assert found[0].item() == pytest.approx(0, abs=1e-5)
    assert found[1] > 0.4


def test_a_recoloured_image_is_nearer_than_the_same_scene_in_another_season_and_that_than_another_scene() -> None:
    source, winter = scenes("summer", 0, 1, 2, 3), scenes("winter", 0, 1, 2, 3)
    recoloured = ColourMatch.fit(winter)(source)
    near, season, far = (
        content(image_features(images), image_features(source)).mean()
        for images in (recoloured, winter, source.roll(1, 0))
    )
    assert 0.01 < near < season < far


def test_darkness_counts_little_and_a_flat_image_has_lost_nearly_all() -> None:
    source = scenes("fall", 0, 1)
    seen = image_features(source)
    darker, flat = (content(image_features(images), seen).mean() for images in (source * 0.7, source * 0))
    assert darker < 0.1
    assert flat > 0.6

"""The drawings: the same scene in every season, at every size, to the byte."""

import time
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from combogan.data.scenes import ScenePictures
from combogan.errors import DomainError, PictureError
from combogan.scenery.colours import SEASONS
from combogan.scenery.scene import draw

Pictures = NDArray[np.float64]


def drawn(season: str, split: str, count: int, size: int = 64) -> Pictures:
    scenes = ScenePictures(season, split)  # type: ignore[arg-type]
    return np.stack([np.asarray(scenes.picture(index, size), np.float64) for index in range(count)])


def psnr(one: Pictures, other: Pictures) -> float:
    """Mean over pictures, in dB."""
    return float((10 * np.log10(255**2 / ((one - other) ** 2).mean((1, 2, 3)))).mean())


def correlation(one: Pictures, other: Pictures) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.fixture(scope="module")
def seasons() -> dict[str, Pictures]:
    return {season: drawn(season, "test", 12) for season in SEASONS}


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("size", [32, 33, 47, 64, 101, 300])
def test_a_scene_can_be_drawn_at_any_size_from_32_up(season: str, size: int) -> None:
    picture = draw(season, 1, size, size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 20


def test_the_same_scene_is_the_same_to_the_byte_whatever_was_drawn_before() -> None:
    first = draw("fall", 7, 3, 64)
    draw("winter", 7, 4, 96)
    np.random.default_rng(0).random(5)
    assert np.array_equal(first, draw("fall", 7, 3, 64))


def test_another_seed_or_index_is_another_scene() -> None:
    first = draw("summer", 7, 3, 64).astype(int)
    for other in (draw("summer", 8, 3, 64), draw("summer", 7, 4, 64)):
        assert np.abs(first - other).mean() > 10


@pytest.mark.parametrize("season", SEASONS)
def test_a_small_picture_is_the_large_one_made_small(season: str) -> None:
    for index in range(4):
        small = draw(season, 5, index, 64).astype(np.float64)
        large = Image.fromarray(draw(season, 5, index, 256)).reduce(4)
        assert psnr(small[None], np.asarray(large, np.float64)[None]) > 23


def test_light_and_sky_stay_where_they_are_in_all_seasons(seasons: dict[str, Pictures]) -> None:
    for one, other in permutations(SEASONS, 2):
        for a, b in zip(seasons[one], seasons[other], strict=True):
            sky_a, sky_b = a[:14].mean(2), b[:14].mean(2)
            assert correlation(sky_a, sky_b) > 0.6


def test_things_stand_at_the_same_pixels_in_all_seasons() -> None:
    """Edges of the truth of a scene agree better with it than with any other scene."""
    edges = {}
    for season in SEASONS:
        grey = drawn(season, "test", 8).mean(3)
        edges[season] = np.abs(np.diff(grey, axis=1))[:, :, 1:] + np.abs(np.diff(grey, axis=2))[:, 1:]
    for one, other in permutations(SEASONS, 2):
        agreement = np.array([[correlation(a, b) for b in edges[other]] for a in edges[one]])
        assert (agreement.argmax(1) == np.arange(8)).all()


def test_matching_colours_does_not_solve_the_task(seasons: dict[str, Pictures]) -> None:
    copied, matched = [], []
    for one, other in permutations(SEASONS, 2):
        pictures, truth = seasons[one], seasons[other]
        trained = drawn(other, "train", 24)
        mean, deviation = pictures.mean((1, 2), keepdims=True), pictures.std((1, 2), keepdims=True)
        guess = (pictures - mean) / deviation * trained.std((0, 1, 2)) + trained.mean((0, 1, 2))
        copied.append(psnr(pictures, truth))
        matched.append(psnr(np.clip(guess, 0, 255), truth))
    assert np.mean(copied) < 14
    assert np.mean(matched) < 18
    assert max(matched) < 22.5


def test_a_small_picture_takes_a_few_milliseconds() -> None:
    start = time.process_time()
    for index in range(40):
        draw(SEASONS[index % 4], 9, index, 64)
    assert 40 / (time.process_time() - start) > 50


def test_a_season_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(DomainError, match="Did you mean 'summer'"):
        draw("sumer", 0, 0, 64)


def test_a_size_below_32_is_refused() -> None:
    with pytest.raises(PictureError, match="31 pixels"):
        draw("fall", 0, 0, 31)

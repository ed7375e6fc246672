"""Examples of translators whose best and worst are known, and of packs on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import FolderPictures, to_image, to_picture
from combogan.evaluation.examples import Examples, collect
from combogan.evaluation.images import choice
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, write_pack
from combogan.registry.registry import Registry
from combogan.scenery.scene import draw
from combogan.translation.translator import Translator

SIZE = 32


def drawn(folder: Path, season: str, indices: Sequence[int], *, truth: str | None = "drawn") -> DomainPictures:
    """Scenes of a season as files named after their index."""
    (folder / season).mkdir(parents=True)
    names = tuple(f"scene-{index}.png" for index in indices)
    for index, name in zip(indices, names, strict=True):
        Image.fromarray(draw(season, 1, index, SIZE)).save(folder / season / name)
    pictures = FolderPictures(folder / season, names)
    return DomainPictures(season, str(folder / season), pictures, pictures, season, truth)


def copy(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
    return dict.fromkeys(targets, images)


def distance(one: Image.Image, other: Image.Image) -> float:
    """PSNR in dB, as numpy finds it."""
    error = (np.asarray(one).astype(float) - np.asarray(other).astype(float)) ** 2
    return 10 * np.log10(255**2 / error.mean())


def of(examples: Sequence[Examples], source: str, target: str) -> Examples:
    return next(one for one in examples if (one.source, one.target) == (source, target))


def test_the_best_is_the_nearest_to_the_truth_and_the_worst_the_farthest(tmp_path: Path) -> None:
    sources = [drawn(tmp_path, season, range(11)) for season in ("summer", "winter")]
    found = of(collect(copy, sources, SIZE), "summer", "winter")
    by_hand = {
        name: distance(sources[0].test.picture(place, SIZE), sources[1].test.picture(place, SIZE))
        for place, name in enumerate(sources[0].test.names)
    }
    ranked = sorted(by_hand, key=lambda name: -by_hand[name])
    assert found.measure == "PSNR"
    assert [one.label for one in found.shown] == ["best", "median", "worst"]
    assert [one.name for one in found.shown] == [ranked[0], ranked[5], ranked[10]]
    for one in found.shown:
        assert one.score == pytest.approx(by_hand[one.name], abs=1e-3)


def test_the_truth_of_a_picture_has_its_name_wherever_it_stands(tmp_path: Path) -> None:
    sources = [drawn(tmp_path, "summer", [0, 1, 2, 3]), drawn(tmp_path, "winter", [3, 2, 1, 7])]
    found = of(collect(copy, sources, SIZE), "summer", "winter")
    assert {one.name for one in found.shown} == {"scene-1.png", "scene-2.png", "scene-3.png"}
    for one in found.shown:
        index = int(one.name.removeprefix("scene-").removesuffix(".png"))
        assert one.truth is not None
        assert np.array_equal(np.asarray(one.truth), draw("winter", 1, index, SIZE))
        assert np.array_equal(np.asarray(one.source), draw("summer", 1, index, SIZE))


def test_without_a_truth_the_worst_is_the_one_that_lost_its_edges(tmp_path: Path) -> None:
    sources = [drawn(tmp_path, season, range(5), truth=None) for season in ("summer", "winter")]
    lost = draw("summer", 1, 3, SIZE)

    def forget_one(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        same = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1) == torch.from_numpy(lost.copy())
        flat = torch.where(same.flatten(1).all(1)[:, None, None, None], torch.zeros_like(images), images)
        return dict.fromkeys(targets, flat)

    found = of(collect(forget_one, sources, SIZE), "summer", "winter")
    assert found.measure == "edges"
    assert (found.shown[-1].label, found.shown[-1].name, found.shown[-1].score) == ("worst", "scene-3.png", 0)
    assert found.shown[0].score == pytest.approx(1)
    assert all(one.truth is None for one in found.shown)


@pytest.mark.parametrize(("count", "labels"), [(1, ["best"]), (2, ["best", "worst"])])
def test_of_few_pictures_each_is_shown_once(tmp_path: Path, count: int, labels: list[str]) -> None:
    sources = [drawn(tmp_path, season, range(count), truth=None) for season in ("summer", "winter")]
    assert [one.label for one in collect(copy, sources, SIZE)[0].shown] == labels


def test_of_many_pictures_those_that_are_scored_are_ranked(tmp_path: Path) -> None:
    sources = [drawn(tmp_path, season, range(6)) for season in ("summer", "winter")]
    asked: list[int] = []

    def counting(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        asked.append(len(images))
        return copy(source, targets, images)

    scored = {sources[0].test.names[place] for place in choice(sources[0].test.names, 3)}
    for examples in collect(counting, sources, SIZE, pictures=3):
        assert {one.name for one in examples.shown} == scored
    assert asked.count(3) == 2
    assert max(asked) == 3


def test_the_way_back_is_the_translation_translated_back(tmp_path: Path) -> None:
    sources = [drawn(tmp_path, season, range(3)) for season in ("summer", "winter")]
    for season in ("summer", "winter"):
        torch.manual_seed(len(season))
        write_pack(
            tmp_path / "packs" / season,
            NewPack(
                season,
                ResnetEncoder(width=2, blocks=1),
                ResnetDecoder(width=2, blocks=1),
                ("0a1b2c3d", "0a1b2c3d"),
                SIZE,
                {},
            ),
        )
    registry = Registry.open(tmp_path / "packs")
    translator = Translator(registry)
    one = of(collect(translator.translate, sources, SIZE, composes=registry.composes), "summer", "winter").shown[0]
    assert one.back is not None
    assert np.array_equal(np.asarray(one.translation), np.asarray(translator("summer", "winter", one.source)))
    fake = translator.translate("summer", ["winter"], to_image(one.source)[None])["winter"]  # not rounded to a picture
    rec = translator.translate("winter", ["summer"], fake)["summer"]
    assert np.array_equal(np.asarray(one.back), np.asarray(to_picture(rec[0])))


def test_where_nothing_leads_back_only_the_way_there_is_shown(tmp_path: Path) -> None:
    sources = [drawn(tmp_path, season, range(3)) for season in ("summer", "winter")]
    examples = collect(copy, sources, SIZE, composes=lambda source, target: source == "summer")
    assert [(one.source, one.target) for one in examples] == [("summer", "winter")]
    assert [one.back for one in examples[0].shown] == [None] * 3

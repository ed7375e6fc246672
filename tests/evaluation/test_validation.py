"""The fast subset of the scores equals the scores, and goodness decides which validation is the best."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from combogan.data.catalog import DomainPictures, resolve
from combogan.data.paired_split import with_truth
from combogan.data.pictures import FolderPictures
from combogan.data.scenes import ScenePictures
from combogan.data.validation_split import hold_out
from combogan.evaluation.images import square
from combogan.evaluation.metrics import BEST_PSNR, edges, psnr, ssim
from combogan.evaluation.validation import DIRECTIONS, Validation, best_iteration, described, directions, goodness

SIZE = 32


def drawn(seasons: Sequence[str]) -> dict[str, DomainPictures]:
    return hold_out({source.name: source for source in resolve(seasons)}, 0)


def copy(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
    return dict.fromkeys(targets, images)


def test_the_truth_of_a_drawn_scene_is_the_same_scene_in_the_other_season() -> None:
    sources = drawn(["summer", "winter"])
    measured = Validation(sources, directions(list(sources), seed=0), SIZE)(copy)
    assert sources["summer"].validation is not None
    assert sources["winter"].validation is not None
    assert sources["summer"].validation.names == sources["winter"].validation.names
    x, y = (torch.stack([square(d.validation, i, SIZE) for i in range(16)]) for d in sources.values() if d.validation)
    expected = {"psnr": psnr(x, y), "ssim": ssim(x, y), "edges": edges(x, x)}
    assert measured == pytest.approx({name: values.double().mean().item() for name, values in expected.items()})


def test_a_translator_that_gives_the_truth_has_the_best_scores() -> None:
    sources = drawn(["summer", "winter", "fall"])
    sets = {name: one.validation for name, one in sources.items() if one.validation}
    images = {name: torch.stack([square(one, i, SIZE) for i in range(len(one))]) for name, one in sets.items()}

    def oracle(source: str, targets: Sequence[str], x: Tensor) -> Mapping[str, Tensor]:
        known = [next(i for i, image in enumerate(images[source]) if torch.equal(image, one)) for one in x]
        return {target: images[target][known] for target in targets}

    measured = Validation(sources, directions(list(sources), seed=0), SIZE)(oracle)
    assert measured["psnr"] == BEST_PSNR
    assert measured["ssim"] == pytest.approx(1)


def test_without_truth_a_classifier_says_what_arrived(tmp_path: Path) -> None:
    sources = {}
    for season in ("summer", "winter"):
        (tmp_path / season).mkdir()
        names = tuple(f"{index}.png" for index in range(30))
        for index, name in enumerate(names):
            ScenePictures(season, "train").picture(index, SIZE).save(tmp_path / season / name)
        pictures = FolderPictures(tmp_path / season, names)
        sources[season] = DomainPictures(season, str(tmp_path / season), pictures, pictures, season, None)
    held = hold_out(sources, 0)
    said: list[str] = []
    validate = Validation(held, directions(list(held), seed=0), SIZE, tell=said.append)
    assert said == ["Training the classifier for the validation."]

    def other(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        pictures = {name: one.train for name, one in held.items()}
        return {t: torch.stack([square(pictures[t], i, SIZE) for i in range(len(images))]) for t in targets}

    copied, arrived = validate(copy), validate(other)
    assert copied.keys() == arrived.keys() == {"arrival", "edges"}
    assert copied["edges"] == pytest.approx(1)
    assert copied["arrival"] < 0.3 < 0.7 < arrived["arrival"]
    assert validate(copy) == copied


def test_the_truth_of_a_picture_in_a_folder_is_its_counterpart_by_name(tmp_path: Path) -> None:
    for name, end in (("label", "_A.png"), ("photo", "_B.png")):
        (tmp_path / name).mkdir()
        for index in range(40):
            shade = 4 * index if name == "label" else 255 - 4 * index
            Image.new("RGB", (SIZE, SIZE), (shade, shade, shade)).save(tmp_path / name / f"{index}{end}")
    found = resolve([f"{name}={tmp_path / name}" for name in ("label", "photo")])
    sources = hold_out({source.name: source for source in with_truth(found, trained=True)}, 0)
    measured = Validation(sources, directions(list(sources), seed=0), SIZE)(copy)
    held = sources["label"].validation
    assert held is not None
    shades = torch.tensor([4.0 * int(name.partition("_")[0]) for name in held.names])
    expected = 20 * torch.log10(255 / (255 - 2 * shades).abs())
    assert measured["psnr"] == pytest.approx(expected.mean().item(), abs=1e-3)


def test_where_some_directions_have_no_truth_all_of_them_decide() -> None:
    sources = drawn(["summer", "winter", "things/house"])
    validate = Validation(sources, directions(list(sources), seed=0), SIZE)

    def gray_houses(source: str, targets: Sequence[str], x: Tensor) -> Mapping[str, Tensor]:
        return {each: torch.zeros_like(x) if "things/house" in (source, each) else x for each in targets}

    copied, gray = validate(copy), validate(gray_houses)
    assert copied["psnr"] == gray["psnr"]
    assert goodness(copied) != goodness(gray)
    assert described(copied) == f"{copied['arrival']:.0%} arrived, {copied['edges']:.2f} of the edges kept"


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 14, 30])
def test_every_domain_is_a_source_and_a_target_and_the_work_is_bounded(count: int) -> None:
    names = [f"domain{number}" for number in range(count)]
    chosen = directions(names, seed=1)
    assert len(set(chosen)) == len(chosen) == min(count * (count - 1), count * max(1, DIRECTIONS // count))
    assert {source for source, _ in chosen} == {target for _, target in chosen} == set(names)
    assert all(source != target for source, target in chosen)
    assert chosen == directions(names[::-1], seed=1)


def test_a_new_domain_is_validated_to_and_from_the_old_ones() -> None:
    assert set(directions(["a", "b", "c"], seed=0, new="b")) == {("a", "b"), ("b", "a"), ("c", "b"), ("b", "c")}
    many = directions([f"domain{number}" for number in range(40)], seed=0, new="domain7")
    assert len(many) == DIRECTIONS
    assert all("domain7" in pair for pair in many)


def test_the_best_is_the_nearest_to_the_truth_and_the_latest_of_equals() -> None:
    near, far = {"psnr": 19.3, "edges": 0.1}, {"psnr": 18.0, "edges": 1.0}
    assert goodness(near) > goodness(far)
    assert best_iteration({100: near, 200: far, 300: near, 400: far}) == 300
    assert best_iteration({}) is None
    assert best_iteration({1: {"arrival": 1.0, "edges": 0.3}, 2: {"arrival": 0.7, "edges": 0.7}}) == 2


def test_what_decides_is_described() -> None:
    assert described({"psnr": 19.26, "ssim": 0.5, "edges": 0.2}) == "19.3 dB"
    assert described({"arrival": 0.824, "edges": 0.61}) == "82% arrived, 0.61 of the edges kept"

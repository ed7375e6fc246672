"""The words of `combogan evaluate`."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from combogan.cli.evaluate import command
from combogan.data import scenes
from combogan.errors import DeviceError, RunError, SettingsError, StorageError
from combogan.evaluation import arrival
from combogan.evaluation.classifier import CLASSIFIER, classifier_of, read_classifier
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, write_pack
from combogan.registry.registry import Registry
from combogan.settings import Settings

SIZE = 32


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that is trained for a moment, on few scenes."""
    monkeypatch.setattr(scenes, "TRAIN", 12)
    monkeypatch.setattr(arrival, "ITERATIONS", 2)


def tiny_run(folder: Path, domains: dict[str, str]) -> Path:
    """A run of untrained, tiny networks of two domains that meet in one latent space per direction."""
    settings = Settings(domains=domains).changed({"images.size": SIZE, "images.load": SIZE})
    folder.mkdir()
    (folder / "settings.toml").write_text(settings.toml())
    torch.manual_seed(0)
    for name, spaces in zip(domains, (("0a1b2c3d", "4e5f6071"), ("4e5f6071", "0a1b2c3d")), strict=True):
        write_pack(
            folder / "packs" / name,
            NewPack(name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1), spaces, SIZE, {}),
        )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    return tiny_run(folder / "seasons", {"summer": "scenes/summer", "winter": "scenes/winter"})


def test_a_run_is_scored_in_a_table_and_in_its_evaluation_json(run: Path) -> None:
    result = CliRunner().invoke(command, [str(run), "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "summer -> winter" in result.output
    assert "mean of 2" in result.output
    content = json.loads((run / "evaluation.json").read_text())
    assert f"{content['mean']['truth']['psnr']:.2f}" in result.output
    assert content["size"] == SIZE
    assert len(content["pairs"]) == 2
    assert {pair["pictures"] for pair in content["pairs"]} == {40}
    assert read_classifier(run / CLASSIFIER).domains == ("summer", "winter")
    assert classifier_of(Registry.open(run)).size == SIZE


def test_size_and_file_can_be_chosen(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "scores.json"
    words = [str(run), "--device", "cpu", "--size", "40", "--pictures", "3", "--json", str(file)]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads(file.read_text())["size"] == 40
    assert "3 test pictures per pair, at 40 x 40 pixels" in result.output


def test_the_examples_on_the_page_are_among_the_pictures_that_are_scored(run: Path, tmp_path: Path) -> None:
    words = [str(run), "--device", "cpu", "--pictures", "1", "--json", str(tmp_path / "scores.json")]
    assert CliRunner().invoke(command, words, catch_exceptions=False).exit_code == 0
    page = (run / "evaluation.html").read_text()
    assert [page.count(f'<th scope="row">{label}<br>') for label in ("best", "worst")] == [2, 0]


@pytest.mark.parametrize("size", ["7", "100000"])
def test_a_size_that_no_picture_should_be_drawn_at_is_a_mistake(run: Path, size: str) -> None:
    result = CliRunner().invoke(command, [str(run), "--size", size])
    assert result.exit_code == 2
    assert f"{size} is not in the range 8<=x<=4096" in result.output


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A run of two folders, whose pictures show different things."""
    origins = {}
    for name in ("monet", "photo"):
        for index, part in enumerate(("train", "test")):
            (tmp_path / name / part).mkdir(parents=True)
            Image.new("RGB", (SIZE, SIZE), (index, len(name), 9)).save(tmp_path / name / part / f"{name}.png")
        origins[name] = str(tmp_path / name)
    return tiny_run(tmp_path / "run", origins)


def test_a_run_without_truth_is_scored_without_it(photographs: Path) -> None:
    result = CliRunner().invoke(command, [str(photographs), "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "PSNR, SSIM" not in result.output
    content = json.loads((photographs / "evaluation.json").read_text())
    assert [pair["truth"] for pair in content["pairs"]] == [None, None]
    assert content["pairs"][0]["translation"]["kid"] is None


def test_a_kid_is_given_on_the_backbone_and_weights_that_are_asked_for(photographs: Path, tmp_path: Path) -> None:
    from torchvision.models import mobilenet_v3_small

    torch.save(mobilenet_v3_small(weights=None).state_dict(), tmp_path / "mine.pth")
    for name in ("monet", "photo"):
        Image.new("RGB", (SIZE, SIZE), (9, 200, len(name))).save(tmp_path / name / "test" / f"{name}-2.png")
    words = [str(photographs), "--device", "cpu", "--kid", f"mobilenet_v3_small:{tmp_path / 'mine.pth'}"]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert "KID" in result.output
    content = json.loads((photographs / "evaluation.json").read_text())
    assert isinstance(content["mean"]["translation"]["kid"], float)


def test_a_backbone_that_does_not_exist_is_a_mistake(photographs: Path) -> None:
    with pytest.raises(SettingsError, match="no backbone 'resnet5'"):
        CliRunner().invoke(command, [str(photographs), "--device", "cpu", "--kid", "resnet5"], catch_exceptions=False)


def test_what_is_not_a_run_is_a_mistake_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        CliRunner().invoke(command, [str(tmp_path)], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_does_not_exist_is_a_mistake(run: Path) -> None:
    with pytest.raises(DeviceError, match="'gpu' is no device; give auto, cpu, cuda or cuda:N"):
        CliRunner().invoke(command, [str(run), "--device", "gpu"], catch_exceptions=False)


def test_scores_that_cannot_be_written_are_a_mistake(photographs: Path) -> None:
    (photographs / "file").write_text("")
    words = [str(photographs), "--device", "cpu", "--json", str(photographs / "file" / "scores.json")]
    with pytest.raises(StorageError, match="cannot be written"):
        CliRunner().invoke(command, words, catch_exceptions=False)


def test_where_nothing_can_be_scored_older_scores_stay(photographs: Path, tmp_path: Path) -> None:
    (photographs / "evaluation.json").write_text("older")
    (tmp_path / "monet").rename(tmp_path / "away")
    with pytest.raises(RunError, match="no translation of .* can be scored"):
        CliRunner().invoke(command, [str(photographs), "--device", "cpu"], catch_exceptions=False)
    assert (photographs / "evaluation.json").read_text() == "older"


def test_pictures_that_have_moved_are_looked_for_and_broken_ones_told_of(tmp_path: Path) -> None:
    for name in ("labels", "front"):
        for part in ("train", "test"):
            (tmp_path / "old" / name / part).mkdir(parents=True)
            for index in range(3):
                scene = scenes.draw("fall", len(part), index, SIZE)
                Image.fromarray(scene).save(tmp_path / "old" / name / part / f"{index}.png")
    run = tiny_run(tmp_path / "run", {name: str(tmp_path / "old" / name) for name in ("labels", "front")})
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "new" / "front" / "test" / "2.png").write_bytes(b"no picture")
    result = CliRunner().invoke(command, [str(run), "--device", "cpu", "--data", str(tmp_path / "new")])
    assert result.exit_code == 0
    assert "'front': skipping a picture: '2.png'" in result.stderr
    ways = json.loads((run / "evaluation.json").read_text())["pairs"]
    assert {(pair["source"], pair["pictures"]) for pair in ways} == {("labels", 3), ("front", 2)}

"""Scores of runs on disk."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image

from combogan.data import scenes
from combogan.errors import DomainError, RunError
from combogan.evaluation import arrival
from combogan.evaluation.run import evaluate, open_run
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, write_pack
from combogan.scenery.scene import draw
from combogan.settings import Settings

SIZE = 32


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that is trained for a moment, on few scenes."""
    monkeypatch.setattr(scenes, "TRAIN", 12)
    monkeypatch.setattr(arrival, "ITERATIONS", 5)


def publish(run: Path, name: str, *, about: Mapping[str, str] | None = None) -> None:
    """A pack of an untrained, tiny domain."""
    torch.manual_seed(0)
    encoder, decoder = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
    write_pack(run / "packs" / name, NewPack(name, encoder, decoder, ("0a1b2c3d", "0a1b2c3d"), SIZE, about or {}))


def pictures(folder: Path) -> Path:
    for part, count in (("train", 3), ("test", 2)):
        (folder / part).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(draw("fall", len(part), index, SIZE)).save(folder / part / f"scene-0000{index}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Summer, and photographs; winter was added later, and so was a domain whose folder is gone; a pack is damaged."""
    folder = tmp_path_factory.mktemp("run")
    photographs = str(pictures(folder / "domains" / "photo"))
    settings = Settings(domains={"summer": "scenes/summer", "photo": photographs})
    settings = settings.changed({"images.size": SIZE, "images.load": SIZE})
    (folder / "settings.toml").write_text(settings.toml())
    publish(folder, "summer")
    publish(folder, "photo")
    publish(folder, "winter", about={"origin": "scenes/winter"})
    publish(folder, "lost", about={"origin": str(folder / "nowhere")})
    publish(folder, "alps/fall")
    (folder / "packs" / "alps" / "fall" / "pack.json").write_text("{")
    return folder


def test_a_run_is_scored_with_domains_added_later_and_without_truth(run: Path) -> None:
    said: list[str] = []
    scores = evaluate(run, pictures=4, say=said.append)
    ways = [(pair.source, pair.target, pair.pictures, pair.truth is not None) for pair in scores.pairs]
    assert ways == [
        ("summer", "photo", 4, False),
        ("summer", "winter", 4, True),
        ("photo", "summer", 2, False),
        ("photo", "winter", 2, False),
        ("winter", "summer", 4, True),
        ("winter", "photo", 4, False),
    ]
    assert scores.size == SIZE
    assert set(scores.classifier) == {"summer", "photo", "winter"}
    assert set(scores.unscored) == {"lost", "alps/fall"}
    assert "nowhere" in scores.unscored["lost"]
    assert "damaged" in scores.unscored["alps/fall"]
    assert said[0] == "Training the classifier"
    assert said[-1] == "Translating winter, 3 of 3 domains"


def test_folders_whose_test_files_pair_up_by_name_have_truth(tmp_path: Path) -> None:
    origins = {name: str(pictures(tmp_path / name)) for name in ("labels", "front")}
    settings = Settings(domains=origins).changed({"images.size": SIZE, "images.load": SIZE})
    (tmp_path / "settings.toml").write_text(settings.toml())
    for name in origins:
        publish(tmp_path, name)
    scores = evaluate(open_run(tmp_path))
    assert [pair.truth is not None for pair in scores.pairs] == [True, True]
    assert scores.paired == ("labels", "front")
    assert scores.truth is not None
    assert scores.truth.copying.psnr == 100  # the folders hold the same pictures


def test_pictures_that_have_moved_are_found_and_broken_ones_left_out(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    origins = {name: str(pictures(old / name)) for name in ("labels", "front")}
    settings = Settings(domains=origins).changed({"images.size": SIZE, "images.load": SIZE})
    (tmp_path / "settings.toml").write_text(settings.toml())
    for name in origins:
        publish(tmp_path, name)
    old.rename(new)
    lost = open_run(tmp_path).lost
    assert set(lost) == {"labels", "front"}
    assert lost["front"].endswith("put them back, or give --data DIR")
    broken = sorted((new / "front" / "test").iterdir())[-1]
    before = {one.name: len(one.train) + len(one.test) for one in open_run(tmp_path, data=new).sources}
    broken.write_bytes(broken.read_bytes()[:60])
    told: list[str] = []
    opened = open_run(tmp_path, data=new, tell=told.append)
    after = {one.name: len(one.train) + len(one.test) for one in opened.sources}
    assert after == {"labels": before["labels"], "front": before["front"] - 1}
    assert len(told) == 1
    assert f"'front': skipping a picture: '{broken.name}'" in told[0]
    assert [(pair.source, pair.pictures, pair.truth is not None) for pair in evaluate(opened).pairs] == [
        ("labels", 2, True),
        ("front", 1, True),
    ]
    for test_picture in (new / "labels" / "test").iterdir():
        test_picture.write_bytes(b"no picture")
    assert open_run(tmp_path, data=new).lost == {"labels": "none of its test pictures can be read"}
    with pytest.raises(DomainError, match="given with --data does not exist"):
        open_run(tmp_path, data=tmp_path / "nowhere")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a run: it has no settings\.toml; give"):
        evaluate(tmp_path)
    with pytest.raises(RunError, match="is not a run: there is no such folder"):
        evaluate(tmp_path / "nowhere")


def test_a_run_that_published_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(Settings().toml())
    with pytest.raises(RunError, match="has no packs yet"):
        evaluate(tmp_path)

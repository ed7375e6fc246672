import numpy as np
import pytest
import torch
from PIL import Image

from combogan.errors import PictureError, StorageError
from combogan.networks.adapter import Adapter
from combogan.networks.decoder import SkipDecoder
from combogan.networks.encoder import SkipEncoder
from combogan.registry.bridge import write_bridge
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation import large_pictures, memory
from combogan.translation.files import Job, check_outputs, translate_files
from combogan.translation.large_pictures import Room
from combogan.translation.memory import needed, needed_in_tiles
from combogan.translation.sources import Source
from combogan.translation.translator import Translator


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """An untrained latent space of three domains."""
    folder = tmp_path_factory.mktemp("packs")
    torch.manual_seed(0)
    publish(
        folder,
        [
            NewPack(name, SkipEncoder(width=2, blocks=1), SkipDecoder(width=2, blocks=1), ("0a", "0a"), 16)
            for name in "abc"
        ],
    )
    return Registry.open(folder)


@pytest.fixture
def job(tmp_path):
    """A picture of odd size, transparent in part, into two domains and back."""
    pixels = np.random.default_rng(0).integers(0, 256, (37, 53, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    job = Job("a", ("b", "c"), [Source("one.png", tmp_path / "one.png")], tmp_path / "out", reconstruct=True)
    check_outputs([job])
    return job


def written(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pictures(folder):
    return {path.relative_to(folder): np.asarray(Image.open(path)).astype(int) for path in written(folder)}


def test_in_tiles_files_are_those_of_the_whole(registry, job, monkeypatch):
    translator = Translator(registry, precision="float32")
    translate_files(translator, job)
    expected = pictures(job.out)
    monkeypatch.setattr(memory, "MOST_VALUES", 5000)
    told = []
    outcome = translate_files(translator, job, tiled=True, progress=lambda *words: told.append(words))
    assert outcome.failures == []
    assert len(outcome.written) == 4
    found = pictures(job.out)
    assert found.keys() == expected.keys()
    for name, picture in expected.items():
        assert picture.shape == (37, 53, 4)
        assert abs(found[name] - picture).max() <= 1
    total = told[0][2]
    assert [words[1] for words in told] == list(range(1, total + 1))
    assert {words[0] for words in told} == {str(job.pictures[0])}
    assert total > 100


def in_both_ways(translator, targets, picture, tmp_path, monkeypatch):
    """All translations and ways back of a picture: as a whole, in tiles, and how many tiles there were."""
    made, tiles = [], []
    for room in (Room(), Room(folder=tmp_path, tiled=True)):
        monkeypatch.setattr(memory, "MOST_VALUES", 5000)
        words = {"name": "x", "reconstruct": True, "room": room, "report": lambda *tile: tiles.append(tile)}
        made.append(
            {way[:2]: np.asarray(way[2]).astype(int) for way in translator.pictures("a", targets, picture, **words)}
        )
    return *made, len(tiles)


@pytest.mark.parametrize("size", [(61, 44), (9, 40)])
def test_seamless_textures_are_those_of_the_whole(registry, size, tmp_path, monkeypatch):
    translator = Translator(registry, precision="float32", wrap=True)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    whole, tiled, tiles = in_both_ways(translator, ["b", "c"], picture, tmp_path, monkeypatch)
    assert tiles > 500
    assert whole.keys() == tiled.keys() == {(target, back) for target in "bc" for back in (False, True)}
    for way, expected in whole.items():
        assert expected.std() > 5
        assert abs(tiled[way] - expected).max() <= 1


def test_what_goes_over_a_bridge_is_that_of_the_whole(tmp_path, monkeypatch):
    torch.manual_seed(0)
    style = {"width": 2, "blocks": 1}
    for space, names in (("0a", "ab"), ("0b", "cd")):
        new = [NewPack(name, SkipEncoder(**style), SkipDecoder(**style), (space, space), 16) for name in names]
        publish(tmp_path / "packs" / space, new)
    latents = [Registry.open(tmp_path / "packs").pack(name).encoder.latent for name in "ac"]
    there, back = Adapter(*latents, blocks=1), Adapter(*latents[::-1], blocks=1)
    write_bridge(tmp_path / "packs" / "bridges" / "0a-0b", there, back, latents=latents, about={})
    translator = Translator(Registry.open(tmp_path / "packs"), precision="float32")
    assert translator.choose("a", ["b", "c", "d"]).bridges.keys() == {"c", "d"}
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (45, 62, 3), dtype=np.uint8))
    whole, tiled, tiles = in_both_ways(translator, ["b", "c", "d"], picture, tmp_path, monkeypatch)
    assert tiles > 200
    for way, expected in whole.items():
        assert expected.std() > 5
        assert abs(tiled[way] - expected).max() <= 1


def test_python_translates_in_tiles_what_needs_more_memory_than_it_may_take(registry, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (37, 53, 4), dtype=np.uint8)
    translator, planned = Translator(registry, precision="float32"), []
    plan = large_pictures.MapPlan
    monkeypatch.setattr(large_pictures, "MapPlan", lambda *words: planned.append(words) or plan(*words))
    monkeypatch.setattr(large_pictures, "SMALLEST_SIDE", 1)
    expected = np.asarray(translator("a", "b", Image.fromarray(pixels))).astype(int)
    assert planned == []
    whole = needed(37 * 53, width=2, kind="skip")
    found = translator("a", "b", Image.fromarray(pixels), room=Room(memory=whole - 1, folder=tmp_path))
    assert len(planned) == 1
    assert abs(np.asarray(found) - expected).max() <= 1
    monkeypatch.setattr(memory, "available", lambda device: 2 * whole - 2)
    translator("a", "b", Image.fromarray(pixels))
    assert len(planned) == 2
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PictureError, match="'the picture' is too large: at 53 x 37 pixels .* even in tiles"):
        translator("a", "b", Image.fromarray(pixels), room=Room(memory=1000))
    with pytest.raises(PictureError, match=r"of disk for a while, and 0 MB may be used; scale it with --size.$"):
        translator("a", "b", Image.fromarray(pixels), room=Room(disk=1000, tiled=True))


def test_a_picture_is_encoded_once_for_all_targets(registry, job):
    translator, calls = Translator(registry), []
    translator.translate("a", ["b"], torch.zeros(1, 3, 8, 8))
    half = translator._halves[registry.pack("a").folder, "encoder"]
    half.register_forward_hook(lambda *_: calls.append(1))
    translate_files(translator, Job(job.source, job.targets, job.pictures, job.out), tiled=True)
    assert calls == [1, 1]  # planned and computed


@pytest.mark.parametrize("scarce", [False, True])
def test_what_needs_more_than_half_of_the_free_memory_or_what_is_allowed_is_tiled(registry, job, monkeypatch, scarce):
    whole = needed(37 * 53, width=2, targets=2, kind="skip")
    monkeypatch.setattr(large_pictures, "SMALLEST_SIDE", 1)
    monkeypatch.setattr(memory, "available", lambda device: 2 * whole - 2 * scarce)
    told = []
    for allowed, tiled in ((None, scarce), (whole, False), (whole - 1, True)):
        told.clear()
        translate_files(Translator(registry), job, room=allowed, progress=lambda *words: told.append(words))
        assert bool(told) == tiled


def test_where_even_a_tile_does_not_fit_the_sentence_says_what_would(registry, job, monkeypatch):
    outcome = translate_files(Translator(registry), job, room=1000)
    (failure,) = outcome.failures
    assert "one.png' is too large: at 53 x 37 pixels it needs about 0.1 GB of memory even in tiles, and 0 MB" in str(
        failure
    )
    assert str(failure).endswith("may be used; allow more with --memory, or scale it with --size.")
    assert written(job.out) == []


def test_a_disk_that_is_too_full_is_refused_before_the_work(registry, job, monkeypatch):
    monkeypatch.setattr(large_pictures, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(StorageError, match=r"one.png' is translated in tiles, which takes \d+ MB of disk for a while"):
        translate_files(Translator(registry), job, tiled=True)
    assert written(job.out) == []


def test_ctrl_c_leaves_nothing_half_written(registry, job):
    def stop(name, done, total):
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate_files(Translator(registry), job, tiled=True, progress=stop)
    names = [path.name for path in written(job.out)]
    assert set(names) <= {"one.png", "one-rec.png"}
    for path in written(job.out):
        with Image.open(path) as picture:
            picture.load()


def test_the_largest_tiles_are_those_that_fit(monkeypatch):
    pixels = 10**8
    for room in (4 * 10**9, 3 * 10**9):
        values = memory.tile_values(pixels, room)
        assert needed_in_tiles(pixels, values) <= room
        assert values == memory.MOST_VALUES or needed_in_tiles(pixels, values + 1) > room
    assert memory.tile_values(pixels, 10) == 1
    assert memory.tile_values(pixels, None) == memory.MOST_VALUES

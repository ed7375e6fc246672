import os
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image

from combogan.errors import PackError, PictureError, StorageError
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation import memory
from combogan.translation.directions import pairs
from combogan.translation.files import Job, check_outputs, columns, save_sheet, translate_files
from combogan.translation.memory import Needs, needed, refuse_too_large
from combogan.translation.sources import Source, gather, output_names, reconstruction
from combogan.translation.translator import Translator


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """An untrained latent space of three domains, and two domains with a space per direction."""
    folder = tmp_path_factory.mktemp("packs")
    torch.manual_seed(0)

    def new(name, *spaces):
        return NewPack(name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1), spaces, 16)

    publish(folder / "one", [new(name, "0a", "0a") for name in "abc"])
    publish(folder / "two", [new("d", "0d", "0e"), new("e", "0e", "0d")])
    return Registry.open(folder)


@pytest.fixture
def pictures(tmp_path):
    """A folder of three pictures of odd sizes, one of them transparent in part, and one in a sub-folder."""
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    chance = np.random.default_rng(0)
    for name, size in (("one.jpg", (53, 37)), ("two.bin", (9, 5)), ("deep/one.png", (20, 24))):
        channels = 4 if name == "deep/one.png" else 3
        pixels = chance.integers(0, 256, (*size[::-1], channels), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, "JPEG" if name == "one.jpg" else "PNG")
    return folder


def written(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def translate(registry, job, **options):
    check_outputs([job])
    return translate_files(Translator(registry), job, **options)


def test_one_target_keeps_names_sub_paths_sizes_and_transparency(registry, pictures, tmp_path):
    outcome = translate(registry, Job("a", ("b",), gather([pictures], out=tmp_path / "out"), tmp_path / "out"))
    assert outcome.failures == []
    assert written(tmp_path / "out") == ["deep/one.png", "one.jpg", "two.png"]
    for before, after in (("one.jpg", "one.jpg"), ("two.bin", "two.png"), ("deep/one.png", "deep/one.png")):
        with Image.open(pictures / before) as source, Image.open(tmp_path / "out" / after) as result:
            assert result.size == source.size
            if before == "deep/one.png":
                assert result.getchannel("A").tobytes() == source.getchannel("A").tobytes()
    expected = Translator(registry)("a", "b", pictures / "two.bin")
    with Image.open(tmp_path / "out" / "two.png") as result:
        assert result.tobytes() == expected.tobytes()


def test_several_targets_get_a_folder_each_and_the_way_back_its_name(registry, pictures, tmp_path):
    job = Job("a", ("b", "a"), gather([pictures / "one.jpg"], out=tmp_path), tmp_path / "out", reconstruct=True)
    translate(registry, job)
    assert written(tmp_path / "out") == ["a/one-rec.jpg", "a/one.jpg", "b/one-rec.jpg", "b/one.jpg"]


def test_size_scales_the_short_side_and_the_transparency_with_it(registry, pictures, tmp_path):
    job = Job("a", ("b",), gather([pictures / "deep"], out=tmp_path), tmp_path / "out")
    translate(registry, job, size=10)
    with Image.open(tmp_path / "out" / "one.png") as result:
        assert (result.size, result.mode) == ((10, 12), "RGBA")


def test_a_broken_picture_is_named_and_the_others_are_done(registry, pictures, tmp_path):
    content = (pictures / "one.jpg").read_bytes()
    (pictures / "a-broken.jpg").write_bytes(content[: len(content) // 2])
    ticks = []
    job = Job("a", ("b",), gather([pictures], out=tmp_path / "out"), tmp_path / "out")
    outcome = translate(registry, job, advance=lambda: ticks.append(1))
    assert [str(failure).split(" is ")[0] for failure in outcome.failures] == [f"'{pictures / 'a-broken.jpg'}'"]
    assert len(outcome.written) == 3
    assert len(ticks) == 4


def test_a_way_back_whose_name_is_too_long_costs_that_picture_alone(registry, pictures, tmp_path):
    (pictures / "two.bin").rename(pictures / f"{'x' * 249}.png")
    job = Job("a", ("b",), gather([pictures], out=tmp_path / "out"), tmp_path / "out", reconstruct=True)
    outcome = translate(registry, job)
    assert [str(failure).split("'")[1] for failure in outcome.failures] == [str(pictures / f"{'x' * 249}.png")]
    assert written(tmp_path / "out") == ["deep/one-rec.png", "deep/one.png", "one-rec.jpg", "one.jpg"]


@pytest.mark.parametrize("link", [None, "symbolic", "hard"])
def test_an_input_is_never_overwritten(registry, pictures, tmp_path, link):
    out, before = pictures, (pictures / "one.jpg").read_bytes()
    if link is not None:
        out = tmp_path / "out"
        out.mkdir()
        make = os.symlink if link == "symbolic" else os.link
        make(pictures / "one.jpg", out / "one.jpg")
    with pytest.raises(
        StorageError, match=r"(one|two)\.\w+' would be overwritten by a translation; choose another folder"
    ):
        check_outputs([Job("a", ("b",), gather([pictures], out=tmp_path), out)])
    job = Job("a", ("b",), [Source("x.jpg", pictures / "one.jpg")], tmp_path / "fine")
    with pytest.raises(StorageError, match="would be overwritten"):
        check_outputs([job], pictures / "one.jpg")
    assert (pictures / "one.jpg").read_bytes() == before


def test_an_output_folder_that_cannot_be_made_is_refused_before_any_work(pictures, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        check_outputs([Job("a", ("b",), gather([pictures], out=tmp_path), tmp_path / "file" / "out")])


def test_names_are_never_used_twice():
    names = ["x.jpg", "X.jpg", "x.heic", "x.png", "x-rec.png", "grid.png", "a/x.jpg", ".x"]
    found = output_names([Source(name, Path(name)) for name in names], taken=["grid.png"])
    assert found[:4] == ["x.jpg", "X-2.jpg", "x.png", "x-2.png"]
    assert found[5:7] == ["grid-2.png", "a/x.jpg"]
    everything = [name.lower() for name in found] + [str(reconstruction(PurePosixPath(n))).lower() for n in found]
    assert len(set(everything)) == len(everything)


def test_pictures_are_gathered_once_and_not_from_the_output(pictures, tmp_path):
    (pictures / "out").mkdir()
    Image.new("RGB", (8, 8)).save(pictures / "out" / "earlier.png")
    found = gather([pictures / "one.jpg", pictures], out=pictures / "out")
    assert [source.name for source in found] == ["one.jpg", "deep/one.png", "two.bin"]
    with pytest.raises(PictureError, match=r"there is no file or folder '.*gone'; check its name"):
        gather([tmp_path / "gone"], out=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match=r"the folder '.*empty' holds no picture; give one that does"):
        gather([tmp_path / "empty"], out=tmp_path)


@pytest.mark.parametrize("margin", [0, 96])
def test_the_size_that_is_offered_for_a_film_does_fit(margin):
    needs = Needs(64, 1, margin=margin)
    for size in ((4000, 3000), (3000, 4000), (1530, 1370)):
        allowed = needs.frame(size) // 3
        with pytest.raises(PictureError, match="not tiled, .*; --size") as refused:
            refuse_too_large("x", size, needs, allowed=allowed)
        offered = int(str(refused.value).split("--size ")[1].split()[0])
        long = int(offered * max(size) / min(size))
        refuse_too_large("x", (long, offered), needs, allowed=allowed)
    refuse_too_large("x", (4000, 3000), needs, allowed=None)
    with pytest.raises(PictureError, match="close other programs, or allow more with --memory"):
        refuse_too_large("x", (4000, 3000), needs, allowed=10**8)


def test_the_estimate_of_memory_is_near_what_was_measured():
    # Twelve million pixels through the networks of the paper took 7.3 GB when it was measured.
    assert 7.3e9 < needed(4000 * 3000, width=64) < 10e9
    assert needed(10**6, width=32, kind="unet") < needed(10**6, width=32) < needed(10**6, width=32, kind="skip")
    # A film takes more: 1280 x 960 pixels in bfloat16 took 0.82 GB with averages over time.
    assert needed(1280 * 960, width=32) < 0.82e9 < Needs(32, 1).frame((1280, 960)) < 1.1e9


def test_free_memory_is_known_here():
    assert memory.available(torch.device("cpu")) > 1e6


def test_running_out_of_memory_all_the_same_is_a_sentence():
    sentence = "did not suffice for 40 x 30 pixels; try --tile with a smaller --memory, or --size 15"
    with pytest.raises(PictureError, match=sentence), memory.explained("x", (40, 30), tiles=True):
        torch.empty(2**60, dtype=torch.uint8)
    film = "did not suffice for 40 x 30 pixels; try --size 15"
    with pytest.raises(PictureError, match=film), memory.explained("x", (40, 30), tiles=False):
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="shape"), memory.explained("x", (40, 30), tiles=True):
        torch.empty(4).reshape(3)


def test_a_picture_far_above_the_training_size_is_noted(registry, pictures, tmp_path):
    Image.new("RGB", (60, 49)).save(pictures / "large.png")
    job = Job("a", ("b",), gather([pictures], out=tmp_path), tmp_path / "out")
    assert translate(registry, job).largest == 49
    assert translate(registry, job, size=48).largest == 0


def test_the_contact_sheet_marks_a_domain_in_itself(registry, pictures, tmp_path):
    jobs = [Job(name, ("a", "b"), gather([pictures / "one.jpg"], out=tmp_path), tmp_path / name) for name in ("a", "b")]
    check_outputs(jobs)
    rows = [row for job in jobs for row in translate_files(Translator(registry), job, rows=1).rows]
    assert columns(jobs) == ["a", "b"]
    save_sheet(tmp_path / "grid.png", rows, columns(jobs))
    with Image.open(tmp_path / "grid.png") as sheet:
        pixels = np.asarray(sheet)
    green = (pixels == (30, 160, 70)).all(-1)
    rows_with_green, columns_with_green = np.flatnonzero(green.any(1)), np.flatnonzero(green.any(0))
    # The marks run from the upper left to the lower right: two squares that meet in one corner at most.
    middle = (rows_with_green[0] + rows_with_green[-1]) // 2, (columns_with_green[0] + columns_with_green[-1]) // 2
    quarters = [green[: middle[0] - 9, : middle[1] - 9], green[middle[0] + 9 :, middle[1] + 9 :]]
    others = [green[: middle[0] - 9, middle[1] + 9 :], green[middle[0] + 9 :, : middle[1] - 9]]
    assert all(quarter.any() for quarter in quarters)
    assert not any(quarter.any() for quarter in others)


def test_all_means_what_can_be_reached(registry):
    assert pairs(registry, ["a"], ["all"]) == {"a": ["b", "c"]}
    assert pairs(registry, ["a"], ["all"], autoencode=True) == {"a": ["b", "c", "a"]}
    assert pairs(registry, ["d"], ["all"]) == {"d": ["e"]}
    assert pairs(registry, ["a"], ["a"]) == {"a": ["a"]}
    assert pairs(registry, ["all"], ["b"]) == {"a": ["b"], "c": ["b"]}
    assert pairs(registry, ["all"], ["e"], matrix=True) == {"d": ["e"]}


def test_a_matrix_has_a_diagonal_where_there_can_be_one(registry, tmp_path):
    one, two = (Registry([pack for pack in registry.packs if pack.domain in names]) for names in ("abc", "de"))
    assert pairs(one, ["all"], ["all"]) == {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    assert {source: set(targets) for source, targets in pairs(one, ["all"], ["all"], matrix=True).items()} == {
        name: {"a", "b", "c"} for name in "abc"
    }
    assert pairs(two, ["all"], ["all"], matrix=True) == {"d": ["e"], "e": ["d"]}
    alone = Registry([registry.pack("a")])
    with pytest.raises(PackError, match="there is nothing to translate between: 'a' is all there is"):
        pairs(alone, ["a"], ["all"])

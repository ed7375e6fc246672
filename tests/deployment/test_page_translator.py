import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from combogan.deployment.page_files import PageFiles
from combogan.deployment.page_translator import AS_IT_IS, MOST, NEWEST, Limits, PageTranslator
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.translator import Translator


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """An untrained latent space of three domains, and two domains with a space per direction."""
    folder = tmp_path_factory.mktemp("packs")
    torch.manual_seed(0)

    def new(name, *spaces):
        halves = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
        return NewPack(name, *halves, spaces, 16, {"date": f"2026-01-0{1 + (name in 'de')}"})

    publish(folder / "one", [new(name, "0a", "0a") for name in "abc"])
    publish(folder / "two", [new("d", "0d", "0e"), new("e", "0e", "0d")])
    Image.new("RGB", (64, 32), "teal").save(folder / "one" / "a" / "preview.png")
    (folder / "one" / "b" / "preview.png").write_text("damaged")
    return Registry.open(folder)


@pytest.fixture
def files():
    made = PageFiles()
    yield made
    made.close()


@pytest.fixture
def page(registry, files):
    return PageTranslator(registry, files, device="cpu")


def upload(files, name, size=(37, 23), mode="RGB"):
    path = files.new(name)
    pixels = np.random.default_rng(len(name)).integers(0, 256, (size[1], size[0], len(mode)), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_picture_is_translated_as_by_the_translator(page, files, registry):
    path = upload(files, "one.png", mode="RGBA")
    answer = page.translate([path], "a", "b", space=NEWEST)
    assert answer.errors == []
    assert answer.notes == ["Using latent space 0a (one)."]
    (result,) = answer.results
    assert (result.file.name, result.caption) == ("one-b.png", "b: one")
    with Image.open(result.file) as found:
        assert found.tobytes() == Translator(registry)("a", "b", path).tobytes()


def test_all_targets_of_several_pictures_and_their_zip(page, files):
    heard = []
    given = [upload(files, "x.png"), upload(files, "x.jpg")]
    answer = page.translate(
        given, "a", "all", space=NEWEST, size="12 px", progress=lambda share, desc: heard.append((share, desc))
    )
    assert [(one.target, one.name) for one in answer.results] == [
        (target, name) for name in ("x.png", "x-2.png") for target in ("b", "c")
    ]
    assert heard == [(0, "x.png (1 of 2)"), (0.5, "x.jpg (2 of 2)")]
    with zipfile.ZipFile(page.zipped(answer.results)) as archive:
        assert archive.namelist() == ["b/x.png", "c/x.png", "b/x-2.png", "c/x-2.png"]
        with archive.open("c/x-2.png") as file, Image.open(file) as picture:
            assert picture.size == (19, 12)


def test_what_goes_wrong_is_a_sentence_and_stops_no_other_picture(page, files):
    broken = files.new("broken.jpg")
    broken.write_text("no picture")
    answer = page.translate([broken, upload(files, "one.png")], "a", "b", space=NEWEST)
    assert len(answer.results) == 1
    assert len(answer.errors) == 1
    assert answer.errors[0].startswith("'broken.jpg' is no JPEG, PNG, WebP, BMP, TIFF or GIF (it begins with b'no")
    two = upload(files, "two.png")

    def refusal(pictures=(two,), source="a", target="b", **options):
        (sentence,) = page.translate(list(pictures), source, target, **{"space": NEWEST} | options).errors
        return sentence

    assert "'a' belongs to latent space 0a" in refusal(target="d")
    assert refusal(target="d").endswith("they were not trained together.")
    assert refusal([]).startswith("there is no picture to translate")
    assert refusal([Path("x.png")] * (MOST + 1)).startswith(f"these are {MOST + 1} pictures, and at most {MOST}")
    assert "there is no pack of a domain 'A'" in refusal(source="A")
    assert "there is no pack of a domain ''" in refusal(source="")
    for size in ("7 px", "20001", "1e3", "-5", "½", ""):
        assert f"'{size}' is no size; give pixels from 8 to 20000" in refusal(size=size)


def test_what_needs_more_memory_than_a_visitor_gets_is_refused_with_the_size_that_fits(registry, files):
    page = PageTranslator(registry, files, device="cpu", limits=Limits(memory=128 * 10**6 + 70_000))
    path = upload(files, "large.png", (100, 80))
    (sentence,) = page.translate([path], "a", "b", space=NEWEST, size=AS_IT_IS).errors
    assert sentence.startswith("'large.png' is too large: at 100 x 80 pixels it needs about 0.1 GB of memory")
    offered = sentence.split("--size ")[1].split()[0]
    assert page.translate([path], "a", "b", space=NEWEST, size=offered).errors == []
    small = PageTranslator(registry, files, device="cpu", limits=Limits(pixels=7999))
    (sentence,) = small.translate([path], "a", "b", space=NEWEST).errors
    assert sentence.startswith("'large.png' is too large (100 x 80 pixels")


def test_latent_spaces_are_offered_by_run_where_there_are_several(page, registry, files):
    assert page.spaces == [NEWEST, "two (0d): d, e", "one (0a): a, b, c"]
    assert page.sources(NEWEST) == ["a", "b", "c", "d", "e"]
    assert page.sources("one (0a): a, b, c") == ["a", "b", "c"]
    assert page.targets("two (0d): d, e") == ["all", "d", "e"]
    assert page.translate([upload(files, "one.png")], "d", "e", space=page.spaces[1]).errors == []
    alone = PageTranslator(Registry([pack for pack in registry.packs if pack.domain in "abc"]), files, device="cpu")
    assert alone.spaces == [NEWEST]


def test_sizes_and_examples_come_from_the_packs(page):
    assert page.sizes(NEWEST) == ["32 px", "16 px", "64 px", AS_IT_IS]
    ((file, caption),) = page.previews(NEWEST)
    assert caption == "into a (one)"
    with Image.open(file) as picture:
        assert picture.size == (64, 32)


def test_a_picture_far_above_the_training_size_is_noted(page, files):
    answer = page.translate([upload(files, "one.png", (70, 49))], "a", "b", space=NEWEST)
    assert answer.notes[1] == (
        "Hint: pictures of up to 49 px were translated by networks trained at 16 px; size 32 px may look better."
    )

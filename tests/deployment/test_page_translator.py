import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from combogan.deployment import page_translator
from combogan.deployment.page_answer import MOST, Limits
from combogan.deployment.page_files import PageFiles
from combogan.deployment.page_translator import AS_IT_IS, NEWEST, PageTranslator
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.classifier import CLASSIFIER, write_classifier
from combogan.evaluation.image_features import VALUES
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation import large_pictures
from combogan.translation.memory import Needs
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
    assert refusal(target="d").endswith("`combogan bridge RUN_A RUN_B` connects two runs.")
    assert refusal([]).startswith("there is no picture to translate")
    assert refusal([Path("x.png")] * (MOST + 1)).startswith(f"these are {MOST + 1} pictures, and at most {MOST}")
    assert "there is no pack of a domain 'A'" in refusal(source="A")
    assert "there is no pack of a domain ''" in refusal(source="")
    for size in ("7 px", "20001", "1e3", "-5", "½", ""):
        assert f"'{size}' is no size; give pixels from 8 to 20000" in refusal(size=size)


def test_what_needs_more_memory_than_a_visitor_gets_is_translated_in_tiles(registry, files, monkeypatch):
    monkeypatch.setattr(large_pictures, "SMALLEST_SIDE", 1)
    path, heard = upload(files, "large.png", (100, 80)), []
    whole = Needs(2, 1).whole((100, 80))
    page = PageTranslator(registry, files, device="cpu", limits=Limits(memory=whole - 1))
    (result,) = page.translate([path], "a", "b", space=NEWEST, progress=lambda *words: heard.append(words)).results
    assert heard[0] == (0, "large.png (1 of 1)")
    assert heard[-1] == (1, f"large.png (1 of 1), {len(heard) - 1} of {len(heard) - 1} tiles")
    with Image.open(result.file) as found:
        expected = np.asarray(Translator(registry)("a", "b", path)).astype(int)
        assert abs(np.asarray(found) - expected).max() <= 3  # in bfloat16, where the processor has it
    calls = iter([False, False, True])
    answer = page.translate([path, path], "a", "b", space=NEWEST, stopped=lambda: next(calls))
    assert (answer.results, answer.notes[1:]) == ([], ["Stopped; what was done before is here."])


def test_what_needs_more_than_a_visitor_gets_even_so_is_a_sentence(registry, files, monkeypatch):
    path = upload(files, "large.png", (100, 80))

    def refusal(target="b", **limits):
        page = PageTranslator(registry, files, device="cpu", limits=Limits(**limits))
        (sentence,) = page.translate([path], "a", target, space=NEWEST).errors
        return sentence

    assert refusal(pixels=7999).startswith("'large.png' is too large (100 x 80 pixels")
    assert "needs about 0.1 GB of memory even in tiles, and 0 MB may be used" in refusal(memory=1000)
    monkeypatch.setattr(large_pictures, "SMALLEST_SIDE", 1)
    whole = Needs(2, 1).whole((100, 80))
    assert refusal(memory=whole - 1, disk=99).endswith("and 0 MB may be used; scale it with --size.")
    monkeypatch.setattr(page_translator, "KEPT", 3 * 16_000)
    assert refusal("all").startswith("'large.png' and its translations are too large: all that is translated at once")


def arrival(*domains):
    """A classifier that takes every picture for the first domain."""
    weights = {"mean": torch.zeros(VALUES), "deviation": torch.ones(VALUES)}
    weights |= {"weight": torch.zeros(VALUES, len(domains)).double(), "bias": -torch.arange(len(domains)).double()}
    return Arrival(domains, weights, size=16)


def test_pictures_of_any_domain_are_translated_from_what_the_classifier_or_the_visitor_says(registry, files, tmp_path):
    shutil.copytree(registry.pack("a").folder.parent, tmp_path / "packs")
    alone = Registry.open(tmp_path)
    assert PageTranslator(alone, files, device="cpu").sources(NEWEST) == ["a", "b", "c"]
    write_classifier(tmp_path / "packs" / CLASSIFIER, arrival("b", "c"))
    assert PageTranslator(alone, files, device="cpu").sources(NEWEST) == ["a", "b", "c"]
    write_classifier(tmp_path / "packs" / CLASSIFIER, arrival("b", "a", "c"))
    page = PageTranslator(alone, files, device="cpu")
    assert page.sources(NEWEST) == ["any", "a", "b", "c"]
    one, two = upload(files, "one.png"), upload(files, "two.png")
    answer = page.translate([one, two], "any", "all", space=NEWEST, corrected={two: "c"})
    assert answer.errors == []
    assert answer.notes == [
        "Using latent space 0a (packs).",
        "'one.png' is taken for b (67%).",
        "Where a domain is wrong, change it and translate again.",
    ]
    assert answer.domains == {one: "b", two: "c"}
    assert [(result.target, result.name) for result in answer.results] == [
        ("a", "one.png"),
        ("c", "one.png"),
        ("a", "two.png"),
        ("b", "two.png"),
    ]
    with Image.open(answer.results[2].file) as found:
        assert found.tobytes() == Translator(alone)("c", "a", two).tobytes()
    answer = page.translate([one, two], "any", "b", space=NEWEST, corrected={two: "c"})
    assert answer.errors == ["'one.png' is of b already; choose its domain, if it is not."]
    assert [result.name for result in answer.results] == ["two.png"]
    (sentence,) = page.translate([one], "any", "b", space=NEWEST, corrected={one: "z"}).errors
    assert sentence.startswith("there is no pack of a domain 'z'")


def test_latent_spaces_are_offered_by_run_where_there_are_several(page, registry, files):
    assert page.spaces == [NEWEST, "two (0d): d, e", "one (0a): a, b, c"]
    assert page.sources(NEWEST) == ["a", "b", "c", "d", "e"]
    assert page.sources("one (0a): a, b, c") == ["a", "b", "c"]
    assert page.targets("two (0d): d, e") == ["all", "d", "e"]
    assert page.translate([upload(files, "one.png")], "d", "e", space=page.spaces[1]).errors == []
    alone = PageTranslator(Registry([pack for pack in registry.packs if pack.domain in "abc"]), files, device="cpu")
    assert alone.spaces == [NEWEST]
    assert [caption for _, caption in alone.previews(NEWEST)] == ["into a"]


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

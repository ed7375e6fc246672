"""Translations of gray pictures have the depth of their source; what one channel does not fit is a sentence."""

import numpy as np
import pytest
import torch
from gray_samples import sixteen_bits, values
from PIL import Image

from combogan.deployment.page_files import PageFiles
from combogan.deployment.page_translator import NEWEST, PageTranslator
from combogan.errors import PictureError, SpaceError
from combogan.networks.blocks import initialise
from combogan.networks.decoder import decoder
from combogan.networks.encoder import encoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.files import Job, check_outputs, translate_files
from combogan.translation.sources import gather
from combogan.translation.translator import Translator

SHAPE = {"width": 4, "blocks": 1}


def new(name, space, channels, depth=8, **more):
    halves = encoder(**SHAPE, channels=channels), decoder(**SHAPE, channels=more.get("out", channels))
    for place, half in enumerate(halves):
        initialise(half, torch.Generator().manual_seed(place))
        for weight in half.parameters():
            weight.data *= 8  # else all translations are nearly gray
    return NewPack(name, *halves, (space, space), 32, {}, 0, depth)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two domains of gray, and two that claim to fit and do not."""
    folder = tmp_path_factory.mktemp("packs")
    publish(folder / "gray", [new("ct", "0a", 1, 16), new("mr", "0a", 1, 16)])
    publish(folder / "odd", [new("x", "0b", 1), new("y", "0b", 3)])
    publish(folder / "colour", [new("photo", "0c", 3), new("monet", "0c", 3)])
    return Registry.open(folder)


def translated(registry, paths, out, **options):
    job = Job("ct", ("mr",), gather(paths, out=out), out)
    check_outputs([job])
    return translate_files(Translator(registry), job, **options)


def test_cards_of_one_channel_are_of_version_3_and_others_as_they_were(registry):
    cards = {pack.domain: (pack.folder / "pack.json").read_text() for pack in registry.packs}
    assert '"version": 3' in cards["ct"]
    assert '"depth": 16' in cards["ct"]
    assert '"channels": 1' in cards["ct"]
    assert '"version": 1' in cards["photo"]
    assert "depth" not in cards["photo"]
    assert not {'"channels": 1', '"channels": 3'} & set(cards["photo"].split("\n"))
    assert registry.pack("ct").depth == 16
    assert registry.pack("ct").encoder.channels == 1


def test_16_bits_and_floats_come_out_in_their_depth(registry, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for ending in (".png", ".tif"):
        Image.fromarray(sixteen_bits()).save(folder / f"a{ending}")
    Image.fromarray(values()).save(folder / "float.tif")
    Image.fromarray((values() * 255).astype(np.uint8)).save(folder / "eight.png")
    outcome = translated(registry, [folder], tmp_path / "out", rows=4)
    assert outcome.failures == []
    assert {row.picture.mode for row in outcome.rows} == {"L"}  # for people
    modes = {"a.png": "I;16", "a.tif": "I;16", "float.tif": "F", "eight.png": "L"}
    for name, mode in modes.items():
        with Image.open(tmp_path / "out" / name) as result:
            assert (result.mode, result.size) == (mode, (48, 40))
            found = np.asarray(result)
        assert len(np.unique(found)) > (256 if mode != "L" else 2)
        if mode != "L":
            white = 65535 if mode == "I;16" else 1
            source = sixteen_bits() / np.float32(65535) if mode == "I;16" else values()
            assert np.abs(found / white - expected(registry, source)).max() < 2e-5
    translated(registry, [folder / "a.png"], tmp_path / "tiled", tiled=True)
    with Image.open(tmp_path / "tiled" / "a.png") as tiled, Image.open(tmp_path / "out" / "a.png") as whole:
        assert np.abs(np.asarray(tiled).astype(int) - np.asarray(whole)).max() <= 8  # of 65535


def expected(registry, source):
    """What the packs' networks make of a picture, both as shares of white."""
    image = torch.from_numpy(source)[None, None] * 2 - 1
    return ((registry.compose("ct", "mr")(image)[0, 0].detach() + 1) / 2).numpy()


def test_gray_is_computed_in_float32_where_bfloat16_is_asked_for(registry):
    image = torch.rand(1, 1, 32, 32) * 2 - 1
    exact = Translator(registry, precision="float32").translate("ct", ["mr"], image)["mr"]
    assert torch.equal(Translator(registry, precision="bfloat16").translate("ct", ["mr"], image)["mr"], exact)


def test_pictures_in_memory_keep_their_kind(registry):
    translator = Translator(registry)
    for array, mode in ((sixteen_bits(), "I;16"), (values(), "F"), ((values() * 255).astype(np.uint8), "L")):
        assert translator("ct", "mr", array).mode == mode
        assert translator("ct", "mr", Image.fromarray(array)).mode == mode
    with pytest.raises(PictureError, match=r"must be \(height, width\) of uint8, uint16, float32"):
        translator("ct", "mr", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(PictureError, match="the picture' is 8-bit colour"):
        translator("ct", "mr", Image.new("RGB", (8, 8)))


def test_what_does_not_fit_one_channel_is_a_failure_and_the_rest_is_done(registry, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (16, 16)).save(folder / "colour.png")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(sixteen_bits()).save(folder / "named.jpg", "PNG")
    Image.fromarray(sixteen_bits()).save(folder / "right.png")
    outcome = translated(registry, [folder], tmp_path / "out")
    told = sorted(str(error).removeprefix(f"'{folder}/") for error in outcome.failures)
    assert told[0].startswith("colour.png' is 8-bit colour, and networks of one channel take gray")
    assert told[1].startswith("moving.gif' is a film or an animation, which is in colour")
    assert told[2].startswith("named.jpg' is 16-bit gray, which 'named.jpg' cannot hold; give the picture a name")
    assert [path.name for path in outcome.written] == ["right.png"]


def test_packs_of_different_channels_are_not_composed(registry):
    with pytest.raises(SpaceError, match="'x' takes pictures of 1 channel and 'y' gives those of 3 channels"):
        registry.compose("x", "y")


def test_the_page_says_that_it_does_not_translate_gray(registry, tmp_path):
    Image.fromarray(sixteen_bits()).save(tmp_path / "a.png")
    files = PageFiles()
    page = PageTranslator(registry, files, device="cpu")
    answer = page.translate([tmp_path / "a.png"], "ct", "mr", space=NEWEST)
    assert answer.results == []
    assert "networks of one channel, which this page does not translate with" in answer.errors[0]
    files.close()

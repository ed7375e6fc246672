"""`combogan packs import`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from combogan.cli.packs import command
from combogan.errors import OriginalError
from combogan.registry.registry import Registry
from combogan.settings import Settings
from combogan.translation.translator import Translator

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
G_A = FIXTURES / "cyclegan" / "latest_net_G_A.pth"
G_B = FIXTURES / "cyclegan" / "latest_net_G_B.pth"


def invoke(*words):
    return CliRunner().invoke(command, ["import", *map(str, words)], catch_exceptions=False)


def test_the_command_says_what_it_made(tmp_path):
    result = invoke(FIXTURES / "plain", "--names", "a,b,c", "-o", tmp_path / "packs")
    assert f"Imported a, b, c (ComboGAN, epoch 400) to {tmp_path / 'packs'}." in result.output
    result = invoke("--cyclegan", G_A, "--names", "horse,zebra", "-o", tmp_path / "half")
    assert "It translates from horse to zebra only: 'horse' has no decoder, 'zebra' no encoder." in result.output
    assert "Activation: relu" in result.output
    result = invoke("--cyclegan", G_A, G_B, "--names", "horse,zebra", "-o", tmp_path / "both")
    assert "two latent spaces" in result.output


def test_a_unet_of_pix2pix_becomes_packs_that_translate_pictures_of_any_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = FIXTURES / "pix2pix" / "latest_net_G.pth"
    result = invoke("--pix2pix", file, "--names", "label,photo", "-o", tmp_path / "packs")
    assert "It translates from label to photo only" in result.output
    assert "Activation" not in result.output
    translator = Translator(Registry.open(tmp_path / "packs"))
    assert translator("label", "photo", Image.new("RGB", (50, 97))).size == (50, 97)
    for path, why in ((G_A, "fits no known network"), (FIXTURES / "pix2pix" / "latest_net_D.pth", "no known network")):
        with pytest.raises(OriginalError, match=why):
            invoke("--pix2pix", path, "--names", "label,photo", "-o", tmp_path / "other")


def test_the_command_makes_a_run_and_says_that_optimizers_begin_anew(tmp_path):
    words = ["--names", "summer,winter", "--run", tmp_path / "run", "--set", "schedule.iterations=5"]
    result = invoke(FIXTURES / "vanilla", *words)
    assert "at iteration 0; the optimizers begin anew" in result.output
    assert "Pictures of summer: scenes/summer" in result.output
    assert Settings.load(tmp_path / "run" / "settings.toml").schedule.iterations == 5
    manifest = json.loads((tmp_path / "run" / "checkpoints" / "000000" / "manifest.json").read_text())
    assert manifest["iteration"] == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([FIXTURES / "plain", "--names", "a,b,c"], "say where to write"),
        ([FIXTURES / "plain", FIXTURES / "release", "--names", "a,b,c", "-o", "x"], "one folder at a time"),
        (["--cyclegan", G_A, "--names", "a,b", "--run", "x"], "neither discriminators nor epochs"),
        (["--cyclegan", "--pix2pix", G_A, "--names", "a,b", "-o", "x"], "both given"),
        (["--pix2pix", G_A, G_B, "--names", "a,b", "-o", "x"], "takes one generator"),
        ([FIXTURES / "plain", "--names", "a,b,c", "-o", "x", "--data", "y"], "--data and --set go with --run"),
    ],
)
def test_words_that_do_not_go_together_are_refused(words, why):
    result = invoke(*words)
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())

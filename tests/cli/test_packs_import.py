"""`combogan packs import`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from combogan.cli.packs import command
from combogan.settings import Settings

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
        ([FIXTURES / "plain", "--names", "a,b,c", "-o", "x", "--data", "y"], "--data and --set go with --run"),
    ],
)
def test_words_that_do_not_go_together_are_refused(words, why):
    result = invoke(*words)
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())

"""The words of `combogan packs`."""

from functools import partial

import pytest
import torch

from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish


@pytest.fixture
def packs(tmp_path, monkeypatch, called):
    """A run of two domains; gives a function that calls `combogan packs` with words."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    run = tmp_path / "runs" / "seasons"
    run.mkdir(parents=True)
    (run / "settings.toml").write_text("")
    about = {"iterations": 4000, "date": "2025-01-01", "updates": {"judge": 3}}
    publish(
        run / "packs",
        [
            NewPack(
                "summer",
                ResnetEncoder(width=2, blocks=1),
                ResnetDecoder(width=2, blocks=1),
                ("7f3a", "7f3a"),
                64,
                about,
            ),
            NewPack("winter", ResnetEncoder(width=2, blocks=1), None, ("7f3a", "7f3a"), 64, about),
        ],
    )
    return partial(called, "packs")


def test_the_list_shows_halves_space_size_iterations_and_folder(packs):
    code, stdout, stderr = packs("list")
    assert (code, stderr) == (0, "")
    assert [line.split() for line in stdout.splitlines()] == [
        ["domain", "halves", "latent", "space", "size", "iterations", "folder"],
        ["summer", "encoder", "+", "decoder", "7f3a", "64", "px", "4000", "runs/seasons"],
        ["winter", "encoder", "7f3a", "64", "px", "4000", "runs/seasons"],
    ]


def test_a_pack_is_shown_with_shapes_hashes_and_what_it_says_of_itself(packs, tmp_path):
    code, stdout, _ = packs("show", "summer")
    assert code == 0
    assert "latent space 7f3a: 8 channels at stride 4" in stdout
    assert "width 2, blocks 1, activation relu, norm instance, dropout 0.0, upsampling transposed-4x4" in stdout
    assert 'updates     {"judge": 3}' in stdout
    code, _, stderr = packs("show", "sumer")
    assert code == 2
    assert "Did you mean 'summer'?" in stderr


def test_whole_packs_are_said_to_be_whole_and_damage_is_code_2(packs, tmp_path):
    code, stdout, _ = packs("verify")
    assert code == 0
    assert stdout == ("summer (runs/seasons/packs/summer): whole.\nwinter (runs/seasons/packs/winter): whole.\n")
    (tmp_path / "runs/seasons/packs/winter/encoder.safetensors").write_bytes(b"damaged")
    code, stdout, stderr = packs("verify")
    assert (code, stdout) == (2, "summer (runs/seasons/packs/summer): whole.\n")
    assert stderr.startswith("Error: runs/seasons/packs/winter/encoder.safetensors is damaged or was replaced")
    assert packs("verify", "summer")[0] == 0


@pytest.mark.parametrize("place", ["runs/seasons", "runs/seasons/packs", "./runs/seasons/packs/summer"])
def test_packs_are_verified_where_a_path_leads(packs, tmp_path, place):
    (tmp_path / "runs/seasons/packs/summer/encoder.safetensors").write_bytes(b"damaged")
    code, _, stderr = packs("verify", place)
    assert code == 2
    assert "runs/seasons/packs/summer/encoder.safetensors is damaged or was replaced" in stderr
    verified = packs("verify", "winter", "--registry", "runs/seasons")[:2]
    assert verified == (0, "winter (runs/seasons/packs/winter): whole.\n")


def test_a_path_without_packs_is_said_to_have_none(packs, tmp_path):
    (tmp_path / "runs/new").mkdir()
    (tmp_path / "runs/new/settings.toml").write_text("")
    assert "runs/new has no packs yet" in packs("verify", "runs/new")[2]
    assert "there is no folder /nowhere" in packs("verify", "/nowhere")[2]
    assert "there is no folder runs/nothere" in packs("verify", "runs/seasons", "runs/nothere")[2]
    assert "it is empty" in packs("verify", "")[2]
    assert "there is no home folder" in packs("verify", "~nobody-has-this-name/x")[2]
    assert "there is no pack of a domain" in packs("verify", "a" * 300)[2]
    assert "there is no folder" in packs("list", "--registry", "a" * 300)[2]


def test_a_name_stays_a_name_where_a_folder_has_it_too(packs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "runs/seasons/packs")
    (tmp_path / "runs/seasons/packs/winter/encoder.safetensors").write_bytes(b"damaged")
    assert packs("verify", "summer", "--registry", ".")[0] == 0


def test_a_damaged_card_is_listed_as_damage(packs, tmp_path):
    (tmp_path / "runs/seasons/packs/winter/pack.json").write_text("{")
    code, stdout, stderr = packs("list")
    assert code == 0
    assert "winter" not in stdout
    assert stderr.startswith("Damaged: runs/seasons/packs/winter/pack.json is damaged")
    assert packs("verify")[0] == 2


def test_packs_are_copied_once_and_never_over_another(packs, tmp_path):
    code, stdout, _ = packs("copy", "summer", "-o", "copy")
    assert (code, stdout) == (0, "summer (runs/seasons/packs/summer) copied to copy/summer.\n")
    for path in (tmp_path / "runs/seasons/packs/summer").iterdir():
        assert (tmp_path / "copy/summer" / path.name).read_bytes() == path.read_bytes()
    assert packs("copy", "summer", "-o", "copy")[1].endswith("is in copy/summer already.\n")
    card = tmp_path / "copy/summer/pack.json"
    card.write_text(card.read_text().replace("4000", "4001"))
    code, _, stderr = packs("copy", "summer", "-o", "copy")
    assert code == 2
    assert stderr == "Error: copy/summer is another pack already; copy to another folder, or move it away.\n"

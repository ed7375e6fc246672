"""What is read from published checkpoints, and the packs that are written."""

import hashlib
import shutil

import pytest
import torch
from published_checkpoints import FIXTURES, G_A, G_B, THREE, TWO, generator, imported
from torch import nn

from combogan.errors import OriginalError, PackError, SpaceError
from combogan.published.checkpoint import read_combogan, read_cyclegan
from combogan.published.packs import write_packs
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry


@pytest.fixture
def release(tmp_path):
    """A copy of the checkpoint with three domains, to be changed."""
    return shutil.copytree(FIXTURES / "release", tmp_path / "release")


@pytest.fixture(name="generator")
def _generator():
    return generator()


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_shapes_are_read_from_the_files():
    original = read_combogan(FIXTURES / "shared", THREE)
    assert original.encoders["a"].shape == {
        "width": 4, "blocks": 3, "activation": "prelu", "norm": "instance", "dropout": 0.0,
    }  # fmt: skip
    assert [blocks.shape["blocks"] for blocks in original.shared] == [1, 1]
    assert original.discriminators["c"].shape["kind"] == "split"
    assert original.image_size == 48
    assert original.imported["epoch"] == 12
    file = FIXTURES / "shared" / "12_net_G0.pth"
    assert original.imported["files"][file.name] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_newest_epoch_is_read_unless_one_is_given(release):
    for path in list(release.glob("200_*.pth")):
        shutil.copyfile(path, release / path.name.replace("200_", "1000_"))
    assert read_combogan(release, THREE).imported["epoch"] == 1000
    assert read_combogan(release, THREE, epoch=200).imported["epoch"] == 200


def test_dropout_is_recognised_by_the_numbers_of_the_layers():
    original = read_cyclegan([FIXTURES / "cyclegan_dropout6" / "latest_net_G_A.pth"], TWO)
    assert original.encoders["a"].shape["dropout"] == original.decoders["b"].shape["dropout"] == 0.5
    assert (original.encoders["a"].shape["blocks"], original.decoders["b"].shape["blocks"]) == (3, 3)


def test_nine_blocks_are_cut_after_the_fourth():
    original = read_cyclegan([G_A, G_B], TWO)
    assert (original.encoders["a"].shape["blocks"], original.decoders["a"].shape["blocks"]) == (4, 5)
    assert original.decoders["a"].shape["upsampling"] == "transposed-3x3"
    assert original.spaces["a"] == tuple(reversed(original.spaces["b"]))


def test_the_activation_is_relu_unless_given():
    assert read_cyclegan([G_A], TWO).activation == "relu"
    assert read_cyclegan([G_A], TWO, activation="leaky").activation == "leaky"
    with pytest.raises(OriginalError, match="holds no PReLU weights"):
        read_cyclegan([G_A], TWO, activation="prelu")
    with pytest.raises(OriginalError, match="holds PReLU weights"):
        read_combogan(FIXTURES / "plain", THREE, activation="relu")


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_around_the_network_are_taken_off(generator, tmp_path, wrapper):
    expected = imported(generator, tmp_path)
    assert same(imported({wrapper + name: value for name, value in generator.items()}, tmp_path), expected)


def test_the_old_file_format_is_read(generator, tmp_path):
    assert same(imported(generator, tmp_path, _use_new_zipfile_serialization=False), imported(generator, tmp_path))


def test_the_order_of_names_in_a_file_does_not_matter(generator, tmp_path):
    assert same(imported(dict(sorted(generator.items())), tmp_path), imported(generator, tmp_path))


def test_double_precision_is_read_as_float32(generator, tmp_path):
    expected = imported(generator, tmp_path)
    assert same(imported({name: value.double() for name, value in generator.items()}, tmp_path), expected)


def test_statistics_of_old_instance_norms_are_dropped(generator, tmp_path):
    expected = imported(generator, tmp_path)
    for name in [name for name in generator if name.endswith(".bias")]:
        layer, _, place = name.removesuffix(".bias").rpartition(".")
        norm, channels = f"{layer}.{int(place) + 1}", len(generator[name])
        generator |= {f"{norm}.running_mean": torch.zeros(channels), f"{norm}.running_var": torch.ones(channels)}
    assert same(imported(generator, tmp_path), expected)


def test_batch_norms_keep_their_statistics(generator, tmp_path):
    norms = {}
    for name in [name for name in generator if name.endswith(".bias") and not name.startswith("model.26")]:
        layer, _, place = name.removesuffix(".bias").rpartition(".")
        channels, norm = len(generator.pop(name)), f"{layer}.{int(place) + 1}"
        norms |= {f"{norm}.weight": torch.full((channels,), 2.0), f"{norm}.bias": torch.zeros(channels)}
        norms |= {f"{norm}.running_mean": torch.full((channels,), 3.0), f"{norm}.running_var": torch.ones(channels)}
    encoder = imported(generator | norms, tmp_path)  # without num_batches_tracked, as before PyTorch 0.4.1
    assert encoder.shape["norm"] == "batch"
    found = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(found) == 3 + 2 * 4
    assert all(torch.all(module.running_mean == 3.0) and torch.all(module.weight == 2.0) for module in found)


def test_a_card_says_where_its_pack_comes_from(tmp_path):
    packs = write_packs(read_combogan(FIXTURES / "plain", THREE), tmp_path / "packs", origins={"a": "scenes/summer"})
    assert packs[0].about["origin"] == "scenes/summer"
    assert "origin" not in packs[1].about
    assert packs[1].about["imported"]["program"] == "ComboGAN"
    assert len(packs[1].about["imported"]["files"]) == 6


def test_a_one_way_model_gives_half_packs(tmp_path):
    write_packs(read_cyclegan([G_A], TWO), tmp_path)
    assert Pack.open(tmp_path / "a").decoder is None
    assert Pack.open(tmp_path / "b").encoder is None
    Registry.open(tmp_path).compose("a", "b")
    with pytest.raises(PackError, match="one-way"):
        Registry.open(tmp_path).compose("b", "a")


def test_the_two_directions_of_cyclegan_are_two_spaces(tmp_path):
    write_packs(read_cyclegan([G_A, G_B], TWO), tmp_path)
    with pytest.raises(SpaceError, match="into itself"):
        Registry.open(tmp_path).compose("a", "a")


def test_shared_blocks_are_stored_once_beside_their_packs(tmp_path):
    write_packs(read_combogan(FIXTURES / "shared", THREE), tmp_path / "packs")
    assert len(list((tmp_path / "packs" / "shared").iterdir())) == 1
    assert [path.name for path in sorted((tmp_path / "packs").iterdir())] == ["a", "b", "c", "shared"]


def test_packs_are_written_beside_others_and_never_over_them(tmp_path):
    write_packs(read_combogan(FIXTURES / "release", THREE), tmp_path)
    before = (tmp_path / "a" / "pack.json").read_bytes()
    write_packs(read_cyclegan([G_A, G_B], ["horse", "zebra"]), tmp_path)
    with pytest.raises(OriginalError, match="a is a pack of another latent space"):
        write_packs(read_cyclegan([G_A, G_B], ["horse", "a"]), tmp_path)
    assert (tmp_path / "a" / "pack.json").read_bytes() == before
    write_packs(read_combogan(FIXTURES / "release", THREE), tmp_path)  # the same again does no harm
    with pytest.raises(OriginalError, match="is not empty"):
        write_packs(read_combogan(FIXTURES / "shared", ["d", "e", "f"]), tmp_path)


def test_a_folder_of_pictures_is_not_written_over(tmp_path):
    (tmp_path / "horse").mkdir()
    (tmp_path / "horse" / "1.png").write_bytes(b"a picture")
    with pytest.raises(OriginalError, match="taken by something that is no pack"):
        write_packs(read_cyclegan([G_A, G_B], ["horse", "zebra"]), tmp_path)
    assert (tmp_path / "horse" / "1.png").is_file()
    assert not (tmp_path / "zebra").exists()

"""Damaged, mixed up or dangerous checkpoints: the error names the file, and nothing in it runs."""

import os
import pickle
import shutil
from collections import OrderedDict

import pytest
import torch
from published_checkpoints import FIXTURES, G_A, THREE, TWO, generator, imported
from torch import nn

from combogan.errors import OriginalError
from combogan.published.checkpoint import read_combogan, read_cyclegan


@pytest.fixture
def release(tmp_path):
    """A copy of the checkpoint with three domains, to be changed."""
    return shutil.copytree(FIXTURES / "release", tmp_path / "release")


@pytest.fixture(name="generator")
def _generator():
    return generator()


class Harm:
    """Runs when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("old", [True, False])
def test_nothing_in_a_pickle_runs(generator, tmp_path, old):
    target = tmp_path / "harmed"
    with pytest.raises(OriginalError, match=r"changed.pth holds 'posix.mkdir' beside tensors.*not touched"):
        imported(generator | {"x": Harm(target)}, tmp_path, _use_new_zipfile_serialization=not old)
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Harm(target)))
    with pytest.raises(OriginalError, match=r"bare.pth"):
        read_cyclegan([tmp_path / "bare.pth"], TWO)
    torch.save(nn.Conv2d(3, 3, 3), tmp_path / "module.pth")
    with pytest.raises(OriginalError, match=r"module.pth holds 'torch.nn.modules.conv.Conv2d' beside tensors"):
        read_cyclegan([tmp_path / "module.pth"], TWO)
    assert not target.exists()


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ([torch.zeros(1)], "holds a list, not a state dict"),
        ({"epoch": 3, "state_dict": {}}, "'epoch' is a int, not a tensor"),
        ({"model": OrderedDict()}, "'model' is a OrderedDict, not a tensor"),
        (torch.zeros(3), "holds a Tensor, not a state dict"),
        ({"fc.weight": torch.zeros(3, 3)}, "fits no known network"),
        ({}, "holds a state dict without weights; fetch the file again, or save network.state_dict"),
        (
            {"model.1.weight": torch.zeros(1, 1, 1, 1).expand(10**5, 3, 7, 7)},
            "fits no known network|not a plain tensor",
        ),
    ],
)
def test_a_file_that_is_no_generator_is_refused(tmp_path, state, why):
    with pytest.raises(OriginalError, match=rf"changed.pth .*({why})"):
        imported(state, tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}q\x00.", b"PK\x03\x04 cut short"])
def test_a_file_that_pytorch_did_not_write_is_refused(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(OriginalError, match=r"bad.pth"):
        read_cyclegan([tmp_path / "bad.pth"], TWO)


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    (tmp_path / "cut.pth").write_bytes(G_A.read_bytes()[:100_000])
    with pytest.raises(OriginalError, match=r"cut.pth is no file of weights"):
        read_cyclegan([tmp_path / "cut.pth"], TWO)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s.pop("model.14.conv_block.5.weight"), "neither convolution"),
        (lambda s: [s.pop(f"model.14.conv_block.5.{leaf}") for leaf in ("weight", "bias")], "it has a convolution"),
        (lambda s: [s.pop(name) for name in list(s) if "bias" in name], "'model.1' is a convolution"),
        (lambda s: s.update({"model.4.weight": torch.zeros(9, 4, 3, 3)}), "weight 9x4x3x3 and bias 8"),
        (lambda s: s.update({"model.1.weight": torch.zeros(4, 1, 7, 7)}), "4x1x7x7"),
        (lambda s: s.update({"model.1.weight": torch.full((4, 3, 7, 7), float("nan"))}), "not numbers"),
        (lambda s: s.update({"model.8.filt": torch.zeros(4, 1, 3, 3)}), "'model.8' with filt"),
    ],
)
def test_shapes_that_fit_no_known_network_are_refused(generator, tmp_path, change, why):
    change(generator)
    with pytest.raises(OriginalError, match=rf"changed.pth .*{why}"):
        imported(generator, tmp_path)


def test_zero_padding_is_recognised_by_the_numbers_of_the_layers(generator, tmp_path):
    zero = {name.replace("block.1.", "block.0.").replace("block.5.", "block.3."): v for name, v in generator.items()}
    with pytest.raises(OriginalError, match=r"'model.10.conv_block.0' where 'model.10.conv_block.1' was expected"):
        imported(zero, tmp_path)


@pytest.mark.parametrize("names", [["a"], TWO, ["a", "b", "c", "d"], ["a", "b", "a"]])
def test_a_wrong_number_of_names_is_refused(names):
    with pytest.raises(OriginalError, match=r"names|twice"):
        read_combogan(FIXTURES / "release", names)


@pytest.mark.parametrize(
    "lost", ["200_net_G0.pth", "200_net_G3.pth", "200_net_G5.pth", "200_net_D1.pth", "200_net_D2.pth"]
)
def test_a_missing_file_is_named(release, lost):
    (release / lost).unlink()
    with pytest.raises(OriginalError, match=rf"{lost} is missing"):
        read_combogan(release, THREE)


def test_an_epoch_that_is_not_whole_is_not_filled_from_another(release):
    for path in list(release.glob("200_*.pth")):
        shutil.copyfile(path, release / path.name.replace("200_", "205_"))
    (release / "205_net_G5.pth").unlink()
    with pytest.raises(OriginalError, match=r"205_net_G5.pth is missing.*--epoch 200"):
        read_combogan(release, THREE)
    assert read_combogan(release, THREE, epoch=200).imported["epoch"] == 200


def test_files_that_were_mixed_up_are_refused(release):
    shutil.copyfile(release / "200_net_G3.pth", release / "200_net_G1.pth")
    with pytest.raises(OriginalError, match=r"200_net_G1.pth holds a decoder, where an encoder was expected"):
        read_combogan(release, THREE)


@pytest.mark.parametrize("name", ["200_net_G0.pth", "200_net_G1.pth", "200_net_G5.pth", "200_net_D2.pth"])
def test_a_file_without_weights_is_named(release, name):
    torch.save({}, release / name)
    with pytest.raises(OriginalError, match=rf"{name} holds a state dict without weights"):
        read_combogan(release, THREE)


def test_halves_of_different_shapes_are_refused(release):
    shutil.copyfile(FIXTURES / "vanilla" / "3_net_G0.pth", release / "200_net_G1.pth")
    with pytest.raises(OriginalError, match=r"200_net_G1.pth is of another shape than .*200_net_G0.pth"):
        read_combogan(release, THREE)
    with pytest.raises(OriginalError, match=r"dropout6.*G_B.pth is of another shape"):
        read_cyclegan([G_A, FIXTURES / "cyclegan_dropout6" / "latest_net_G_B.pth"], TWO)


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("nowhere", "does not exist"),
        ("cyclegan", "--cyclegan"),
        ("cyclegan/latest_net_G_A.pth", "it is a file"),
        (".", "no file such as 400_net_G0.pth"),
    ],
)
def test_what_is_no_checkpoint_folder_is_refused(folder, why):
    with pytest.raises(OriginalError, match=why):
        read_combogan(FIXTURES / folder, TWO)


def test_an_epoch_that_is_not_there_is_refused(release):
    with pytest.raises(OriginalError, match=r"no epoch 7: 7_net_G0.pth is missing; it has 200"):
        read_combogan(release, THREE, epoch=7)


def test_a_mistake_in_opt_txt_is_named(release):
    (release / "opt.txt").write_text("fineSize: large\n")
    with pytest.raises(OriginalError, match=r"opt.txt says fineSize: large"):
        read_combogan(release, THREE)


def test_generators_of_gray_are_refused(generator, tmp_path):
    generator["model.1.weight"] = generator["model.1.weight"][:, :1].clone()
    with pytest.raises(OriginalError, match="'model.1' is a convolution weight .*for RGB pictures can be imported"):
        imported(generator, tmp_path)

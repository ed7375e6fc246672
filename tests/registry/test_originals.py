"""Importing checkpoints of others: what is read, what is refused, and that nothing in a file runs."""

import hashlib
import json
import os
import pickle
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from combogan.cli.packs import command
from combogan.errors import ComboganError, OriginalError, PackError, SpaceError
from combogan.registry.importing import write_packs
from combogan.registry.originals import read_combogan, read_cyclegan
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry
from combogan.settings import Settings
from combogan.training import growth, runs
from combogan.training.continuing import settings_of, start_run
from combogan.training.report import Quiet

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
TWO, THREE = ["a", "b"], ["a", "b", "c"]
G_A = FIXTURES / "cyclegan" / "latest_net_G_A.pth"
G_B = FIXTURES / "cyclegan" / "latest_net_G_B.pth"


@pytest.fixture
def release(tmp_path):
    """A copy of the checkpoint with three domains, to be spoilt."""
    return shutil.copytree(FIXTURES / "release", tmp_path / "release")


@pytest.fixture
def generator():
    """The state dict of a CycleGAN generator."""
    return torch.load(G_A, weights_only=True)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def imported(state, tmp_path, **how):
    """The encoder that is made of a changed generator."""
    torch.save(state, tmp_path / "changed.pth", **how)
    return read_cyclegan([tmp_path / "changed.pth"], TWO).encoders["a"]


# What is read


def test_shapes_are_told_by_the_files():
    original = read_combogan(FIXTURES / "shared", THREE)
    assert original.encoders["a"].shape == {
        "width": 4, "blocks": 3, "activation": "prelu", "norm": "instance", "dropout": 0.0,
    }  # fmt: skip
    assert [blocks.shape["blocks"] for blocks in original.shared] == [1, 1]
    assert original.judges["c"].shape["kind"] == "split"
    assert original.image_size == 48
    assert original.imported["epoch"] == 12
    file = FIXTURES / "shared" / "12_net_G0.pth"
    assert original.imported["files"][file.name] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_newest_epoch_is_read_unless_one_is_told(release):
    for path in list(release.glob("200_*.pth")):
        shutil.copyfile(path, release / path.name.replace("200_", "1000_"))
    assert read_combogan(release, THREE).imported["epoch"] == 1000
    assert read_combogan(release, THREE, epoch=200).imported["epoch"] == 200


def test_dropout_layers_are_seen_in_the_numbers_of_the_layers():
    original = read_cyclegan([FIXTURES / "cyclegan_dropout6" / "latest_net_G_A.pth"], TWO)
    assert original.encoders["a"].shape["dropout"] == original.decoders["b"].shape["dropout"] == 0.5
    assert (original.encoders["a"].shape["blocks"], original.decoders["b"].shape["blocks"]) == (3, 3)


def test_nine_blocks_are_cut_after_the_fourth():
    original = read_cyclegan([G_A, G_B], TWO)
    assert (original.encoders["a"].shape["blocks"], original.decoders["a"].shape["blocks"]) == (4, 5)
    assert original.decoders["a"].shape["upsampling"] == "transposed-3x3"
    assert original.spaces["a"] == tuple(reversed(original.spaces["b"]))


def test_what_files_do_not_tell_is_relu_unless_told():
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


# What is written


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


# What is refused


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
        ({}, "is not a whole generator"),
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


def test_zero_padding_is_told_by_the_numbers_of_the_layers(generator, tmp_path):
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
    with pytest.raises(OriginalError, match=r"200_net_G1.pth holds a decoder, where a encoder|an encoder"):
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


# A run that goes on from an import


def test_settings_of_a_run_are_what_the_files_and_opt_txt_say():
    settings = settings_of(read_combogan(FIXTURES / "release", THREE))
    assert settings.losses.distance == "l1"
    assert (settings.losses.identity, settings.losses.identity_pool) == (0.5, 1)
    assert (settings.losses.forward, settings.losses.forward_pool) == (0.2, 4)
    assert (settings.schedule.epochs, settings.schedule.decay_from) == (133, 67)
    vanilla = settings_of(read_combogan(FIXTURES / "vanilla", TWO))
    assert vanilla.losses.gan == "cross-entropy"
    assert vanilla.losses.distance == "smooth-l1"
    assert (vanilla.networks.encoder_blocks, vanilla.discriminator.kind) == (3, "split")


def test_a_run_without_discriminators_is_refused(tmp_path):
    with pytest.raises(OriginalError, match="has no discriminators"):
        start_run(read_combogan(FIXTURES / "plain", THREE), ["summer", "winter", "fall"], tmp_path / "run")


@pytest.mark.parametrize("name", ["shared", "release"])
def test_an_imported_run_trains_on_and_grows_where_nothing_is_shared(tmp_path, name):
    names = ["summer", "winter", "fall"]
    original = read_combogan(FIXTURES / name, names)
    changes = {"schedule.iterations": 2, "run.threads": 1, "run.device": "cpu"}
    run = start_run(original, names, tmp_path / "run", changes=changes)
    trainer = runs.resume(run, {}, Quiet())
    image = torch.rand(1, 3, 48, 48)
    for source in names:
        with torch.no_grad():
            latent = Registry.open(run).pack(source).load_encoder()(image)
            torch.testing.assert_close(trainer.domains[source].encode(image), latent, rtol=0, atol=1e-3)
    assert trainer.iteration == 0
    assert trainer.run()
    changes = {"schedule.iterations": 1}
    if name == "shared":
        with pytest.raises(SpaceError, match="share blocks"):
            growth.add_domain("spring", run=run, changes=changes)
    else:
        assert Pack.open(growth.add_domain("spring", run=run, changes=changes)).domain == "spring"


def test_a_run_keeps_the_networks_of_its_import(tmp_path):
    original = read_combogan(FIXTURES / "vanilla", ["summer", "winter"])
    with pytest.raises(ComboganError, match=r"\[networks\]"):
        start_run(original, ["summer", "winter"], tmp_path / "run", changes={"networks.width": 8})
    assert not (tmp_path / "run").exists()


# The command


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

"""Packs exported to files, the check of these files, and the lines of their README."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from gray_samples import sixteen_bits, values
from PIL import Image

from combogan.deployment import program_files
from combogan.deployment.comparison import compare, in_folder
from combogan.deployment.export import Job, export, one_publication
from combogan.deployment.program_files import opened
from combogan.errors import ExportError, PackError, SpaceError
from combogan.networks.blocks import initialise
from combogan.networks.decoder import decoder
from combogan.networks.encoder import encoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.registry.swap import replacing
from combogan.translation.translator import Translator

SKIP = {"kind": "skip", "blocks": 1}
UNET = {"kind": "unet", "depth": 4, "norm": "batch"}


def make_packs(folder, names, space, shape, halves="both", depth=8):
    packs = []
    for name in names:
        noise = {"noise": 1} if shape["kind"] == "skip" else {}
        networks = encoder(width=4, **shape), decoder(width=4, **shape, **noise)
        for network in networks:
            initialise(network, torch.Generator().manual_seed(len(name)))
        kept = [networks[0] if halves != "decoder" else None, networks[1] if halves != "encoder" else None]
        packs.append(NewPack(name, *kept, (space, space), 32, depth=depth))
    return publish(folder, packs)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two domains with skip connections, of which one has no encoder; a one-way U-Net; a stranger; all untrained."""
    folder = tmp_path_factory.mktemp("packs")
    make_packs(folder / "summer", ["alps/summer"], "0a", SKIP)
    make_packs(folder / "winter", ["winter"], "0a", SKIP, "decoder")
    make_packs(folder / "labels", ["label"], "0b", UNET, "encoder")
    make_packs(folder / "photos", ["photo"], "0b", UNET, "decoder")
    make_packs(folder / "painters", ["monet"], "0c", SKIP)
    return Registry.open(folder)


@pytest.fixture(scope="module")
def models(registry, tmp_path_factory):
    """A folder with the files of the two domains."""
    folder = tmp_path_factory.mktemp("models")
    export(registry, Job(["alps/summer", "winter"], folder))
    return folder


def test_every_half_is_a_file_with_a_card_and_sizes_that_may_change(models):
    assert sorted(path.relative_to(models).as_posix() for path in models.rglob("*.*")) == [
        "README.md",
        "alps/summer.decoder.onnx",
        "alps/summer.encoder.onnx",
        "winter.decoder.onnx",
    ]
    model = onnx.load(models / "alps" / "summer.encoder.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
    sizes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert sizes == {
        "image": ["batch", 3, "4*rows", "4*columns"],
        "latent": ["batch", 16, "rows", "columns"],
        "map_2": ["batch", 8, "2*rows", "2*columns"],
        "map_1": ["batch", 3, "4*rows", "4*columns"],
    }
    card = {prop.key: prop.value for prop in model.metadata_props}
    assert (card["domain"], card["part"], card["space"], card["multiple"], card["smallest"]) == (
        "alps/summer", "encoder", "0a", "4", "8",
    )  # fmt: skip
    assert json.loads(card["latent"]) == {"channels": 16, "stride": 4, "skips": [[8, 2], [3, 1]]}
    assert card["pixels"] == "RGB, (n, 3, height, width), byte / 127.5 - 1"
    assert b"/combogan/networks" not in (models / "winter.decoder.onnx").read_bytes()


def test_every_pair_translates_as_its_packs_do(models, registry):
    found = list(compare(in_folder(models), registry))
    assert [(one.source, one.target) for one in found] == [("alps/summer", "alps/summer"), ("alps/summer", "winter")]
    assert all(one.passes and 0 < one.largest < 1e-4 for one in found)


def test_a_file_with_another_weight_does_not_pass(models, registry, tmp_path):
    shutil.copytree(models, tmp_path / "models")
    path = tmp_path / "models" / "winter.decoder.onnx"
    model = onnx.load(path)
    weight = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    weight.raw_data = np.frombuffer(weight.raw_data, np.float32)[::-1].tobytes()
    onnx.save(model, path)
    found = list(compare(in_folder(tmp_path / "models"), registry))
    assert [(one.target, one.passes) for one in found] == [("alps/summer", True), ("winter", False)]
    path.write_bytes(b"damaged")
    with pytest.raises(ExportError, match="winter.decoder.onnx cannot be opened by ONNX Runtime"):
        list(compare([path], registry))


def test_files_of_packs_that_are_not_here_cannot_be_checked(models, tmp_path):
    make_packs(tmp_path / "packs", ["alps/summer", "winter"], "0a", {"kind": "skip", "blocks": 0})
    with pytest.raises(ExportError, match=r"summer.encoder.onnx is of a pack of 'alps/summer' that is not here"):
        list(compare(in_folder(models), Registry.open(tmp_path / "packs")))


def lines(readme):
    """The Python lines in a README."""
    (code,) = re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    return code


def run_without_torch(code, folder):
    blocked = "import sys; sys.modules.update(torch=None, combogan=None)\n"
    subprocess.run([sys.executable, "-c", blocked + code], cwd=folder, check=True, timeout=300)


def translation(folder):
    """The pixels that the lines wrote."""
    with Image.open(folder / "out.png") as picture:
        return np.asarray(picture, int)


def test_the_lines_of_the_readme_translate_a_picture_without_torch(models, registry):
    pixels = np.random.default_rng(0).integers(0, 256, (37, 54, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(models / "in.jpg", quality=95)
    code = lines(models / "README.md")
    assert len(code.splitlines()) == 10
    run_without_torch(code, models)
    ours = Translator(registry, precision="float32")("alps/summer", "winter", models / "in.jpg")
    theirs = translation(models)
    assert theirs.shape == (37, 54, 3)
    assert np.abs(np.asarray(ours, int) - theirs).max() <= 1


def test_one_file_of_a_direction_in_half_precision_takes_any_size(registry, tmp_path):
    job = Job(["alps/summer", "winter"], tmp_path, precision="float16", whole=True)
    (file,) = export(registry, job)
    assert file.path == tmp_path / "alps-summer-to-winter.onnx"
    (difference,) = compare([file.path], registry)
    assert difference.passes
    assert 1e-5 < difference.largest < 0.05
    assert opened(file.path).run([np.zeros((1, 3, 5, 1), np.float16)])[0].shape == (1, 3, 5, 1)
    Image.new("RGB", (19, 11), "green").save(tmp_path / "in.jpg")
    run_without_torch(lines(tmp_path / "README.md"), tmp_path)
    assert translation(tmp_path).shape == (11, 19, 3)


def test_programs_of_torch_are_exported_and_checked_too(registry, tmp_path, monkeypatch):
    files = [file.path for file in export(registry, Job(["label", "photo"], tmp_path, format="torch"))]
    assert [path.name for path in files] == ["label.encoder.pt2", "photo.decoder.pt2"]
    (difference,) = compare(files, registry)
    assert (difference.source, difference.target, difference.passes) == ("label", "photo", True)
    Image.new("RGB", (19, 33), "green").save(tmp_path / "in.jpg")
    monkeypatch.chdir(tmp_path)
    exec(lines(tmp_path / "README.md"), {})
    assert translation(tmp_path).shape == (33, 19, 3)
    assert b"/combogan/networks" not in files[0].read_bytes()


def test_a_one_way_unet_is_exported_and_checked(registry, tmp_path):
    files = [file.path for file in export(registry, Job(["label", "photo"], tmp_path))]
    (difference,) = compare(files, registry)
    assert (difference.source, difference.target, difference.passes) == ("label", "photo", True)
    with pytest.raises(ExportError, match="nothing to check: no encoder is there with a decoder"):
        list(compare(files[:1], registry))


def test_gray_is_exported_in_one_channel_and_the_lines_keep_16_bits_and_floats(tmp_path, monkeypatch):
    make_packs(tmp_path / "packs", ["ct", "mr"], "0d", {**SKIP, "channels": 1})
    registry, models = Registry.open(tmp_path / "packs"), tmp_path / "models"
    (file,) = export(registry, Job(["ct", "mr"], models, whole=True))
    (difference,) = compare([file.path], registry)
    assert difference.passes
    assert file.card.pixels == "gray, (n, 1, height, width), value / white * 2 - 1; white is 255, 65535 or 1.0"
    monkeypatch.chdir(models)
    for array, mode in ((sixteen_bits(), "I;16"), (values(), "F")):
        Image.fromarray(array).save("in.tif")
        exec(lines(models / "README.md"), {})
        with Image.open("out.tif") as theirs:
            ours = Translator(registry, precision="float32")("ct", "mr", Path("in.tif"))
            assert theirs.mode == ours.mode == mode
            white = 65535 if mode == "I;16" else 1
            assert np.abs(np.asarray(theirs) / white - np.asarray(ours) / white).max() < 1e-4
    make_packs(tmp_path / "deep", ["ct", "mr"], "0d", {**SKIP, "channels": 1}, depth=16)
    with pytest.raises(ExportError, match="'ct' was trained on 16 bits or floats, which float16 rounds to 11 bits"):
        export(Registry.open(tmp_path / "deep"), Job(["ct", "mr"], models, precision="float16"))


def test_what_cannot_be_exported_is_refused_before_anything_is_written(registry, tmp_path, monkeypatch):
    refused = [
        (Job(["winter", "monet"], tmp_path / "a"), SpaceError, "'winter' .* shares no latent space with the other"),
        (Job(["winter", "sumer"], tmp_path / "a"), PackError, "there is no pack of a domain 'sumer'"),
        (Job(["photo", "label"], tmp_path / "a", whole=True), PackError, "nothing can be translated from 'photo'"),
        (Job(["winter"], tmp_path / "a", whole=True), ExportError, "from one domain to another, but 1 were named"),
    ]
    for job, kind, why in refused:
        with pytest.raises(kind, match=why):
            export(registry, job)
    monkeypatch.setattr(program_files, "find_spec", lambda package: None)
    with pytest.raises(ExportError, match=r"need onnx, which is not installed; .* `pip install 'combogan\[onnx\]'`"):
        export(registry, Job(["winter"], tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    (tmp_path / "README.md").write_text("My own notes")
    with pytest.raises(ExportError, match="README.md is something else already, and would be lost"):
        export(registry, Job(["winter"], tmp_path, format="torch"))
    assert [path.name for path in Path(tmp_path).iterdir()] == ["README.md"]


def test_packs_that_are_published_again_meanwhile_are_exported_as_they_are_now(tmp_path):
    make_packs(tmp_path / "packs", ["ct", "mr"], "0a", SKIP)
    registry = Registry.open(tmp_path / "packs")
    make_packs(tmp_path / "packs", ["ct", "mr"], "0b", {**SKIP, "blocks": 2})
    job = Job(["ct", "mr"], tmp_path / "models", format="torch")
    with one_publication(registry, job) as packs:
        make_packs(tmp_path / "packs", ["ct", "mr"], "0c", {**SKIP, "blocks": 3})
        files = export(packs, Job(["ct", "mr"], tmp_path / "models", format="torch", whole=True))
        assert [file.card.space for file in files] == ["0b"]
        assert all(one.passes for one in compare([file.path for file in files], packs))


def test_a_publication_while_the_last_pack_is_copied_is_not_mixed_with_the_one_before(tmp_path, monkeypatch):
    def publish_as(space, blocks):
        make_packs(tmp_path / "packs", ["ct", "mr"], space, {**SKIP, "blocks": blocks})

    def copied_late(folder):
        if folder.parts[-3:] == ("1", "1", "mr"):  # the second pack of the first attempt
            publish_as("0b", 2)
        return replacing(folder)

    publish_as("0a", 1)
    monkeypatch.setattr("combogan.registry.copies.replacing", copied_late)
    with one_publication(Registry.open(tmp_path / "packs"), Job(["ct", "mr"], tmp_path / "models")) as packs:
        assert list(packs.spaces()) == ["0b"]


def test_an_export_that_fails_leaves_nothing_behind(tmp_path):
    make_packs(tmp_path / "packs", ["ct", "mr"], "0a", {**SKIP, "blocks": 0})
    registry = Registry.open(tmp_path / "packs")
    (tmp_path / "packs" / "mr" / "encoder.safetensors").write_bytes(b"damaged")
    job = Job(["ct", "mr"], tmp_path / "models", format="torch")
    with pytest.raises(PackError, match="is damaged"):
        export(registry, job)
    with pytest.raises(PackError, match="is damaged"), one_publication(registry, job):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["packs"]


def test_a_folder_without_files_cannot_be_checked(tmp_path):
    with pytest.raises(ExportError, match="holds no ONNX file to check"):
        in_folder(tmp_path)

import errno
import json
import os
import subprocess
import sys

import pytest
import torch

from combogan import storage
from combogan.errors import PackError, StorageError
from combogan.networks.blocks import initialise
from combogan.networks.decoder import ResnetDecoder, decoder
from combogan.networks.encoder import ResnetEncoder, encoder
from combogan.networks.shared import SharedBlocks
from combogan.registry.pack import NewPack, Pack, SharedPart, publish, write_pack
from combogan.registry.registry import Registry
from combogan.registry.swap import folders_with
from combogan.registry.weights import half_hash

SPACE = "7f3a0000"


def new_pack(name="summer", space=SPACE, seed=0, place=0, **shape):
    encoder, decoder = ResnetEncoder(width=4, blocks=1, **shape), ResnetDecoder(width=4, blocks=2, **shape)
    for index, network in enumerate((encoder, decoder)):
        initialise(network, torch.Generator().manual_seed(2 * seed + index))
    return NewPack(name, encoder.eval(), decoder.eval(), (space, space), 32, {"iterations": 7}, place)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def image():
    return torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(5)) * 2 - 1


@pytest.mark.parametrize("shape", [{}, {"norm": "batch", "activation": "prelu", "dropout": 0.5}])
@torch.no_grad()
def test_a_pack_computes_the_same_bits_as_the_networks_it_was_written_from(tmp_path, image, shape):
    new = new_pack(**shape)
    (pack,) = publish(tmp_path / "packs", [new])
    latent = pack.load_encoder()(image)
    assert torch.equal(latent[0], new.encoder(image)[0])
    assert torch.equal(pack.load_decoder()(latent), new.decoder(latent))
    assert pack.encoder.latent == pack.load_encoder().latent
    assert pack.encoder.latent.space == SPACE
    assert not any(weight.requires_grad for weight in pack.load_decoder().parameters())
    assert not pack.load_encoder().training


def test_a_card_says_what_is_on_disk_and_reads_back(tmp_path):
    new = new_pack("alps/summer")
    (pack,) = publish(tmp_path / "packs", [new])
    assert sorted(files(tmp_path)) == [
        f"packs/alps/summer/{name}" for name in ("decoder.safetensors", "encoder.safetensors", "pack.json")
    ]
    assert pack == Pack.open(tmp_path / "packs" / "alps" / "summer")
    assert (pack.domain, pack.image_size, pack.about) == ("alps/summer", 32, {"iterations": 7})
    assert pack.encoder.shape == new.encoder.shape
    assert pack.encoder.sha256 == half_hash(new.encoder) == storage.file_hash(pack.folder / "encoder.safetensors")


def test_a_hash_depends_on_the_weights_and_not_on_how_they_lie_in_memory():
    encoder = new_pack().encoder
    before = half_hash(encoder)
    assert half_hash(encoder.to(memory_format=torch.channels_last)) == before
    assert half_hash(new_pack(seed=1).encoder) != before


def test_loading_a_pack_leaves_the_global_random_state(tmp_path):
    (pack,) = publish(tmp_path / "packs", [new_pack()])
    before = torch.get_rng_state()
    pack.verify()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_pack_loads_in_a_process_that_has_only_its_folder(tmp_path, image):
    new = new_pack()
    publish(tmp_path / "packs", [new])
    code = (
        "import torch; from combogan.registry.registry import Registry\n"
        "image = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(5)) * 2 - 1\n"
        "with torch.no_grad(): print(Registry.open('packs').compose('summer', 'summer')(image).double().sum().item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    with torch.no_grad():
        expected = new.decoder(new.encoder(image)).double().sum().item()
    assert float(done.stdout) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("place", [0, 2000, -1])
def test_a_single_changed_byte_is_detected(tmp_path, place):
    (pack,) = publish(tmp_path / "packs", [new_pack()])
    path = pack.folder / "encoder.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(PackError, match=r"encoder.safetensors is damaged or was replaced: its SHA-256 begins with"):
        pack.load_encoder()
    with pytest.raises(PackError, match="damaged"):
        pack.verify()
    pack.load_decoder()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 4}, "is of format 4, newer than this combogan reads; update combogan"),
        ({"domain": "../../elsewhere"}, "is damaged: domain: .*cannot be the name of a domain"),
        ({"image_size": "32"}, "is damaged: image_size"),
        ({"code": "import os"}, "is damaged: code: Extra inputs"),
        ({"encoder": None, "decoder": None}, "it has neither encoder nor decoder"),
        ({"format": "other"}, "is damaged: format"),
    ],
)
def test_a_damaged_card_is_refused_with_a_sentence(tmp_path, change, complaint):
    (pack,) = publish(tmp_path / "packs", [new_pack()])
    card = json.loads((pack.folder / "pack.json").read_text())
    (pack.folder / "pack.json").write_text(json.dumps(card | change))
    with pytest.raises(PackError, match=complaint):
        Pack.open(pack.folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"file": "../encoder.safetensors"}, "is damaged: encoder.file"),
        ({"shape": {"width": 4, "blocks": 2}}, "holds other weights than its card describes"),
        ({"shape": {"width": 9999, "blocks": 1}}, "holds other weights than its card describes"),
        ({"shape": {"depth": 4}}, "cannot be read .*depth"),
        ({"latent": {"channels": 8, "stride": 4, "space": SPACE}}, "it misstates the latent"),
        ({"latent": {"channels": 16, "stride": 4, "space": ""}}, "is damaged: encoder.latent"),
    ],
)
def test_a_card_that_describes_another_half_is_refused(tmp_path, change, complaint):
    (pack,) = publish(tmp_path / "packs", [new_pack()])
    card = json.loads((pack.folder / "pack.json").read_text())
    card["encoder"] |= change
    (pack.folder / "pack.json").write_text(json.dumps(card))
    with pytest.raises(PackError, match=complaint):
        Pack.open(pack.folder).load_encoder()


def test_what_is_no_pack_is_refused(tmp_path):
    with pytest.raises(PackError, match=r"is not a pack: it has no pack.json; give a folder that has one"):
        Pack.open(tmp_path)
    (tmp_path / "pack.json").write_text("{")
    with pytest.raises(PackError, match="it is not JSON"):
        Pack.open(tmp_path)


def test_a_half_pack_says_which_way_it_cannot_go(tmp_path):
    new = new_pack()
    pack = write_pack(tmp_path / "horse", NewPack("horse", new.encoder, None, ("ab", "ab"), 32))
    pack.load_encoder()
    with pytest.raises(PackError, match=r"the pack 'horse' .* has no decoder, because it is of a one-way model"):
        pack.load_decoder()


@torch.no_grad()
def test_a_pack_with_skip_connections_says_so_and_plugs_only_into_its_like(tmp_path, image):
    halves = encoder("skip", width=4, blocks=1), decoder("skip", width=4, blocks=1)
    for half in halves:
        initialise(half, torch.Generator().manual_seed(0))
    pack = write_pack(tmp_path / "a", NewPack("a", *halves, (SPACE, SPACE), 64))
    card = json.loads((pack.folder / "pack.json").read_text())
    assert card["version"] == 2
    assert card["encoder"]["latent"] == {"channels": 16, "stride": 4, "space": SPACE, "skips": [[8, 2], [3, 1]]}
    assert pack.encoder.latent == pack.load_encoder().latent == pack.load_decoder().latent
    assert torch.equal(pack.load_decoder()(pack.load_encoder()(image)), halves[1](halves[0](image)))
    plain = write_pack(tmp_path / "b", new_pack("b"))
    card_of_plain = json.loads((plain.folder / "pack.json").read_text())
    assert card_of_plain["version"] == 1
    assert "skips" not in card_of_plain["encoder"]["latent"]
    assert not pack.encoder.latent.fits(plain.decoder.latent)
    del card["encoder"]["latent"]["skips"]
    (pack.folder / "pack.json").write_text(json.dumps(card))
    with pytest.raises(PackError, match="misstates the latent"):
        Pack.open(pack.folder).load_encoder()


@torch.no_grad()
def test_shared_blocks_are_stored_once_and_used_for_the_domains_own_place(tmp_path, image):
    one, other = new_pack("a", place=0), new_pack("b", seed=1, place=1)
    blocks = [SharedBlocks(channels=16, blocks=1, domains=2, activation="relu", norm="instance") for _ in range(2)]
    packs = publish(tmp_path / "packs", [one, other], shared=SharedPart(*blocks, SPACE))
    assert len([name for name in files(tmp_path) if name.endswith("encoder.safetensors")]) == 3
    for place, (new, pack) in enumerate(zip((one, other), packs, strict=True)):
        maps = blocks[0](new.encoder(image), place)
        assert torch.equal(pack.load_encoder()(image)[0], maps[0])
        assert torch.equal(pack.load_decoder()(maps), new.decoder(blocks[1](maps, place)))
    card = json.loads((packs[1].folder / "pack.json").read_text())
    card["encoder"]["shared"]["place"] = 2
    (packs[1].folder / "pack.json").write_text(json.dumps(card))
    with pytest.raises(PackError, match="misstates its place"):
        Pack.open(packs[1].folder).load_encoder()
    (tmp_path / "packs" / "shared" / SPACE / "shared.json").unlink()
    with pytest.raises(PackError, match=f"no folder above it has shared/{SPACE}"):
        packs[0].load_decoder()


def test_publishing_again_replaces_all_packs_together(tmp_path):
    folder = tmp_path / "packs"
    publish(folder, [new_pack("a"), new_pack("b")])
    (folder / "a" / "preview.png").write_bytes(b"old")
    again = publish(folder, [new_pack("a", "0b", 3), new_pack("b", "0b", 4)])
    assert [pack.encoder.latent.space for pack in again] == ["0b", "0b"]
    assert sorted(os.listdir(tmp_path)) == ["packs"]
    assert not (folder / "a" / "preview.png").exists()


def test_publishing_does_not_delete_a_pack_of_another_space(tmp_path):
    folder = tmp_path / "packs"
    publish(folder, [new_pack("a"), new_pack("added")])
    before = files(folder)
    with pytest.raises(PackError, match="added is no pack of this latent space, and would be lost"):
        publish(folder, [new_pack("a", "0b", 3)])
    new = new_pack()
    with pytest.raises(PackError, match="cannot be a pack, because it holds another"):
        write_pack(folder, NewPack("packs", new.encoder, None, ("a", "a"), 32))
    assert files(folder) == before


@pytest.mark.parametrize("after", [0, 3])
def test_a_full_disk_loses_nothing_old(tmp_path, monkeypatch, after):
    publish(tmp_path / "packs", [new_pack("a"), new_pack("b")])
    before, written, write = files(tmp_path), [], storage.write_synced

    def full(path, content):
        if len(written) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write(path, content)

    monkeypatch.setattr(storage, "write_synced", full)
    with pytest.raises(StorageError, match="the disk is full"):
        publish(tmp_path / "packs", [new_pack("a", "0b", 3), new_pack("b", "0b", 4)])
    assert files(tmp_path) == before


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_while_publishing_leaves_the_old_or_the_new_packs(tmp_path, renames):
    """A real process ends between two renames; the next reader finds packs of one space."""
    publish(tmp_path / "packs", [new_pack("a"), new_pack("b")])
    code = (
        "import os, sys, pathlib; sys.path.insert(0, sys.argv[1]); from test_pack import *\n"
        "rename, left = pathlib.Path.rename, [int(sys.argv[2])]\n"
        "def killed(path, to):\n"
        "    if not left[0]: os._exit(9)\n"
        "    left[0] -= 1\n"
        "    return rename(path, to)\n"
        "pathlib.Path.rename = killed\n"
        "publish(pathlib.Path('packs'), [new_pack('a', '0b', 3), new_pack('b', '0b', 4)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, os.path.dirname(__file__), str(renames)], cwd=tmp_path, check=False
    )
    assert done.returncode == 9
    found = Registry.open(tmp_path / "packs")
    assert list(found.spaces()) == [[SPACE], ["0b"]][renames]
    for pack in found.packs:
        pack.verify()
    publish(tmp_path / "packs", [new_pack("a", "0c", 5), new_pack("b", "0c", 6)])
    assert os.listdir(tmp_path) == ["packs"]


def test_packs_are_found_below_folders_but_not_hidden_ones_nor_in_a_circle(tmp_path):
    publish(tmp_path / "packs", [new_pack("alps/summer"), new_pack("winter")])
    publish(tmp_path / "packs" / ".trash", [new_pack("gone")])
    (tmp_path / "packs" / "again").symlink_to(tmp_path / "packs")
    assert folders_with("pack.json", tmp_path) == [tmp_path / "packs" / name for name in ("alps/summer", "winter")]

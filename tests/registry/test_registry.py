import os
import shutil
from pathlib import Path

import pytest
import torch
from torch.nn.functional import pad

from combogan.errors import PackError, SpaceError
from combogan.networks.blocks import initialise
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.networks.shared import SharedBlocks
from combogan.registry.copies import copy_packs, together
from combogan.registry.pack import NewPack, SharedPart, publish
from combogan.registry.registry import Registry, home

OLD, NEW = "2024-01-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"


def make_run(path, names, space, date=NEW, spaces=None, halves="both", width=4, shared=None):
    """A run with packs of untrained, tiny networks."""
    packs = []
    for index, name in enumerate(names):
        encoder, decoder = ResnetEncoder(width=width, blocks=1), ResnetDecoder(width=width, blocks=1)
        for part, network in enumerate((encoder, decoder)):
            initialise(network, torch.Generator().manual_seed(100 * int(space, 16) + 2 * index + part))
        pair = spaces[index] if spaces else (space, space)
        encoder = None if halves == "decoder" else encoder
        packs.append(NewPack(name, encoder, None if halves == "encoder" else decoder, pair, 32, {"date": date}, index))
    path.mkdir(parents=True)
    (path / "settings.toml").write_text("")
    return publish(path / "packs", packs, shared=shared)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_halves_of_two_runs_are_refused_by_name_id_and_folder(here):
    make_run(here / "runs/alps", ["summer", "winter"], "7f3a")
    make_run(here / "runs/painters", ["monet", "cezanne"], "91c0")
    with pytest.raises(SpaceError) as refused:
        Registry.open().compose("summer", "monet")
    assert str(refused.value) == (
        "'summer' belongs to latent space 7f3a (runs/alps), 'monet' to 91c0 (runs/painters); "
        "they were not trained together, and `combogan bridge RUN_A RUN_B` connects two runs."
    )


def test_with_a_space_per_direction_a_domain_is_not_translated_into_itself(here):
    make_run(here / "runs/two", ["a", "b"], "0a", spaces=[("0a", "0b"), ("0b", "0a")])
    registry = Registry.open()
    assert registry.composes("a", "b")
    assert registry.composes("b", "a")
    with pytest.raises(
        SpaceError, match=r"'a' cannot be translated into itself: its encoder belongs to latent space 0a"
    ):
        registry.compose("a", "a")


def test_an_unknown_name_gets_the_nearest(here):
    make_run(here / "runs/seasons", ["summer", "winter"], "0a")
    with pytest.raises(PackError, match=r"no pack of a domain 'wintr'\. Did you mean 'winter'\?"):
        Registry.open().compose("summer", "wintr")


def test_the_newest_space_that_holds_all_names_wins(here):
    make_run(here / "runs/old", ["summer", "winter", "fall"], "0a", OLD)
    make_run(here / "runs/new", ["summer", "winter"], "0b", NEW)
    registry = Registry.open()
    assert list(registry.spaces()) == ["0b", "0a"]
    choice = registry.choose("summer", ["winter"])
    assert (choice.space, choice.others, home(choice.source)) == ("0b", 1, Path("runs/new"))
    choice = registry.choose("summer", ["winter", "fall"])
    assert (choice.space, choice.others, list(choice.targets)) == ("0a", 0, ["winter", "fall"])
    assert registry.pack("summer").encoder.latent.space == "0b"
    assert registry.pack("summer", space="0a").encoder.latent.space == "0a"
    with pytest.raises(PackError, match="latent space 0b holds no 'fall'"):
        registry.pack("fall", space="0b")


def test_no_space_with_all_targets_is_refused_though_each_can_be_reached(here):
    make_run(here / "runs/one", ["summer", "winter"], "0a")
    make_run(here / "runs/other", ["summer", "fall"], "0b")
    with pytest.raises(SpaceError, match="no latent space holds 'summer' and all of 'winter', 'fall', though each"):
        Registry.open().choose("summer", ["winter", "fall"])


def test_a_one_way_model_is_refused_the_other_way(here):
    make_run(here / "runs/horses", ["horse"], "0a", halves="encoder")
    make_run(here / "runs/zebras", ["zebra"], "0a", halves="decoder")
    registry = Registry.open()
    registry.compose("horse", "zebra")
    with pytest.raises(PackError, match=r"nothing can be translated from 'zebra', because its pack .* has no encoder"):
        registry.compose("zebra", "horse")
    with pytest.raises(PackError, match=r"nothing can be translated into 'horse', .* has no decoder"):
        registry.compose("horse", "horse")


def test_halves_that_claim_one_space_but_differ_in_shape_are_refused(here):
    make_run(here / "runs/one", ["summer"], "0a", width=4)
    make_run(here / "runs/other", ["winter"], "0a", width=2)
    with pytest.raises(SpaceError, match="'summer' gives latents of 16 channels at stride 4, 'winter' takes 8"):
        Registry.open().compose("summer", "winter")


@torch.no_grad()
def test_composing_equals_calling_the_halves_by_hand_to_the_bit(here):
    a, b = make_run(here / "runs/seasons", ["a", "b"], "0a")
    image = torch.rand(1, 3, 16, 24) * 2 - 1
    assert torch.equal(Registry.open().compose("a", "b")(image), b.load_decoder()(a.load_encoder()(image)))


@torch.no_grad()
@pytest.mark.parametrize("size", [(37, 53), (5, 9), (1, 1), (2, 31), (16, 6)])
def test_any_size_is_kept_and_padded_only_to_the_right_and_below(here, size):
    a, b = make_run(here / "runs/seasons", ["a", "b"], "0a")
    image = torch.rand(1, 3, *size) * 2 - 1
    padded = image
    for axis, side in enumerate(size):
        missing = max(8, (side + 3) // 4 * 4) - side
        mirrored = [side - 2 - step for step in range(missing)] if missing < side else [side - 1] * missing
        padded = padded.index_select(axis + 2, torch.tensor([*range(side), *mirrored]))
    by_hand = b.load_decoder()(a.load_encoder()(padded))[..., : size[0], : size[1]]
    translated = Registry.open().compose("a", "b")(image)
    assert translated.shape == image.shape
    assert torch.equal(translated, by_hand)
    if size == (37, 53):
        assert torch.equal(padded, pad(image, (0, 3, 0, 3), mode="reflect"))


def test_a_registry_opens_runs_packs_folders_single_packs_and_folders_of_runs(here):
    make_run(here / "runs/seasons", ["summer", "alps/winter"], "0a")
    for path in ("runs", "runs/seasons", "runs/seasons/packs"):
        assert Registry.open(path).names == ["alps/winter", "summer"]
    assert Registry.open("runs/seasons/packs/summer").names == ["summer"]
    assert Registry.open("runs/seasons/packs/alps").names == ["alps/winter"]
    os.chdir("runs/seasons/packs")
    assert Registry.open(".").names == ["alps/winter", "summer"]


def test_without_paths_runs_here_and_the_home_folder_are_looked_through(here):
    with pytest.raises(PackError, match=r"there are no packs in runs/\*/packs below this folder, nor in ~/.combogan"):
        Registry.open()
    make_run(here / "runs/seasons", ["summer"], "0a")
    copy_packs(make_run(here / "elsewhere", ["monet"], "0b"), Path.home() / ".combogan" / "packs")
    assert Registry.open().names == ["monet", "summer"]


def test_places_without_packs_are_refused(here):
    with pytest.raises(PackError, match="there is no folder gone; give a run, a packs folder or a pack"):
        Registry.open("gone")
    (here / "empty").mkdir()
    with pytest.raises(PackError, match="empty has no packs; give a run"):
        Registry.open("empty")
    (here / "empty" / "settings.toml").write_text("")
    with pytest.raises(PackError, match="empty has no packs yet; `combogan train --resume empty` publishes them"):
        Registry.open("empty")


def test_copies_of_a_pack_count_once(here):
    packs = make_run(here / "runs/seasons", ["summer", "winter"], "0a")
    copy_packs(packs, here / "runs" / "copy" / "packs")
    assert len(Registry.open().packs) == 2


def test_a_damaged_card_is_an_error_only_when_its_pack_is_used(here):
    make_run(here / "runs/seasons", ["summer", "winter", "fall"], "0a")
    (here / "runs/seasons/packs/fall/pack.json").write_text("{")
    registry = Registry.open()
    registry.compose("summer", "winter")
    with pytest.raises(PackError, match=r"fall/pack.json is damaged: it is not JSON"):
        registry.compose("summer", "fall")


def test_packs_are_copied_to_the_byte_with_what_they_share(here):
    blocks = [SharedBlocks(channels=16, blocks=1, domains=2, activation="relu", norm="instance") for _ in range(2)]
    packs = make_run(here / "runs/shared", ["alps/summer", "winter"], "0a", shared=SharedPart(*blocks, "0a"))
    (packs[0].folder / "preview.png").write_bytes(b"a preview")
    assert len(copy_packs(packs, here / "copy")) == 3
    assert files(here / "copy") == files(here / "runs/shared/packs")
    assert copy_packs(packs, here / "copy") == []
    shutil.rmtree(here / "runs")
    Registry.open("copy").compose("winter", "alps/summer")


def test_a_copy_never_replaces_a_different_pack(here):
    one = make_run(here / "runs/one", ["fall", "summer"], "0a")
    other = make_run(here / "runs/other", ["summer"], "0b")
    copy_packs(other, here / "copy")
    before = files(here / "copy")
    with pytest.raises(PackError, match="summer is another pack already; copy to another folder, or move it away"):
        copy_packs(one, here / "copy")
    assert files(here / "copy") == before
    (one[0].folder / "encoder.safetensors").write_bytes(b"damaged")
    with pytest.raises(PackError, match="damaged"):
        copy_packs(one[:1], here / "copy")
    assert files(here / "copy") == before


def test_packs_to_copy_are_of_one_space_where_there_is_one(here):
    make_run(here / "runs/old", ["summer", "winter"], "0a", OLD)
    make_run(here / "runs/new", ["summer"], "0b", NEW)
    registry = Registry.open()
    assert [pack.encoder.latent.space for pack in together(registry, ["summer", "winter"])] == ["0a", "0a"]
    assert [pack.encoder.latent.space for pack in together(registry, ["summer"])] == ["0b"]

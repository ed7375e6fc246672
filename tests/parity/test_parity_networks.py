"""The same weights give the same pictures: published checkpoints, imported as packs and composed by name."""

import pytest
import torch
from published import COMBOGAN, CYCLEGAN, TRAINED, Published

from combogan.errors import SpaceError
from combogan.networks.discriminator import discriminator
from combogan.published.checkpoint import read_combogan, read_cyclegan
from combogan.published.packs import write_packs
from combogan.registry.registry import Registry
from combogan.settings import Settings
from combogan.training import building

NAMES = ["summer", "winter", "spring"]  # not in alphabetical order, in which runs number domains with shared blocks
BAR = 1e-5


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    found = {}
    for name in COMBOGAN:
        published = Published(name)
        original = read_combogan(published.folder, NAMES[: published.count])
        folder = tmp_path_factory.mktemp(name) / "packs"
        write_packs(original, folder)
        found[name] = published, original, Registry.open(folder)
    return found


@pytest.mark.parametrize("name", COMBOGAN)
@torch.no_grad()
def test_every_encoder_gives_the_published_latents(imported, name):
    published, original, registry = imported[name]
    for i, domain in enumerate(original.names):
        latent = registry.pack(domain).load_encoder()(published.image("images")[i : i + 1])
        assert published.apart(latent[0], f"latent_{i}") < BAR


@pytest.mark.parametrize("name", COMBOGAN)
@torch.no_grad()
def test_every_translation_is_the_published_one(imported, name):
    published, original, registry = imported[name]
    for i, source in enumerate(original.names):
        image = published.image("images")[i : i + 1]
        latent = registry.pack(source).load_encoder()(image)
        for j, target in enumerate(original.names):
            assert published.apart(registry.pack(target).load_decoder()(latent), f"translate_{i}_{j}") < BAR
            if original.one_space or i != j:
                assert published.apart(registry.compose(source, target)(image), f"translate_{i}_{j}") < BAR
            else:
                with pytest.raises(SpaceError, match="into itself"):
                    registry.compose(source, target)


@pytest.mark.parametrize("name", COMBOGAN)
@torch.no_grad()
def test_a_picture_that_is_not_square_is_translated_as_published(imported, name):
    published, original, registry = imported[name]
    found = registry.compose(*original.names[:2])(published.image("wide"))
    assert published.apart(found, "translate_wide_0_1") < BAR


@pytest.mark.parametrize("name", TRAINED)
@torch.no_grad()
def test_every_discriminator_gives_the_published_scores(imported, name, monkeypatch):
    published, original, _ = imported[name]
    for i, domain in enumerate(original.names):
        network, image = original.discriminators[domain].network, published.image("images")[i : i + 1]
        fast = network(image)
        with monkeypatch.context() as plain:
            plain.setattr(torch.backends.mkldnn, "enabled", False)
            maps = network(image)
        assert f"disc_{i}_out{len(maps)}" not in published.numbers
        for k, scores in enumerate(maps):
            assert published.apart(scores, f"disc_{i}_out{k}") < BAR
            # oneDNN rounds more on some CPUs (AVX2: by 3e-5), and instance norms of a few pixels amplify that.
            assert published.apart(fast[k], f"disc_{i}_out{k}") < 10 * BAR


@pytest.mark.parametrize("name", CYCLEGAN)
@torch.no_grad()
def test_halves_of_a_cyclegan_generator_give_its_pictures(tmp_path, name):
    published = Published(name)
    files = [published.folder / f"latest_net_G_{letter}.pth" for letter in "AB"]
    write_packs(read_cyclegan(files, ["zebra", "horse"]), tmp_path)
    registry = Registry.open(tmp_path)
    image = published.image("images")
    assert published.apart(registry.compose("zebra", "horse")(image), "G_A") < BAR
    assert published.apart(registry.compose("horse", "zebra")(image), "G_B") < BAR


@pytest.mark.parametrize(("preset", "side"), [("cyclegan", 30), ("paper", 35)])
@torch.no_grad()
def test_a_patch_discriminator_scores_as_many_patches_as_published(preset, side):
    shape = building.discriminator_shape(Settings.load(preset, {"discriminator.width": 1}))
    (scores,) = discriminator(**shape)(torch.zeros(1, 3, 256, 256))
    assert scores.shape == (1, 1, side, side)

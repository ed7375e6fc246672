"""Runs on gray pictures of 16 bits: trained, published, scored, and joined by another domain."""

import numpy as np
import pytest
from gray_samples import sixteen_bits, write_domain
from trainers import Listener, start

from combogan.data.pictures import open_picture
from combogan.errors import DomainError, SettingsError, SpaceError
from combogan.evaluation.run import evaluate
from combogan.networks.decoder import decoder
from combogan.networks.encoder import encoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.runs.add_domain import onto_packs
from combogan.runs.bridge import _refuse_unfitting
from combogan.runs.bridge_card import End
from combogan.settings import Settings
from combogan.translation.translator import Translator

GRAY = {"images.channels": 1, "images.depth": 16}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(("ct", "mr", "pet")):
        write_domain(folder / name / "train", lambda seed, shift=10 * seed: sixteen_bits(seed=seed + shift), ".png")
        write_domain(folder / name / "test", lambda seed, shift=10 * seed: sixteen_bits(seed=seed + shift + 5), ".tif")
    return folder


@pytest.fixture
def settings(tiny):
    more = {"schedule.iterations": 2, "losses.heads": 1.0, "losses.style": 0.1, "run.precision": "auto"}
    paired = {"losses.paired": 10.0, "discriminator.sees": "both"}  # pictures of all domains have the same names
    return tiny.changed({**GRAY, **more, **paired})


def test_a_run_on_16_bits_is_trained_published_scored_and_joined(settings, pictures, tmp_path):
    trainer = start(settings, ["ct", "mr"], tmp_path / "run", Listener(), data=pictures)
    assert trainer.run(lambda: False)
    assert trainer.engine.batches.images("ct", 0).shape == (1, 1, 32, 32)
    kept = Settings.load(tmp_path / "run" / "settings.toml")
    assert (kept.images.channels, kept.images.depth, kept.run.precision) == (1, 16, "float32")
    registry = Registry.open(tmp_path / "run")
    assert [(pack.depth, pack.encoder.channels) for pack in registry.packs] == [(16, 1), (16, 1)]
    assert open_picture(registry.pack("ct").folder / "preview.png").rgb.mode == "RGB"
    translated = Translator(registry)("ct", "mr", pictures / "ct" / "test" / "0.tif")
    assert translated.mode == "I;16"
    assert len(np.unique(np.asarray(translated))) > 256
    scores = evaluate(tmp_path / "run")
    assert {(pair.source, pair.target) for pair in scores.pairs} == {("ct", "mr"), ("mr", "ct")}
    assert all(0 <= pair.translation.edges <= 1 for pair in scores.pairs)

    usual = settings.changed({"images.channels": 3, "images.depth": 8})
    prepared = onto_packs("pet", tmp_path / "run", usual, given={}, data=pictures, out=None, tell=lambda _: None)
    assert (prepared.settings.images.channels, prepared.settings.images.depth) == (1, 16)


def test_what_does_not_go_with_16_bits_is_refused(tiny, pictures, tmp_path):
    with pytest.raises(SettingsError, match="colour of 16 bits cannot be read; set images.channels to 1"):
        tiny.changed({"images.depth": 16})
    with pytest.raises(SettingsError, match="bfloat16 rounds values to 8 bits"):
        tiny.changed({**GRAY, "run.precision": "bfloat16"})
    with pytest.raises(DomainError, match="'summer' are 8-bit colour, but images.channels is 1"):
        start(tiny.changed({"images.channels": 1}), ["summer", "winter"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_bridge_leads_from_gray_to_colour(tmp_path):
    ends = []
    for channels, space in ((1, "0a"), (3, "0b")):
        shape = {"width": 4, "blocks": 1, "channels": channels}
        (pack,) = publish(tmp_path / space, [NewPack("x", encoder(**shape), decoder(**shape), (space, space), 32)])
        ends.append(End(str(tmp_path / space), {"x": str(pack.folder)}))
    with pytest.raises(SpaceError, match="whose images have 1 channels, and .* with 3"):
        _refuse_unfitting(*ends)

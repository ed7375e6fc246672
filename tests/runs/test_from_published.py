"""A run that goes on from an import."""

from pathlib import Path

import pytest
import torch
from trainers import resume

from combogan.errors import ComboganError, OriginalError, SpaceError
from combogan.published.checkpoint import read_combogan
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry
from combogan.runs.add_domain import add_domain
from combogan.runs.from_published import settings_of, start_run

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
TWO, THREE = ["a", "b"], ["a", "b", "c"]


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
    trainer = resume(run)
    trainer.engine.residents.bring(names)
    image = torch.rand(1, 3, 48, 48)
    for source in names:
        with torch.no_grad():
            latent = Registry.open(run).pack(source).load_encoder()(image)[0]
            torch.testing.assert_close(trainer.engine.domains[source].encode(image)[0], latent, rtol=0, atol=1e-3)
    assert trainer.iteration == 0
    assert trainer.run()
    changes = {"schedule.iterations": 1}
    if name == "shared":
        with pytest.raises(SpaceError, match="share blocks"):
            add_domain("spring", run=run, changes=changes)
    else:
        assert Pack.open(add_domain("spring", run=run, changes=changes)).domain == "spring"


def test_a_run_keeps_the_networks_of_its_import(tmp_path):
    original = read_combogan(FIXTURES / "vanilla", ["summer", "winter"])
    with pytest.raises(ComboganError, match=r"\[networks\]"):
        start_run(original, ["summer", "winter"], tmp_path / "run", changes={"networks.width": 8})
    assert not (tmp_path / "run").exists()

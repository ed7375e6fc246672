"""pix2pix's training in our step: aligned domains learn from their own pairs, others as before."""

import json

import pytest
import torch
from trainers import Listener, resume, start, states

import combogan
from combogan.data.alignment import common_name
from combogan.data.scenes import ScenePictures
from combogan.errors import DomainError, SettingsError
from combogan.evaluation.run import open_run
from combogan.evaluation.truth import shared
from combogan.networks.blocks import Dropout
from combogan.registry.registry import Registry
from combogan.runs.prepare import prepare
from combogan.runs.run import start as begin
from combogan.seeding import numbers
from combogan.training import building
from combogan.training.report import Quiet
from combogan.training.step import step
from combogan.translation.sources import own_pictures

PAIRED = ["summer=scenes-paired/summer", "winter=scenes-paired/winter", "fall=scenes-paired/fall"]
MIXED = [*PAIRED, "spring"]


@pytest.fixture
def paired(tiny):
    return tiny.changed({"losses.paired": 10.0, "discriminator.sees": "both"})


@pytest.fixture
def unet(paired):
    changes = {"images.size": 64, "images.load": 64, "networks.kind": "unet", "networks.depth": 6}
    return paired.changed({**changes, "networks.norm": "batch", "networks.dropout": 0.5})


def same(one, other):
    return all(one[part][name].equal(value) for part in other for name, value in other[part].items())


def losses(settings, *, aligned):
    device = torch.device("cpu")
    a, b = (building.new_domain(name, settings, device) for name in "ab")
    x, y = (torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    about = {"objective": building.objective(settings), "rate": 1e-3, "precision": torch.float32}
    chance = lambda purpose, name: numbers(0, purpose, 0, name)  # noqa: E731
    return step(a, b, x, y, chance=chance, aligned=aligned, **about)


def test_only_an_aligned_pair_has_a_paired_loss(paired):
    assert "paired" in losses(paired, aligned=True)["a"]
    assert "paired" not in losses(paired, aligned=False)["a"]
    assert "cycle" in losses(paired, aligned=True)["a"]


def test_without_a_weight_the_way_back_is_not_computed(paired):
    changed = paired.changed({"losses.cycle": 0.0, "losses.latent": 0.0})
    assert set(losses(changed, aligned=True)["a"]) == {"gan", "paired", "identity", "forward", "discriminator"}


def test_a_run_of_aligned_domains_and_another_one_stops_and_goes_on_to_the_same_bits(paired, tmp_path):
    paired = paired.changed({"schedule.pairs": "rounds", "schedule.iterations": 12})
    listener = Listener()
    whole = begin(prepare(paired, MIXED, out=tmp_path / "whole", tell=listener.tell), Quiet())
    assert whole.run()
    assert "'fall' and 'summer': 300 training pictures pair up by name." in listener.said
    assert not any("spring" in said for said in listener.said)
    trainer = start(paired, MIXED, tmp_path / "stopped")
    trainer.run(lambda: trainer.iteration == 7)
    assert resume(tmp_path / "stopped").run()
    assert same(states(tmp_path / "stopped"), states(tmp_path / "whole"))


@pytest.mark.parametrize("skips", [True, False])
def test_a_unet_is_trained_published_and_takes_in_a_domain(unet, tmp_path, skips):
    run = combogan.train(unet.changed({"networks.skips": skips}), PAIRED[:2], out=tmp_path / "run")
    registry = combogan.Registry.open(run)
    image = torch.rand(1, 3, 40, 50)
    assert registry.compose("summer", "winter")(image).shape == image.shape
    assert len(registry.pack("summer").encoder.latent.skips) == (5 if skips else 0)
    combogan.add_domain(PAIRED[2], run=run, changes={"schedule.iterations": 3})
    assert combogan.Registry.open(run).compose("fall", "winter")(image).shape == image.shape


def test_a_unet_with_dropout_stops_and_goes_on_to_the_same_bits(unet, tmp_path):
    whole = combogan.train(unet, PAIRED[:2], out=tmp_path / "whole")
    trainer = start(unet, PAIRED[:2], tmp_path / "stopped")
    trainer.engine.residents.bring(["summer"])
    assert any(isinstance(module, Dropout) for module in trainer.engine.domains["summer"].decoder.modules())
    trainer.run(lambda: trainer.iteration == 5)
    assert resume(tmp_path / "stopped").run()
    assert same(states(tmp_path / "stopped"), states(whole))


def test_domains_without_common_names_are_refused(paired):
    with pytest.raises(DomainError, match=r"'summer' and 'winter' do not pair up by name .*, nor do any others"):
        prepare(paired, ["summer", "winter"])


def test_without_a_way_back_every_pair_that_is_trained_must_pair_up(paired, tmp_path):
    paired = paired.changed({"losses.cycle": 0.0})
    with pytest.raises(DomainError, match=r"'summer' and 'spring' do not pair up .* without a way back"):
        prepare(paired, MIXED)
    run = combogan.train(paired, PAIRED[:2], out=tmp_path / "run")
    with pytest.raises(DomainError, match=r"'spring' and '(summer|winter)' do not pair up"):
        combogan.add_domain("spring", run=run)


def test_settings_that_do_not_go_together_are_refused(tiny, unet):
    with pytest.raises(SettingsError, match="needs losses.paired"):
        tiny.changed({"discriminator.sees": "both"})
    with pytest.raises(SettingsError, match="cannot see both"):
        tiny.changed({"losses.paired": 1.0, "discriminator.sees": "both", "discriminator.kind": "split"})
    with pytest.raises(SettingsError, match="multiple of 64"):
        unet.changed({"images.size": 96, "images.load": 96})
    with pytest.raises(SettingsError, match="no shared blocks"):
        unet.changed({"networks.shared_encoder_blocks": 1})


@pytest.fixture
def folders(tmp_path):
    """Drawn pairs in two folders without test folders; three pictures of summer have no counterpart."""
    for season, end, first in (("summer", "_A.png", 0), ("winter", "_B.jpg", 3)):
        scenes = ScenePictures(season, "train", paired=True)
        (tmp_path / season).mkdir()
        for index in range(first, 40):
            scenes.picture(index, 32).save(tmp_path / season / f"{index}{end}")
    return tmp_path


def names(pictures):
    return set(map(common_name, pictures.names))


def test_pairs_in_folders_are_validated_and_tested_against_counterparts_that_nobody_trains_on(paired, folders):
    paired = paired.changed({"run.validate_every": 4, "schedule.iterations": 4})
    prepared = prepare(paired, ["summer", "winter"], data=folders, out=folders / "run")
    summer, winter = prepared.sources.values()
    held = names(summer.test) | names(winter.test) | names(summer.validation) | names(winter.validation)
    assert not held & (names(summer.train) | names(winter.train))
    assert begin(prepared, Quiet()).run()
    logged = [json.loads(line) for line in (folders / "run" / "log.jsonl").read_text().splitlines()]
    assert any("psnr" in str(line.get("validation")) for line in logged)
    tested = open_run(folders / "run").sources
    assert [one.test.names for one in tested] == [summer.test.names, winter.test.names]
    assert shared(*tested)
    pack = Registry.open(folders / "run").pack("winter")
    assert [source.name for source in own_pictures(pack)] == list(winter.test.names)


def test_one_domain_with_a_test_folder_and_one_without_are_refused(paired, folders):
    (folders / "winter").rename(folders / "train")
    (folders / "winter" / "test").mkdir(parents=True)
    (folders / "train").rename(folders / "winter" / "train")
    for name in ("3_B.jpg", "4_B.jpg"):
        (folders / "winter" / "train" / name).rename(folders / "winter" / "test" / name)
    with pytest.raises(DomainError, match="'summer' has no test folder but 'winter' has, so counterparts of pictures"):
        prepare(paired, ["summer", "winter"], data=folders)

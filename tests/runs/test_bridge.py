"""A bridge between two runs changes no file of theirs, and makes their halves compose."""

import json
import shutil

import pytest
import torch
from trainers import Listener, resume, states

import combogan
from combogan.data.pictures import to_image
from combogan.data.scenes import ScenePictures
from combogan.errors import DomainError, PackError, RunError, SpaceError, WorkersError
from combogan.evaluation.run import open_run
from combogan.registry.bridge import Bridge
from combogan.registry.copies import bridges_between, copy_packs, together
from combogan.registry.registry import Registry
from combogan.runs.add_domain import add_domain
from combogan.runs.bridge import between
from combogan.runs.run import start as begin
from combogan.translation.directions import pairs
from combogan.translation.translator import Translator

TRAINED = {}
"""Runs that were trained once, by their settings; a test gets copies."""


def two(settings, folder, **other):
    """Two runs trained apart; the second with other settings where some are given."""
    both = {"a": (["summer", "fall"], {}), "b": (["winter", "spring"], {"run.seed": 1, **other})}
    key = (settings.toml(), str(other))
    if key not in TRAINED:
        made = {
            name: combogan.train(settings.changed(c), d, out=folder / "first" / name) for name, (d, c) in both.items()
        }
        TRAINED[key] = {name: files(run) for name, run in made.items()}
    for name, content in TRAINED[key].items():
        for path, data in content.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(data)
    return folder / "a", folder / "b"


@pytest.fixture
def runs(tiny, tmp_path):
    return two(tiny.changed({"networks.kind": "skip", "schedule.iterations": 8}), tmp_path)


def prepared(runs, out, changes=None):
    return between(*runs, data=None, out=out, changes=changes or {}, tell=print)


def files(folder):
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def picture(season):
    return to_image(ScenePictures(season, "test").picture(0, 32)).unsqueeze(0)


def test_a_bridge_leads_both_ways_and_both_runs_stay_the_same_to_the_byte(runs, tmp_path):
    before = [files(run) for run in runs]
    trainer = begin(prepared(runs, tmp_path / "bridge"), Listener())
    assert trainer.course.iterations == 2, "a quarter of the iterations of one run"
    assert trainer.run()
    assert [files(run) for run in runs] == before
    assert any("unchanged: the 4 packs" in line for line in trainer.results())
    for season in ("summer", "winter"):
        copied, own = (place / "packs" / season for place in (tmp_path / "bridge", runs[season == "winter"]))
        assert {path.name: path.read_bytes() for path in copied.iterdir()} == {
            path.name: path.read_bytes() for path in own.iterdir()
        }
    registry = Registry.open(tmp_path / "bridge")
    names = ["summer", "fall", "winter", "spring"]
    for source in names:
        for target in names:
            assert registry.compose(source, target)(picture(source)).shape == (1, 3, 32, 32)
    assert pairs(registry, ["winter"], ["all"]) == {"winter": ["fall", "spring", "summer"]}
    assert pairs(registry, ["all"], ["spring"]).keys() == {"summer", "fall", "winter"}
    at_once = Translator(registry, precision="float32").translate("winter", ["spring", "summer"], picture("winter"))
    for target, image in at_once.items():
        alone = registry.compose("winter", target)(picture("winter"))
        assert torch.allclose(image, alone, atol=1e-5)
    assert all(open_run(tmp_path / "bridge").composes(*names[place : place + 2]) for place in range(3))


def test_the_adapters_stand_between_the_halves_and_only_in_crossing_directions(runs, tmp_path):
    combogan.bridge(*runs, out=tmp_path / "bridge")
    (bridge,) = Registry.open(tmp_path / "bridge").bridges
    a, b = (Registry.open(run) for run in runs)
    registry = Registry.open(*runs, bridge.folder)  # the pack of a bridge works beside those of its runs
    space = a.pack("summer").encoder.latent.space
    maps = a.pack("summer").load_encoder()(picture("summer"))
    expected = b.pack("winter").load_decoder()(bridge.load(space)(maps))
    assert torch.equal(registry.compose("summer", "winter")(picture("summer")), expected)
    inside = a.compose("summer", "fall")(picture("summer"))
    assert torch.equal(registry.compose("summer", "fall")(picture("summer")), inside)


def test_only_adapters_and_discriminators_learn(runs, tmp_path):
    trainer = begin(prepared(runs, tmp_path / "bridge", {"schedule.iterations": 4}), Listener())
    domains = trainer.engine.domains
    saved = resume(runs[0]).engine.domains["fall"].state()
    trainer.pretraining.run(lambda: False)
    assert all(torch.equal(value, saved[name]) for name, value in domains["fall"].state().items())
    halves = [half for one in domains.values() for half in one.published()]
    before = [value.clone() for half in halves for value in half.state_dict().values()]
    shared = domains["fall"].shared
    assert shared is domains["summer"].shared
    assert domains["winter"].shared is None
    adapters = [value.clone() for value in shared.generator_group.networks.parameters()]
    assert trainer.run()
    assert all(
        torch.equal(one, now)
        for one, now in zip(before, [v for half in halves for v in half.state_dict().values()], strict=True)
    )
    assert not any(
        torch.equal(one, now) for one, now in zip(adapters, shared.generator_group.networks.parameters(), strict=True)
    )
    assert shared.generator_group.updates == 4
    weights = [name for name in saved if name.startswith("discriminator/weights/")]
    assert not any(torch.equal(domains["fall"].state()[name], saved[name]) for name in weights)


def test_the_discriminator_of_a_domain_that_was_added_to_a_run_is_trained_further(runs, tmp_path):
    add_domain("scenes/summer=scenes/summer", run=runs[1], changes={"schedule.iterations": 2})
    listener = Listener()
    trainer = begin(prepared(runs, tmp_path / "bridge"), listener)
    trainer.pretraining.run(lambda: False)
    saved = states(runs[1] / "added" / "scenes" / "summer")["scenes/summer"]
    found = trainer.engine.domains["scenes/summer"].state()
    assert all(torch.equal(value, saved[name]) for name, value in found.items())
    assert not any("fresh" in message for message in listener.said)


def test_a_bridge_stops_and_goes_on_to_the_same_bits(runs, tmp_path):
    made = []
    for name, stop_after in (("whole", None), ("stopped", 3)):
        listener = Listener()
        trainer = begin(prepared(runs, tmp_path / name, {"schedule.iterations": 6}), listener)
        trainer.run(lambda seen=listener.iterations, stop=stop_after: len(seen) == stop)
        if stop_after is not None:
            assert not (tmp_path / name / "packs").exists()
            assert resume(tmp_path / name, {}, listener).run()
        (bridge,) = Registry.open(tmp_path / name).bridges
        made.append([(bridge.folder / f"{way}.safetensors").read_bytes() for way in ("there", "back")])
    assert made[0] == made[1]


@pytest.mark.parametrize("change", [{"networks.kind": "resnet"}, {"networks.kind": "unet", "networks.depth": 3}])
def test_a_bridge_fits_every_kind_of_network_also_of_other_widths(tiny, tmp_path, change):
    runs = two(tiny.changed({**change, "schedule.iterations": 4}), tmp_path, **{"networks.width": 8})
    combogan.bridge(*runs, out=tmp_path / "bridge")
    registry = Registry.open(tmp_path / "bridge")
    for source, target in (("summer", "winter"), ("spring", "fall")):
        assert registry.compose(source, target)(picture(source)).shape == (1, 3, 32, 32)


def test_runs_with_images_of_other_sizes_are_connected(tiny, tmp_path):
    settings = tiny.changed({"networks.kind": "skip", "schedule.iterations": 16})
    runs = two(settings, tmp_path, **{"images.size": 24, "images.load": 24})
    trainer = begin(prepared(runs, tmp_path / "bridge", {"schedule.iterations": 8}), Listener())
    assert trainer.run()
    fakes = trainer.engine.domains["winter"].pool.fakes
    assert {fake.shape[-1] for fake in fakes} == {32}
    assert len(fakes) == settings.optimizer.pool


def test_a_bridge_goes_on_without_workers_and_only_where_its_runs_are(runs, tmp_path):
    trainer = begin(prepared(runs, tmp_path / "bridge"), Listener())
    assert not trainer.run(lambda: True)
    with pytest.raises(WorkersError, match="cannot be spread over workers"):
        resume(tmp_path / "bridge", {"run.workers": 2})
    runs[1].rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=r"b/packs/\w+/.* is gone since this training began, .*; put it back"):
        resume(tmp_path / "bridge")
    (tmp_path / "elsewhere").rename(runs[1])
    weights = runs[1] / "packs" / "winter" / "encoder.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content + b" ")
    with pytest.raises(RunError, match=r"winter/encoder\.safetensors has changed since this training began"):
        resume(tmp_path / "bridge")
    weights.write_bytes(content)
    assert resume(tmp_path / "bridge").run()


def test_the_best_validated_bridge_is_published(tiny, tmp_path):
    settings = tiny.changed({"networks.kind": "skip", "run.validate_every": 2})
    runs = two(settings, tmp_path)
    listener = Listener()
    combogan.bridge(*runs, out=tmp_path / "bridge", changes={"schedule.iterations": 4}, report=listener)
    best = [iteration for iteration, is_best in listener.validations if is_best][-1]
    (bridge,) = Registry.open(tmp_path / "bridge").bridges
    assert bridge.about["iterations"] == best
    assert [iteration for iteration, _ in listener.validations] == [2, 4]


def test_where_no_bridge_fits_it_is_said_why(tiny, runs, tmp_path):
    other = combogan.train(
        tiny.changed({"networks.kind": "resnet", "schedule.iterations": 1}), ["winter", "spring"], out=tmp_path / "c"
    )
    with pytest.raises(
        SpaceError, match=r"hand over 16 channels at stride 4, .*with 16 channels at stride 4: the maps"
    ):
        prepared([runs[0], other], tmp_path / "x")
    shutil.copytree(runs[0], tmp_path / "same")
    with pytest.raises(SpaceError, match="have the same latent space"):
        prepared([runs[0], tmp_path / "same"], tmp_path / "x")
    again = combogan.train(
        tiny.changed({"run.seed": 2, "networks.kind": "skip"}), ["fall", "winter"], out=tmp_path / "d"
    )
    with pytest.raises(DomainError, match=r"'fall' is a domain of .*a and of .*d, and a name can only be one of them"):
        prepared([runs[0], again], tmp_path / "x")
    shutil.rmtree(again / "packs")
    with pytest.raises(PackError, match="has no packs yet"):
        prepared([runs[0], again], tmp_path / "x")
    alone = combogan.train(
        tiny.changed({"losses.identity": 0.0, "schedule.iterations": 1}), ["fall", "winter"], out=tmp_path / "e"
    )
    with pytest.raises(SpaceError, match=r"no latent space that a bridge could join: .* two separate spaces"):
        prepared([runs[0], alone], tmp_path / "x")
    with pytest.raises(RunError, match="there is no run"):
        prepared([runs[0], tmp_path / "nothing"], tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_bridge_takes_no_domain_and_is_no_end_of_another(runs, tmp_path):
    bridge = combogan.bridge(*runs, out=tmp_path / "bridge", changes={"schedule.iterations": 1})
    for use in (lambda: add_domain("winter", run=bridge), lambda: prepared([bridge, runs[0]], tmp_path / "x")):
        with pytest.raises(RunError, match=r"is a bridge between .*a and .*b, which has no domains of its own"):
            use()


def test_a_damaged_bridge_is_refused(runs, tmp_path):
    combogan.bridge(*runs, out=tmp_path / "bridge", changes={"schedule.iterations": 1})
    (bridge,) = Registry.open(tmp_path / "bridge").bridges
    weights = bridge.folder / "back.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\1\2\3\4")
    with pytest.raises(PackError, match=r"back.safetensors is damaged or was replaced"):
        bridge.verify()
    with pytest.raises(PackError, match=r"back.safetensors is damaged or was replaced"):
        Registry.open(tmp_path / "bridge").compose("winter", "summer")
    weights.write_bytes(whole)
    card = bridge.folder / "bridge.json"
    fields = json.loads(card.read_text())
    fields["back"]["given"]["channels"] += 1
    card.write_text(json.dumps(fields))
    with pytest.raises(PackError, match=r"bridge.json is damaged: .* do not lead from one latent space to another"):
        Bridge.open(bridge.folder)
    registry = Registry.open(tmp_path / "bridge")
    with pytest.raises(PackError, match=r"bridge.json is damaged"):
        registry.compose("winter", "summer")
    assert registry.compose("winter", "spring")


def test_packs_of_both_runs_are_copied_with_the_bridge_between_them(runs, tmp_path):
    combogan.bridge(*runs, out=tmp_path / "bridge", changes={"schedule.iterations": 1})
    registry = Registry.open(tmp_path / "bridge")
    packs = together(registry, ["summer", "winter"])
    copy_packs(packs, tmp_path / "copies", bridges_between(registry, packs))
    copies = Registry.open(tmp_path / "copies")
    assert copies.names == ["summer", "winter"]
    assert torch.equal(*(one.compose("winter", "summer")(picture("winter")) for one in (registry, copies)))
    assert bridges_between(registry, [registry.pack("summer"), registry.pack("fall")]) == []


def test_a_pack_that_changes_meanwhile_is_noticed(runs, tmp_path):
    trainer = begin(prepared(runs, tmp_path / "bridge"), Listener())
    (runs[1] / "packs" / "winter" / "pack.json").write_bytes(b"{}")
    with pytest.raises(PackError, match=r"winter/pack.json has changed while the bridge was built"):
        trainer.run()
    assert not (tmp_path / "bridge" / "packs").exists()


def test_a_card_of_something_else_is_damaged(runs, tmp_path):
    begin(prepared(runs, tmp_path / "bridge"), Listener()).run(lambda: True)
    card = tmp_path / "bridge" / "bridging.json"
    whole = json.loads(card.read_text())
    damages = {"it does not name the packs and their files": {"files": {}}, "a.run: Field required": {"a": {}}}
    for why, damage in damages.items():
        card.write_text(json.dumps(whole | damage))
        with pytest.raises(RunError, match=rf"bridging.json is damaged \({why}\)"):
            resume(tmp_path / "bridge")

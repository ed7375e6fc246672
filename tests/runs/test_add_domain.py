"""Invariant 7: adding a domain changes no old file."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from trainers import Listener, onto_run, resume, start, states

import combogan
from combogan.data.pictures import to_image
from combogan.data.scenes import ScenePictures
from combogan.errors import DomainError, PackError, RunError, SpaceError
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry
from combogan.runs.add_domain import add_domain, onto_packs
from combogan.runs.growth_card import Growth, is_growth
from combogan.runs.prepare import prepare, prepare_resume
from combogan.runs.run import parts_of
from combogan.runs.run import start as begin


@pytest.fixture
def run(tiny, tmp_path):
    return combogan.train(tiny, ["summer", "fall"], out=tmp_path / "run")


def weights(folder):
    names = ("pack.json", "encoder.safetensors", "decoder.safetensors", "preview.png")
    return {name: (folder / name).read_bytes() for name in names}


def picture(season):
    return to_image(ScenePictures(season, "test").picture(0, 32)).unsqueeze(0)


def test_old_packs_are_the_same_to_the_byte_and_new_pairs_work_at_once(run):
    before = {name: weights(run / "packs" / name) for name in ("summer", "fall")}
    said = Listener()
    add_domain("winter", run=run, changes={"schedule.iterations": 5}, report=said)
    assert {name: weights(run / "packs" / name) for name in before} == before
    registry = Registry.open(run)
    assert len({half.latent.space for pack in registry.packs for half in pack.halves.values()}) == 1
    for source, target in (("winter", "summer"), ("fall", "winter"), ("winter", "winter")):
        assert registry.compose(source, target)(picture(source)).shape == (1, 3, 32, 32)


def test_only_the_new_domains_halves_learn_and_the_old_discriminators_learn_in_a_copy(tiny, run):
    saved = resume(run).engine.domains["summer"].state()
    prepared = onto_run("winter", run, {"schedule.iterations": 4})
    trainer = begin(prepared, Listener())
    trainer.pretraining.run(lambda: False)
    discriminators = {n: copied(d.state(), "discriminator/weights/") for n, d in trainer.engine.domains.items()}
    halves = {n: [p.clone() for h in d.published() for p in h.parameters()] for n, d in trainer.engine.domains.items()}
    assert all(torch.equal(value, saved[name]) for name, value in discriminators["summer"].items()), (
        "discriminators begin as the run left them"
    )
    trainer.run()
    for name, domain in trainer.engine.domains.items():
        now = [p for half in domain.published() for p in half.parameters()]
        moved = [not torch.equal(a, b) for a, b in zip(halves[name], now, strict=True)]
        assert all(moved) if name == "winter" else not any(moved)
    met = [
        name
        for name, domain in trainer.engine.domains.items()
        if name != "winter" and domain.updates > prepared_updates(run, name)
    ]
    for name in met:
        now = trainer.engine.domains[name].state()
        assert not all(torch.equal(value, now[key]) for key, value in discriminators[name].items())
    assert met
    assert trainer.engine.domains["winter"].updates == 4


def copied(state, prefix):
    return {name: value.clone() for name, value in state.items() if name.startswith(prefix)}


def prepared_updates(run, name):
    return Registry.open(run).pack(name).about["updates"]


def test_two_domains_added_separately_translate_into_each_other(run):
    add_domain("winter", run=run, changes={"schedule.iterations": 2})
    add_domain("spring", run=run, changes={"schedule.iterations": 2})
    assert Registry.open(run).compose("winter", "spring")(picture("winter")).shape == (1, 3, 32, 32)


def test_the_discriminator_of_a_domain_that_was_added_before_is_trained_further(run):
    add_domain("winter", run=run, changes={"schedule.iterations": 2})
    listener = Listener()
    trainer = begin(onto_run("spring", run, {"schedule.iterations": 2}), listener)
    trainer.pretraining.run(lambda: False)
    saved = states(run / "added" / "winter")["winter"]
    found = trainer.engine.domains["winter"].state()
    assert found
    assert all(torch.equal(value, saved[name]) for name, value in found.items())
    assert not any("fresh" in message for message in listener.said)


def test_a_growth_stops_and_goes_on_to_the_same_bits(tiny, tmp_path):
    packs = []
    for name, stop_after in (("whole", None), ("stopped", 3)):
        run = combogan.train(tiny, ["summer", "fall"], out=tmp_path / name)
        listener = Listener()
        prepared = onto_run("winter", run, {"schedule.iterations": 6}, report=listener)
        begin(prepared, listener).run(lambda seen=listener.iterations, stop=stop_after: len(seen) == stop)
        if stop_after is not None:
            assert not (run / "packs" / "winter").exists()
            assert is_growth(run / "added" / "winter")
            assert resume(run / "added" / "winter", {}, listener).run()
        packs.append({n: weights(run / "packs" / "winter")[n] for n in ("encoder.safetensors", "decoder.safetensors")})
    assert packs[0] == packs[1]


def test_what_workers_draw_pairs_with_holds_no_pictures(tiny, run, tmp_path):
    prepared = [prepare(tiny, ["summer", "fall"], out=tmp_path / "other", tell=print), onto_run("winter", run)]
    pairs = [
        {frozenset(pickle.loads(pickle.dumps(parts_of(one).draw()))(number)) for number in range(9)} for one in prepared
    ]
    assert pairs == [{frozenset(["summer", "fall"])}, {frozenset(["winter", "summer"]), frozenset(["winter", "fall"])}]
    assert all(len(pickle.dumps(parts_of(one).draw())) < 500 for one in prepared)


def stopped_growth(run):
    prepared = onto_run("winter", run, {"schedule.iterations": 2})
    begin(prepared, Listener()).run(lambda: True)
    return prepared.card


def test_a_growth_goes_on_in_a_run_that_was_moved(run, tmp_path):
    stopped_growth(run)
    shutil.copytree(run, tmp_path / "copy")
    run.rename(tmp_path / "moved")
    before = weights(tmp_path / "moved" / "packs" / "summer")
    assert resume(tmp_path / "moved" / "added" / "winter").run()
    assert weights(tmp_path / "moved" / "packs" / "summer") == before
    registry = Registry.open(tmp_path / "moved")
    assert registry.compose("winter", "fall")(picture("winter")).shape == (1, 3, 32, 32)
    assert not (tmp_path / "copy" / "packs" / "winter").exists()


def test_the_card_of_a_growth_has_absolute_paths_only_to_what_lies_outside(tiny, run, tmp_path, monkeypatch):
    made = stopped_growth(run)
    folder = run / "added" / "winter"
    card = json.loads((folder / "growth.json").read_text())
    assert (card["packs"]["fall"], card["target"], card["discriminators"]) == (
        "../../packs/fall",
        "../../packs/winter",
        "../..",
    )
    assert "../../packs/fall/pack.json" in card["files"]
    assert Growth.read(folder) == made
    monkeypatch.chdir(tmp_path)
    alone = onto_packs("winter", run, tiny, given={}, data=None, out=Path("alone"), tell=print)
    Path("alone").mkdir()
    Path("alone/growth.json").write_bytes(alone.card.content(Path("alone")))
    card = json.loads(Path("alone/growth.json").read_text())
    assert (card["packs"]["fall"], card["target"]) == (str(run / "packs" / "fall"), "packs/winter")
    assert Growth.read(Path("alone")) == alone.card


def test_a_card_that_holds_absolute_paths_alone_is_still_read(run):
    made = stopped_growth(run)
    folder = run / "added" / "winter"
    (folder / "growth.json").write_text(json.dumps(vars(made)))
    assert Growth.read(folder) == made
    assert resume(folder).run()


def test_old_pictures_that_are_gone_are_looked_for_in_the_folder_of_data(tiny, tmp_path):
    for season in ("summer", "fall"):
        (tmp_path / "old" / season).mkdir(parents=True)
        for index in range(4):
            scene = ScenePictures(season, "train").picture(index, 40)
            scene.save(tmp_path / "old" / season / f"{index}.png")
    run = combogan.train(
        tiny.changed({"schedule.iterations": 1}), ["summer", "fall"], data=tmp_path / "old", out=tmp_path / "run"
    )
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(DomainError, match=r"give --data DIR with a folder of its name"):
        onto_run("spring", run, {})
    prepared = onto_run("spring", run, data=tmp_path / "new")
    assert prepared.settings.domains["fall"] == str(tmp_path / "new" / "fall")


def test_frozen_halves_stay_frozen_also_in_what_no_gradient_changes(tiny, tmp_path):
    settings = tiny.changed({"networks.norm": "batch", "networks.dropout": 0.5, "run.sample_every": 1})
    run = combogan.train(settings, ["summer", "fall"], out=tmp_path / "run")
    prepared = onto_run("winter", run, {"schedule.iterations": 3})
    trainer = begin(prepared, Listener())
    old = [trainer.engine.domains[name] for name in ("summer", "fall")]
    before = [value.clone() for one in old for half in one.published() for value in half.state_dict().values()]
    assert trainer.run()
    trainer.engine.residents.bring(["summer", "fall"])
    frozen = [half for one in old for half in (one.encoder, one.decoder)]
    assert not any(module.training for half in frozen for module in half.modules())
    assert not any(weight.requires_grad for half in frozen for weight in half.parameters())
    after = [value for half in frozen for value in half.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_domain_is_added_to_packs_alone_with_pictures_of_one_old_domain(tiny, run, tmp_path, monkeypatch):
    (run / "packs").rename(tmp_path / "packs")
    monkeypatch.chdir(tmp_path)
    target = add_domain("winter", registry=tmp_path / "packs", settings=tiny, changes={"schedule.iterations": 2})
    assert target == tmp_path / "runs" / "winter" / "packs" / "winter"
    both = Registry.open(tmp_path / "packs", tmp_path / "runs" / "winter")
    assert both.compose("winter", "summer")(picture("winter")).shape == (1, 3, 32, 32)


def test_an_added_domain_is_updated_0_6_times_as_often_as_those_of_the_run(tiny, tmp_path):
    settings = tiny.changed({"schedule.iterations": 15})
    run = combogan.train(settings, ["summer", "fall", "spring"], out=tmp_path / "three")  # 15 pairs: each is in 10
    assert onto_run("winter", run, {}).course.iterations == 6


def test_the_pictures_or_the_name_of_an_old_domain_are_refused(tiny, tmp_path):
    for name, season in (("photo", "summer"), ("monet", "fall")):
        (tmp_path / name).mkdir()
        for index in range(4):
            ScenePictures(season, "train").picture(index, 40).save(tmp_path / name / f"{index}.png")
    words = [f"{name}={tmp_path / name}" for name in ("photo", "monet")]
    run = combogan.train(tiny, words, out=tmp_path / "run")
    with pytest.raises(DomainError, match="'other' would be the pictures of 'monet'"):
        add_domain(f"other={tmp_path / 'monet'}", run=run)
    with pytest.raises(DomainError, match="'monet' already has a pack there"):
        add_domain("monet", run=run)


def test_no_more_threads_are_taken_than_this_machine_has(run):
    card = run / "settings.toml"
    card.write_text(card.read_text().replace("\nthreads = 1\n", "\nthreads = 999\n"))
    assert onto_run("winter", run, {}).settings.run.threads == torch.get_num_threads()
    assert onto_run("winter", run, {"run.threads": 7}).settings.run.threads == 7, "unless they are asked for"


def test_packs_decide_the_networks_of_a_domain_that_is_added_to_them(tiny, run):
    other = tiny.changed({"networks.width": 24, "networks.kind": "skip"})
    prepared = onto_packs("winter", run, other, given={}, data=None, out=Path("alone"), tell=print)
    assert prepared.settings.networks == tiny.networks
    with pytest.raises(SpaceError, match=r"networks.width cannot be 24, because .* have 4; leave it out"):
        onto_packs("winter", run, other, given={"networks.width": 24}, data=None, out=Path("alone"), tell=print)


def test_pictures_have_the_size_of_the_packs_unless_another_is_given(tiny, run):
    other = tiny.changed({"images.size": 64, "images.load": 72})
    for given, sizes in (({}, (32, 36)), ({"images.size": 64}, (64, 72))):
        images = onto_packs("winter", run, other, given=given, data=None, out=None, tell=print).settings.images
        assert (images.size, images.load) == sizes


def test_a_domain_joins_networks_with_skip_connections_and_heads(tiny, tmp_path):
    settings = tiny.changed(
        {"networks.kind": "skip", "losses.heads": 1.0, "losses.style": 1.0, "schedule.autoencode": 2}
    )
    run = combogan.train(settings, ["summer", "fall"], out=tmp_path / "run")
    before = {path: path.read_bytes() for path in sorted((run / "packs").rglob("*.*"))}
    pack = combogan.add_domain("winter", run=run, changes={"schedule.iterations": 2})
    assert all(path.read_bytes() == content for path, content in before.items())
    image = picture("winter")
    assert not torch.equal(Pack.open(pack).load_encoder()(image)[2], image), "its encoder has learned to change it"
    assert torch.equal(Pack.open(run / "packs" / "fall").load_encoder()(image)[2], image)
    image = torch.zeros(1, 3, 20, 33)
    for source, target in (("winter", "summer"), ("fall", "winter"), ("winter", "winter")):
        assert Registry.open(run).compose(source, target)(image).shape == image.shape
    alone = combogan.add_domain("spring", registry=run / "packs", settings=settings, out=tmp_path / "alone")
    assert Pack.open(alone).encoder.latent == Pack.open(pack).encoder.latent


def test_heads_are_not_switched_on_for_domains_that_have_none(run):
    with pytest.raises(RunError, match=r"losses\.heads cannot be switched on or off"):
        add_domain("winter", run=run, changes={"losses.heads": 1.0})
    assert not (run / "added").exists()
    with pytest.raises(RunError, match=r"losses\.heads cannot be switched on or off"):
        resume(run, {"losses.heads": 1.0})


def test_a_run_with_added_domains_is_not_trained_further(run):
    add_domain("winter", run=run, changes={"schedule.iterations": 1})
    with pytest.raises(RunError, match=r"domains were added to .*, so it is not trained further"):
        resume(run, {"schedule.iterations": 20})


def test_a_run_to_which_a_domain_is_being_added_waits_for_it_or_goes_on_without_it(run):
    trainer = begin(onto_run("winter", run, {"schedule.iterations": 4}), Listener())
    assert not trainer.run(lambda: True)
    with pytest.raises(RunError, match=r"'winter' is being added to .*; finish that .*, or delete .*added/winter\."):
        resume(run, {"schedule.iterations": 20})
    weights = run / "packs" / "fall" / "encoder.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content + b" ")
    with pytest.raises(RunError, match=r"fall/encoder\.safetensors has changed since this training began"):
        resume(run / "added" / "winter")
    weights.write_bytes(content)
    shutil.rmtree(run / "added" / "winter")
    assert resume(run, {"schedule.iterations": 9}).run()


def test_discriminators_of_other_networks_are_refused_in_a_sentence(run):
    card = run / "settings.toml"
    before, _, after = card.read_text().partition("[discriminator]")
    card.write_text(before + "[discriminator]" + after.replace("width = 4", "width = 8", 1))
    with pytest.raises(RunError, match=r"does not fit the settings of the run .*\[discriminator\] must stay"):
        add_domain("winter", run=run, changes={"schedule.iterations": 1})


def test_a_name_that_differs_in_capitals_only_is_taken(run, tmp_path):
    with pytest.raises(DomainError, match=r"'fall' already has a pack there"):
        add_domain(f"FALL={tmp_path}", run=run)


def test_the_space_of_a_growth_is_inherited_whatever_its_identity_loss(run):
    stopped_growth(run)
    growth = prepare_resume(run / "added" / "winter", {"losses.identity": 0.0}, tell=print)
    assert growth.one_space
    alone = growth.settings.model_copy(update={"domains": dict(list(growth.settings.domains.items())[:2])})
    assert replace(growth, settings=alone).one_space
    assert not replace(growth, settings=alone, card=None).one_space


def test_a_growth_that_has_lost_its_card_is_begun_again_only_when_it_is_deleted(run):
    stopped_growth(run)
    (run / "added" / "winter" / "growth.json").unlink()
    with pytest.raises(RunError, match=r"growth.json is missing; delete .*winter and add the domain again"):
        add_domain("winter", run=run)
    shutil.rmtree(run / "added" / "winter")
    add_domain("winter", run=run, changes={"schedule.iterations": 1})


def test_a_growth_that_has_lost_its_card_is_not_taken_for_a_run(run):
    add_domain("winter", run=run, changes={"schedule.iterations": 1})
    (run / "added" / "winter" / "growth.json").unlink()
    with pytest.raises(RunError, match=r"growth.json is missing; delete .*winter and add the domain again"):
        resume(run / "added" / "winter", {"schedule.iterations": 20})


def test_where_no_domain_can_join_it_is_said_why(tiny, tmp_path, run):
    two = combogan.train(
        tiny.changed({"losses.identity": 0.0, "schedule.iterations": 1}), ["summer", "fall"], out=tmp_path / "2"
    )
    with pytest.raises(SpaceError, match="a->b and b->a are two separate spaces"):
        add_domain("winter", run=two)
    settings = tiny.changed({"networks.shared_encoder_blocks": 1, "schedule.iterations": 1})
    shared = combogan.train(settings, ["summer", "fall"], out=tmp_path / "shared")
    with pytest.raises(SpaceError, match="share blocks that know only them"):
        add_domain("winter", run=shared)
    with pytest.raises(DomainError, match="'fall' already has a pack there"):
        add_domain("fall", run=run)
    with pytest.raises(DomainError, match="Did you mean 'winter'"):
        add_domain("wintr", run=run)
    with pytest.raises(RunError, match=r"networks cannot change"):
        add_domain("winter", run=run, changes={"networks.width": 8})


def test_an_old_pack_that_changes_meanwhile_is_noticed(run):
    prepared = onto_run("winter", run, {"schedule.iterations": 2})
    trainer = begin(prepared, Listener())
    (run / "packs" / "fall" / "pack.json").write_bytes(b"{}")
    with pytest.raises(PackError, match=r"fall/pack.json has changed while 'winter' was added"):
        trainer.run()
    assert not (run / "packs" / "winter").exists()


def test_a_run_that_still_trains_takes_no_domain(tiny, tmp_path):
    trainer = start(tiny, ["summer", "fall"], tmp_path / "run")

    def meanwhile():
        with pytest.raises(RunError, match="another process is training in"):
            onto_run("winter", tmp_path / "run", {})
        return False

    assert trainer.run(meanwhile)


def test_packs_that_are_all_damaged_are_named(run):
    for card in (run / "packs").rglob("pack.json"):
        card.write_text("{")
    with pytest.raises(PackError, match=r"pack.json is damaged"):
        add_domain("winter", run=run)


def test_discriminators_of_damaged_checkpoints_begin_new(run):
    for file in (run / "checkpoints").rglob("fall.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    listener = Listener()
    trainer = begin(onto_run("winter", run, {"schedule.iterations": 2}), listener)
    trainer.pretraining.run(lambda: False)
    assert [domain.updates for domain in trainer.engine.domains.values()] == [0, 0, 0]
    assert sum("beginning with a fresh one" in message for message in listener.said) == 2


def test_a_card_of_other_domains_is_refused(run):
    stopped_growth(run)
    card = run / "added" / "winter" / "growth.json"
    whole = json.loads(card.read_text())
    for change in ({"name": "spring", "target": "../../packs/spring"}, {"packs": {"summer": whole["packs"]["summer"]}}):
        card.write_text(json.dumps(whole | change))
        with pytest.raises(RunError, match=r"the card in .*winter is damaged: the settings there name"):
            resume(run / "added" / "winter")
    card.write_text("[]")
    with pytest.raises(RunError, match=r"growth.json is damaged \(the file: Input should be an object\)"):
        resume(run / "added" / "winter")


NOT_NAMED = "it does not name the old packs and their files"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"packs": {}}, NOT_NAMED),
        ({"name": 5}, "name: Input should be a valid string"),
        ({"files": {}}, NOT_NAMED),
        ({"target": None}, "target: Input should be a valid string"),
        ({"target": "../../packs/fall"}, "its target is not where the new pack belongs"),
        ({"target": ""}, "its target is not where the new pack belongs"),
    ],
)
def test_a_card_of_something_else_is_damaged(run, change, why):
    stopped_growth(run)
    card = run / "added" / "winter" / "growth.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(RunError, match=rf"growth.json is damaged \({why}\)"):
        resume(run / "added" / "winter")

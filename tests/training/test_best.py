"""Validation changes nothing that trains; the best checkpoint stays, and packs are made of it."""

import json

import pytest
import torch
import trainers
from safetensors.torch import load_file
from trainers import Listener, all_states, onto_run, resume

import combogan
from combogan.data import scenes
from combogan.data.scenes import ScenePictures
from combogan.errors import DivergedError, RunError
from combogan.evaluation.page_curves import read_curves
from combogan.registry.registry import Registry
from combogan.runs.prepare import prepare, prepare_resume
from combogan.runs.run import start as begin
from combogan.settings import Settings
from combogan.training import publishing
from combogan.training.checkpoint import Checkpoints
from combogan.training.folder import RunFolder
from combogan.training.trainer import Trainer

SEASONS = ["summer", "winter", "fall"]


@pytest.fixture(autouse=True)
def _few_scenes(monkeypatch):
    monkeypatch.setattr(scenes, "TRAIN", 30)


@pytest.fixture
def settings(tiny):
    return tiny.changed({"run.validate_every": 2, "run.keep": 1, "schedule.autoencode": 2})


def start(settings, out, report=None, domains=SEASONS):
    return trainers.start(settings, domains, out, report)


def checkpoints(run):
    return Checkpoints(run / "checkpoints", keep=9)


def saved(run):
    return [checkpoint.iteration for checkpoint in checkpoints(run).complete()]


def lines(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def said_best(monkeypatch, **scores):
    """Validations as if they had measured these: iteration -> dB."""
    monkeypatch.setattr(
        Trainer, "measure", lambda self, halves: {"psnr": float(scores.get(f"at{halves.iteration}", 0))}
    )


def assert_packs_are_of(run, iteration):
    states = all_states(checkpoints(run).at(iteration))
    for season in SEASONS:
        for part in ("encoder", "decoder"):
            pack = load_file(run / "packs" / season / f"{part}.safetensors")
            averages = {name: states[season][f"generator/average/{part}.{name}"] for name in pack}
            assert all(torch.equal(pack[name], averages[name]) for name in pack)
        about = Registry.open(run).pack(season).about
        assert about["iterations"] == iteration
        assert about["updates"] == int(states[season]["discriminator/updates"])


@pytest.mark.parametrize("at_once", [1, 2])
def test_when_a_run_is_validated_changes_no_bit_of_it(settings, tmp_path, at_once):
    settings = settings.changed({"run.pairs_at_once": at_once, "schedule.pairs": "rounds", "run.publish": "last"})
    for every in (2, 4):
        changed = settings.changed({"run.validate_every": every})
        start(changed, tmp_path / str(every), domains=[*SEASONS, "spring"]).run()
    two, four = (all_states(checkpoints(tmp_path / every).at(8)) for every in ("2", "4"))
    assert two.keys() == four.keys()
    for part, tensors in two.items():
        assert all(torch.equal(value, four[part][name]) for name, value in tensors.items())
    for path in (tmp_path / "2" / "packs").rglob("*.safetensors"):
        assert path.read_bytes() == (tmp_path / "4" / path.relative_to(tmp_path / "2")).read_bytes()
    assert [line["iteration"] for line in lines(tmp_path / "4") if "validation" in line] == [4, 8]
    assert lines(tmp_path / "2")[-1]["validation"] == lines(tmp_path / "4")[-1]["validation"]


def test_nothing_that_is_held_out_is_trained_on(settings, tmp_path):
    trainer = start(settings, tmp_path / "run")
    sources = prepare(settings, SEASONS).sources
    for name, source in sources.items():
        assert not {*trainer.engine.batches.pictures[name].names} & {*source.validation.names}
        assert len(trainer.engine.batches.pictures[name]) == 27


def test_without_validation_all_pictures_are_trained_on_and_the_last_weights_published(tiny, tmp_path):
    trainer = start(tiny, tmp_path / "run")
    assert trainer.run()
    sources = prepare(tiny, SEASONS).sources
    assert all(source.validation is None and len(source.train) == 30 for source in sources.values())
    assert not any("validation" in line for line in lines(tmp_path / "run"))
    assert not any("best" in line for line in trainer.results())
    assert_packs_are_of(tmp_path / "run", 8)
    for preset in ("paper", "original", "cyclegan"):
        assert Settings.load(preset).run.validate_every == 0


def test_the_best_checkpoint_stays_and_packs_are_made_of_it(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at2=17, at4=19.26, at6=18)
    trainer = start(settings, tmp_path / "run")
    assert trainer.run()
    assert trainer.journal.report.validations == [(2, True), (4, True), (6, False), (8, False)]
    assert saved(tmp_path / "run") == [4, 8]
    assert_packs_are_of(tmp_path / "run", 4)
    assert "best:      validation of iteration 4 (19.3 dB); packs are of it, samples of the last" in trainer.results()
    assert read_curves(tmp_path / "run").best == 4


def test_a_setting_publishes_the_last_weights_and_the_best_stay_all_the_same(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at4=19)
    trainer = start(settings.changed({"run.publish": "last"}), tmp_path / "run")
    assert trainer.run()
    assert saved(tmp_path / "run") == [4, 8]
    assert_packs_are_of(tmp_path / "run", 8)
    assert "best:      validation of iteration 4 (19.0 dB); packs are of the last iteration" in trainer.results()


def test_packs_are_not_written_again_as_long_as_the_best_stays(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at2=18, at6=19)
    written, write = [], publishing.publish

    def publish(folder, packs, **shared):
        written.append(packs[0].about["iterations"])
        return write(folder, packs, **shared)

    monkeypatch.setattr(publishing, "publish", publish)
    start(settings.changed({"run.checkpoint_every": 1}), tmp_path / "run").run()
    assert written == [1, 2, 6]


@pytest.mark.parametrize("killed_at", [5, 7])
def test_the_best_survives_a_kill(settings, tmp_path, monkeypatch, killed_at):
    run = tmp_path / "run"
    said_best(monkeypatch, at2=19, at4=18, at6=18)
    with pytest.raises(KeyboardInterrupt):
        start(settings, run, Listener(fail_at=killed_at)).run()
    again = resume(run)
    assert again.iteration == {5: 3, 7: 6}[killed_at]
    assert again.best.iteration == 2
    assert again.run()
    assert again.journal.report.validations == [(now, False) for now in (4, 6, 8) if now > {5: 3, 7: 6}[killed_at]]
    assert saved(run) == [2, 8]
    assert_packs_are_of(run, 2)
    assert [line["iteration"] for line in lines(run) if "validation" in line] == [2, 4, 6, 8]
    more = resume(run, {"schedule.iterations": 10}, Listener())
    said_best(monkeypatch, at10=20)
    assert more.run()
    assert saved(run) == [10]
    assert_packs_are_of(run, 10)


def damage(run, iteration):
    file = next((run / "checkpoints" / f"{iteration:06d}").glob("*.safetensors"))  # those that were trained since
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def test_a_best_checkpoint_that_is_damaged_makes_way_for_the_last(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at2=19)
    run = tmp_path / "run"
    start(settings, run).run()
    damage(run, 2)
    again = resume(run)
    assert again.run()
    assert (
        "is not what was saved; it had the best validation, but packs are of the last weights."
        in again.journal.report.said[0]
    )
    assert_packs_are_of(run, 8)


def test_what_was_validated_after_the_checkpoint_that_is_gone_on_from_does_not_count(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at2=15, at4=17, at6=19)
    run = tmp_path / "run"
    start(settings.changed({"run.keep": 9}), run).run()
    for iteration in (6, 8):
        damage(run, iteration)
    again = resume(run)
    assert again.iteration == again.best.iteration == 4
    assert again.run()
    assert_packs_are_of(run, 6)


def test_log_tensorboard_and_page_agree(settings, tmp_path):
    start(settings, tmp_path / "run").run()
    logged = {line["iteration"]: line["validation"] for line in lines(tmp_path / "run") if "validation" in line}
    assert [*logged] == [2, 4, 6, 8]
    assert all(set(measured) == {"psnr", "ssim", "edges"} for measured in logged.values())
    curves = read_curves(tmp_path / "run")
    assert curves.validation["psnr"] == [(now, measured["psnr"]) for now, measured in logged.items()]
    assert curves.best == max(logged, key=lambda now: logged[now]["psnr"])
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    shown = [(event.step, event.value) for event in events.Scalars("validation/psnr")]
    assert shown == [(now, pytest.approx(measured["psnr"])) for now, measured in logged.items()]


def test_shared_blocks_are_published_from_the_best_too(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at4=19)
    blocks = {"networks.shared_encoder_blocks": 1, "networks.shared_decoder_blocks": 1, "schedule.autoencode": 0}
    start(settings.changed(blocks), tmp_path / "run").run()
    state = checkpoints(tmp_path / "run").at(4).state("_shared")
    (file,) = (tmp_path / "run" / "packs" / "shared").rglob("decoder.safetensors")
    assert all(torch.equal(value, state[f"average/decoder.{name}"]) for name, value in load_file(file).items())
    assert_packs_are_of(tmp_path / "run", 4)


def folder_of(path, season, count):
    path.mkdir(parents=True)
    for index in range(count):
        ScenePictures(season, "train").picture(index, 40).save(path / f"{index}.png")
    return f"{season}={path}"


def test_too_few_pictures_mean_no_validation_for_the_whole_run(settings, tmp_path):
    word, listener = folder_of(tmp_path / "few", "fall", 10), Listener()
    prepared = prepare(settings, ["summer", word], tell=listener.tell)
    assert listener.said == [
        "Training without validation, and publishing the last weights: too few training pictures ('fall' has 9)."
    ]
    assert prepared.settings.run.validate_every == 0
    assert all(source.validation is None for source in prepared.sources.values())


def test_validation_cannot_begin_on_pictures_that_were_trained_on(tiny, tmp_path):
    start(tiny, tmp_path / "run").run(lambda: True)
    with pytest.raises(RunError, match="validate_every cannot be switched on or off when a run goes on"):
        resume(tmp_path / "run", {"run.validate_every": 2}, Listener())


def test_a_run_that_goes_on_holds_out_what_it_held_out(settings, tmp_path):
    start(settings, tmp_path / "run").run(lambda: True)
    with pytest.raises(RunError, match="validate_every cannot be switched on or off when a run goes on"):
        resume(tmp_path / "run", {"run.validate_every": 0}, Listener())
    assert prepare_resume(tmp_path / "run", {"run.validate_every": 3}).settings.run.validate_every == 3


def test_pictures_held_out_that_change_are_announced_and_no_best_is_kept_of_them(settings, tmp_path):
    words = [folder_of(tmp_path / season, season, 20) for season in ("summer", "winter")]
    trainer = start(settings.changed({"schedule.iterations": 1}), tmp_path / "run", domains=words)
    trainer.run()
    held = prepare(settings, words).sources["summer"].validation.names[0]
    ScenePictures("winter", "train").picture(9, 40).save(tmp_path / "summer" / held)
    again = resume(tmp_path / "run")
    assert again.journal.report.said == [
        "the pictures of 'summer' have changed since; training goes on with the new ones.",
        "What was the best on other pictures no longer counts; the next validation is the best.",
    ]
    assert again.best.found is None


def test_a_validation_that_is_no_number_stops_the_run(settings, tmp_path, monkeypatch):
    said_best(monkeypatch, at2="nan")
    with pytest.raises(DivergedError, match="the psnr of the validation is nan by iteration 2"):
        start(settings, tmp_path / "run").run()


def test_an_added_domain_is_validated_and_published_from_its_best(settings, tmp_path, monkeypatch):
    run = combogan.train(settings, ["summer", "fall"], out=tmp_path / "run")
    measure = Trainer.measure
    said_best(monkeypatch, at2=19)
    listener = Listener()
    prepared = onto_run("winter", run, {"schedule.iterations": 4}, report=listener)
    trainer = begin(prepared, listener)
    assert len(prepared.sources["winter"].validation) == 9
    assert trainer.run()
    assert listener.validations == [(2, True), (4, False)]
    state = checkpoints(run / "added" / "winter").at(2).state("winter")
    pack = load_file(run / "packs" / "winter" / "decoder.safetensors")
    assert all(torch.equal(value, state[f"generator/average/decoder.{name}"]) for name, value in pack.items())
    assert Registry.open(run).pack("winter").about["iterations"] == 2
    assert RunFolder.open(run / "added" / "winter").settings().run.validate_every == 2
    monkeypatch.setattr(Trainer, "measure", measure)
    combogan.add_domain("spring", run=run, changes={"schedule.iterations": 2})
    assert read_curves(run / "added" / "spring").best == 2

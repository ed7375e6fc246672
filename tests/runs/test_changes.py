"""Other epochs."""

from trainers import start

from combogan.runs.changes import in_proportion
from combogan.runs.prepare import prepare_resume
from combogan.training.checkpoint import Checkpoints


def test_other_epochs_keep_the_share_of_them_after_which_the_rate_falls(tiny):
    settings = tiny.changed({"schedule.epochs": 100, "schedule.decay_from": 80})
    assert in_proportion({"schedule.epochs": 10, "run.seed": 3}, settings) == {
        "schedule.epochs": 10,
        "schedule.iterations": None,
        "schedule.decay_from": 8,
        "run.seed": 3,
    }
    given = {"schedule.epochs": 10, "schedule.decay_from": 3, "schedule.iterations": 5}
    assert in_proportion(given, settings) == given
    assert in_proportion({"run.seed": 3}, settings) == {"run.seed": 3}


def test_another_size_keeps_the_share_of_a_picture_that_is_cropped(tiny):
    cropping = tiny.changed({"images.size": 32, "images.load": 36})
    assert in_proportion({"images.size": 64}, cropping) == {"images.size": 64, "images.load": 72}
    whole = tiny.changed({"images.size": 32, "images.load": 32})
    assert in_proportion({"images.size": 64}, whole) == {"images.size": 64, "images.load": 64}
    given = {"images.size": 64, "images.load": 80}
    assert in_proportion(given, whole) == given


def test_a_run_that_goes_on_for_more_epochs_keeps_its_share(tiny, tmp_path):
    settings = tiny.changed({"schedule.iterations": 1, "schedule.epochs": 10, "schedule.decay_from": 8})
    start(settings, ["summer", "winter"], tmp_path / "run").run()
    assert Checkpoints(tmp_path / "run" / "checkpoints", keep=1).complete()
    schedule = prepare_resume(tmp_path / "run", {"schedule.epochs": 20}).settings.schedule
    assert (schedule.iterations, schedule.epochs, schedule.decay_from) == (None, 20, 16)

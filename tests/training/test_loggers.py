"""What loggers are given, and that a training goes on without those that fail; each library's own files are read."""

import importlib
import json

import pytest
import trainers
from PIL import Image

from combogan.errors import SettingsError
from combogan.settings import Settings
from combogan.training import loggers
from combogan.training.loggers import IDS, Loggers, names, refuse_missing


class Memory:
    """A logger that remembers, and fails as a server does that is lost."""

    def __init__(self, folder, iteration, id):
        self.begun, self.got, self.fails = (folder.name, iteration, id), [], False
        self.id = id or "first"

    def settings(self, values):
        self.got.append(values)

    def figures(self, values, iteration):
        if self.fails:
            raise ConnectionError("the server is gone.")
        self.got.append((values, iteration))

    def grid(self, sheet, iteration):
        self.got.append((sheet.size, iteration))

    def close(self):
        self.got.append("closed")


@pytest.fixture
def memory(monkeypatch):
    """A logger of the name `aim` that is installed."""
    made = []
    monkeypatch.setattr(loggers, "import_module", lambda _: type("Module", (), {"AimLogger": staticmethod(make)}))

    def make(*given):
        made.append(Memory(*given))
        return made[-1]

    return made


def opened(folder, *choice, iteration=0, new=True, said=None):
    folder.mkdir(exist_ok=True)
    return Loggers.open(choice, folder, iteration, new=new, tell=(said if said is not None else []).append)


def test_loggers_get_settings_by_dotted_names_and_a_resumed_run_its_id(memory, tmp_path):
    first = opened(tmp_path / "run", "aim")
    first.settings({"images": {"size": 64}, "domains": {"summer": "scenes/summer"}})
    first.grid(Image.new("RGB", (8, 4)), 2)
    first.close()
    assert memory[0].begun == ("run", 0, "")
    assert memory[0].got == [{"images.size": 64, "domains.summer": "scenes/summer"}, ((8, 4), 2), "closed"]
    opened(tmp_path / "run", "aim", iteration=7, new=False)
    assert memory[1].begun == ("run", 7, "first")
    opened(tmp_path / "run", "aim")
    assert memory[2].begun == ("run", 0, "")
    (tmp_path / "run" / IDS).write_text("{damaged")
    opened(tmp_path / "run", "aim", new=False)
    assert memory[3].begun == ("run", 0, "")


def test_a_run_gives_settings_figures_and_grids(memory, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(loggers, "_is_installed", lambda name: name == "aim")
    settings = tiny.changed({"run.loggers": ["aim"], "run.checkpoint_every": 8})
    trainers.start(settings, ["summer", "winter"], tmp_path / "run").run()
    chosen, *figures, (grid, last), closed = memory[0].got
    assert (chosen["images.size"], chosen["domains.summer"], chosen["run.loggers"]) == (32, "scenes/summer", ["aim"])
    assert [iteration for _, iteration in figures] == [3, 6, 8]
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert figures[0][0]["gan/summer"] == lines[0]["losses"]["summer"]["gan"]
    assert figures[0][0]["run/rate"] == lines[0]["rate"]
    assert (grid[0] > 3 * 32, last, closed) == (True, 8, "closed")


def test_a_missing_logger_is_refused_before_anything_is_written(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(loggers, "_is_installed", lambda name: False)
    with pytest.raises(SettingsError, match=r"run\.loggers names mlflow, which is not installed"):
        trainers.start(tiny.changed({"run.loggers": ["mlflow"]}), ["summer", "winter"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_logger_that_fails_is_left_out_and_it_is_said(memory, tmp_path):
    said = []
    both = opened(tmp_path / "run", "aim", said=said)
    memory[0].fails = True
    for iteration in (1, 2):
        both.figures({"run/rate": 1.0}, iteration)
    both.close()
    assert said == ["aim failed (the server is gone); the run goes on without it, and log.jsonl has everything."]
    assert memory[0].got == []


def test_the_choice_is_a_list_and_auto_is_what_is_installed(monkeypatch):
    assert Settings.build({}).run.loggers == ("auto",)
    assert Settings.build({"run": {"loggers": ["wandb"]}}).run.loggers == ("wandb",)
    assert Settings.build({}, {"run.loggers": "wandb,mlflow"}).run.loggers == ("wandb", "mlflow")
    again = Settings.build({}, {"run.loggers": []})
    assert again.run.loggers == ()
    assert "loggers = []" in again.toml()
    with pytest.raises(
        SettingsError, match=r"setting 'run\.loggers' is 'wandbb': input should be 'auto', 'tensorboard'"
    ):
        Settings.build({}, {"run.loggers": "wandbb"})
    monkeypatch.setattr(loggers, "_is_installed", lambda name: name == "tensorboard")
    assert names(["auto"]) == names(["tensorboard", "auto"]) == ["tensorboard"]
    with pytest.raises(SettingsError) as refused:
        refuse_missing(["auto", "wandb"])
    assert str(refused.value) == (
        "run.loggers names wandb, which is not installed; pip install wandb, or leave it out."
    )
    monkeypatch.setattr(loggers, "_is_installed", lambda name: False)
    refuse_missing(["auto"])


def test_a_folder_of_a_loggers_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "nowhereinstalled").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert not loggers._is_installed("nowhereinstalled")


def test_a_logger_that_does_not_start_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise ValueError("no key.\nand more")

    monkeypatch.setattr(loggers, "import_module", lambda _: type("Module", (), {"WandbLogger": staticmethod(refuse)}))
    with pytest.raises(SettingsError) as refused:
        opened(tmp_path / "run", "wandb")
    assert str(refused.value) == "wandb of run.loggers could not be started (no key); set it up, or leave it out."


def write(folder, name):
    """Give a logger a setting, figures and a grid, stop it, and go on with it."""
    for iteration in (5, 10):
        one = opened(folder, name, iteration=iteration - 5, new=iteration == 5)
        one.settings({"images": {"size": 60 + iteration}})
        one.figures({"gan/summer": iteration / 16, "run/rate": 2e-4}, iteration)
        one.grid(Image.new("RGB", (8, 8), "red"), iteration)
        one.close()


@pytest.mark.filterwarnings("ignore")
def test_wandb_gets_figures_grids_and_settings_in_one_run(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    write(tmp_path / "run", "wandb")
    wandb.teardown()  # its process may write to the last file after a run was closed
    folders = sorted((tmp_path / "run" / "wandb").glob("offline-run-*"))
    (id,) = {json.loads((tmp_path / "run" / IDS).read_text())["wandb"]}
    assert {folder.name.rpartition("-")[2] for folder in folders} == {id}
    record = b"".join(file.read_bytes() for folder in folders for file in folder.glob("*.wandb"))
    for expected in (b"gan/summer", b"0.3125", b"0.625", b"run/rate", b"images.size"):
        assert expected in record
    assert len(list((tmp_path / "run").rglob("media/images/samples_*.png"))) == 2


@pytest.mark.filterwarnings("ignore")
def test_mlflow_gets_figures_grids_and_settings_in_one_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    write(tmp_path / "run", "mlflow")
    client = mlflow.MlflowClient()
    (found,) = client.search_runs([client.get_experiment_by_name("combogan").experiment_id])
    id = found.info.run_id
    assert (found.info.status, found.info.run_name) == ("FINISHED", "run")
    assert found.data.params == {"images.size": "65"}
    history = client.get_metric_history(id, "gan/summer")
    assert [(one.step, one.value) for one in history] == [(5, 0.3125), (10, 0.625)]
    images = [one.path for one in client.list_artifacts(id, "images") if one.path.endswith(".png")]
    assert len(images) == 2
    assert mlflow.artifacts.load_dict(f"runs:/{id}/settings.json") == {"images.size": 70}


@pytest.mark.filterwarnings("ignore")
def test_aim_gets_figures_grids_and_settings_in_one_run(tmp_path, monkeypatch):
    aim = pytest.importorskip("aim")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run", "aim")
    id = json.loads((tmp_path / "run" / IDS).read_text())["aim"]
    found = aim.Run(id, repo=str(tmp_path))  # in the process that wrote it, read_only sees nothing yet
    assert found["settings"]["images.size"] == 70
    _, values = found.get_metric("gan/summer", aim.sdk.sequence.Context({})).values.sparse_numpy()
    assert sorted(values) == [0.3125, 0.625]

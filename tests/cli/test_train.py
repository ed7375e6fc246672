"""`combogan train` and `add-domain` as a person meets them: exact sentences, exit codes, what is on disk."""

import subprocess
import sys
from functools import partial

import pytest

import combogan as package
from combogan.data.scenes import ScenePictures


@pytest.fixture
def here(tmp_path, tiny, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(tiny.toml())
    return tmp_path


def folder_of(path, season="summer", count=6, size=40):
    path.mkdir(parents=True)
    for index in range(count):
        ScenePictures(season, "train").picture(index, size).save(path / f"{index}.png")
    return path


def test_four_words_train_and_the_last_lines_say_what_to_do_next(here, called):
    command = [sys.executable, "-m", "combogan.cli.main"]
    words = ["train", "--domains", "summer,winter,fall", "--config", "tiny.toml"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-5:] == [
        "Trained 8 iterations.",
        "look at:   runs/summer-winter-fall/samples/000008.png",
        "packs:     runs/summer-winter-fall/packs",
        "translate: combogan translate --from summer --to winter --registry runs/summer-winter-fall",
        "score:     combogan evaluate runs/summer-winter-fall",
    ]
    assert "iterations: 8 (less than an epoch of 300), each domain trained 5 times" in done.stdout
    _, output, _ = called(*words)
    assert "run: runs/summer-winter-fall-2" in output
    _, output, _ = called("train", "--resume", "runs/summer-winter-fall", "--iterations", "9")
    assert "going on after iteration 8" in output
    assert "Trained 9 iterations." in output
    code, output, error = called("add-domain", "spring", "--run", "runs/summer-winter-fall", "--iterations", "2")
    assert code == 0, error
    assert "unchanged: the 3 old packs" in output


def test_a_dry_run_shows_the_plan_and_writes_nothing(here, called):
    before = set(here.rglob("*"))
    code, output, error = called("train", "--domains", "summer,winter", "--config", "tiny.toml", "--dry-run")
    assert code == 0, error
    assert "scenes/summer" in output
    assert "needs about:" in output
    assert set(here.rglob("*")) == before


def test_without_a_preset_the_first_line_says_which_and_why(here, called):
    _, output, _ = called("train", "--domains", "summer,winter", "--device", "cpu", "--dry-run")
    assert output.splitlines()[0] == (
        "Settings: quick, because training runs on the CPU; choose others with --preset or --config."
    )


def test_a_run_whose_pictures_moved_goes_on_as_the_error_says(here, tiny, called):
    resume = partial(called, "train", "--resume", "run")
    for name, season in (("photo", "summer"), ("monet", "winter")):
        folder_of(here / "old" / name, season)
    package.train(tiny.changed({"schedule.iterations": 1}), ["photo", "monet"], data="old", out="run")
    (here / "old").rename(here / "new")
    (here / "new" / "monet").rename(here / "paintings")
    code, _, error = resume()
    assert code == 2
    assert "with --domains photo=FOLDER, or with --data DIR if they are in DIR/photo." in error
    code, output, error = resume("--data", "new", "--domains", "monet=paintings", "--iterations", "2")
    assert code == 0, error
    assert "Trained 2 iterations." in output
    assert f'photo = "{here / "new" / "photo"}"' in (here / "run" / "settings.toml").read_text()
    code, output, error = resume("--iterations", "1")
    assert code == 0, error
    assert "2 iterations are done, 1 were asked for; --iterations trains further." in output


MISTAKES = {
    "no domain called": ("--domains summer,wintr", "no domain is called 'wintr'. Did you mean 'winter'?"),
    "one domain": ("--domains summer", "at least two domains are needed, but found 'summer'"),
    "the same twice": ("--domains summer,summer", "'summer'"),
    "no folder name": ("--domains summer,a..b", "'a..b' cannot be the name of a domain"),
    "no domains": ("", "no domains were named; try --domains summer,winter,spring,fall."),
    "empty folder": ("--domains summer,mine=empty", "empty"),
    "missing folder": ("--domains summer,mine=nowhere", "the folder 'nowhere' of the domain 'mine' does not exist"),
    "unknown key": (
        "--domains summer,fall --set images.sise=4",
        "there is no setting 'images.sise'. Did you mean 'size'?",
    ),
    "wrong type": ("--domains summer,fall --set images.size=big", "setting 'images.size' is 'big'"),
    "negative": (
        "--domains summer,fall --size -64",
        "setting 'images.size' is -64: input should be greater than or equal to 8.",
    ),
    "no multiple": ("--domains summer,fall --size 63", "size is 63, which is no multiple of 4"),
    "not toml": ("--domains summer,fall --config broken.toml", "broken.toml is not TOML"),
    "no preset": ("--domains summer,fall --preset papr", "no preset is called 'papr'. Did you mean 'paper'?"),
    "both": ("--domains summer,fall --preset quick --config tiny.toml", "--preset and --config were both given"),
    "two lengths": ("--domains summer,fall --epochs 2 --iterations 20", "--epochs and --iterations both say"),
    "workers": ("--domains summer,fall --workers two", "Invalid value for '--workers': give a number, or auto"),
    "no cuda": ("--domains summer,fall --device cuda", "PyTorch finds no CUDA device here; use --device cpu."),
    "no run": ("--resume nowhere", "there is no run nowhere"),
    "not a run": ("--resume empty", "empty is not a run: it has no settings.toml"),
    "resume with others": ("--resume empty --preset quick", "--preset cannot be given with --resume"),
    "no out": (
        "--domains summer,fall --dry-run --out=",
        "Invalid value for '--out': it is empty; give a path, or . for the current",
    ),
    "no resume": ("--resume=", "Invalid value for '--resume': it is empty; give a path"),
    "no data": ("--domains summer,fall --dry-run --data=", "Invalid value for '--data': it is empty; give a path"),
    "taken": (
        "--domains summer,fall --config tiny.toml --out full",
        "full is not an empty folder; choose another --out.",
    ),
    "a file": ("--domains summer,fall --config tiny.toml --out tiny.toml", "tiny.toml is not an empty folder"),
    "spaces": ("--domains photo monet,cezanne", "separate domains by commas: --domains photo,monet,cezanne"),
    "a word beside resume": ("--resume runs/here summer", "'summer' belongs to no option; leave it out"),
    "comma and space": ("--domains photo, monet", "separate domains by commas: --domains photo,monet"),
    "forgotten folder": (
        "--domains flat,harbour",
        "Where it is a folder of yours, name the folder that it lies in: --data FOLDER.",
    ),
    "unknown option": ("--domain summer,fall", "--domain"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_code_2(here, name, called):
    words, sentence = MISTAKES[name]
    (here / "empty").mkdir()
    folder_of(here / "full", count=1)
    (here / "broken.toml").write_text("[images\n")
    if name == "no cuda":
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is CUDA here")
    code, output, error = called("train", *words.split())
    assert code == 2, error
    assert error.startswith("Error: ")
    assert sentence in error
    assert error.count("\n") == 1, error
    assert "iterations:" not in output, "no plan of what cannot be done"
    assert "Traceback" not in error


def test_a_folder_that_cannot_be_written_is_said(here, called):
    code, _, error = called("train", "--domains", "summer,fall", "--config", "tiny.toml", "--out", "/proc/run")
    assert code == 2
    assert "Error: /proc/run cannot be written" in error


def test_pictures_smaller_than_the_crop_are_said_and_scaled_up(here, called):
    folder_of(here / "small", size=32)
    words = "--domains summer,mine=small --config tiny.toml --set images.size=64 --set images.load=72 --dry-run"
    code, _, error = called("train", *words.split())
    assert code == 0, error
    assert "pictures are smaller than the crop of 64 px; scaling them up." in error


def test_help_has_an_example_and_every_flag_a_sentence(called):
    for command in ("train", "add-domain"):
        _, text, _ = called(command, "--help")
        assert f"combogan {command} " in text
        options = [line for line in text.split("Options:")[1].splitlines() if line.strip().startswith("--")]
        assert len(options) > 8

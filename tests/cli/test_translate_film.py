"""The words of `combogan translate` for films."""

from functools import partial

import pytest
import torch
from click.testing import CliRunner
from drawn_films import frames, make, sound

from combogan.cli.translate import command
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.translation.film import Film
from combogan.translation.films import Parts

pytest.importorskip("av", reason="the extra `video` is not installed")


WORDS = ["--from", "summer", "--to", "winter", "--device", "cpu", "-o", "out"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a run, and a film of 2.5 seconds."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    halves = [
        (name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)) for name in ("summer", "winter")
    ]
    publish(tmp_path / "runs/seasons/packs", [NewPack(*half, ("7f3a", "7f3a"), 16) for half in halves])
    make(tmp_path / "walk.mp4", frames(25))
    return tmp_path


@pytest.fixture
def say(called):
    return partial(called, "translate", *WORDS)


def test_a_film_is_translated_and_its_flicker_is_said(here, say):
    code, stdout, _ = say("walk.mp4")
    assert code == 0
    flicker, written = stdout.splitlines()
    assert flicker.startswith("walk.mp4: flicker ")
    assert " times the source's (" in flicker
    assert flicker.endswith(" without --steady.")
    assert written == "1 file written to out."
    assert len(Film.open(here / "out/walk.mp4").times) == 25
    code, stdout, _ = say("--steady", "0", "walk.mp4")
    assert code == 0
    assert "without" not in stdout


def test_after_ctrl_c_it_is_said_how_to_go_on_and_going_on_works(here, monkeypatch, say):
    finish = Parts.finish

    def stop(parts, second, frames):
        finish(parts, second, frames)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Parts, "finish", stop)
        code, stdout, stderr = say("walk.mp4")
    assert (code, stdout) == (130, "")
    assert [line for line in stderr.splitlines() if line][-2:] == [
        "The same command with --resume goes on after the last whole second of the film.",
        "Stopped.",
    ]
    assert not (here / "out/walk.mp4").exists()
    code, _, _ = say("walk.mp4", "--resume")
    assert code == 0
    assert sound(here / "out/walk.mp4") == sound(here / "walk.mp4")


def test_what_is_no_film_is_reported_and_the_code_is_1(here, say):
    (here / "broken.mov").write_text("no film")
    code, stdout, stderr = say("broken.mov", "walk.mp4")
    assert code == 1
    assert stdout.endswith("1 file written to out.\n")
    assert "Error: 'broken.mov' is no film that can be read (" in stderr


def test_a_film_that_needs_more_than_may_be_used_is_refused_with_the_size_that_would_fit(here, say):
    code, _, stderr = say("--memory", "0.1284", "--tile", "walk.mp4")
    assert code == 1
    refused = (
        "Error: 'walk.mp4' is too large: a frame of 64 x 48 pixels, which is not tiled, needs about 0.1 GB of memory"
    )
    (said,) = [line for line in stderr.splitlines() if line.startswith(refused)]
    offered = said.split(" may be used; --size ")[1].split()[0]
    code, _, _ = say("--memory", "0.1284", "--size", offered, "walk.mp4")
    assert code == 0
    assert min(Film.open(here / "out/walk.mp4").size) == int(offered)


def test_without_pyav_the_extra_is_named(here, monkeypatch, say):
    monkeypatch.setattr("combogan.translation.film.find_spec", lambda name: None)
    code, stdout, stderr = say("walk.mp4")
    assert (code, stdout) == (2, "")
    assert stderr.splitlines()[-1] == (
        "Error: films are read and written by PyAV, which is not installed; install it with `pip install "
        "'combogan[video]'`, or leave the films out."
    )


def test_more_than_all_cannot_stay():
    done = CliRunner().invoke(command, [*WORDS, "--steady", "1"])
    assert done.exit_code == 2
    assert "Invalid value for '--steady'" in done.output

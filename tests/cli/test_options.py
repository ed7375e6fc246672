"""What flags and --set words make of settings."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from combogan.cli import add_domain, domains, packs, packs_import, train, translate
from combogan.cli.options import PATH, changed, chosen


def schedule(path, *changes, **flags):
    found = chosen(None, path, changed(changes, flags)).schedule
    return found.iterations, found.epochs, found.decay_from


@pytest.fixture
def own(tmp_path):
    """A settings file whose learning rate falls late."""
    (tmp_path / "own.toml").write_text("[schedule]\nepochs = 100\ndecay_from = 80\niterations = 7\n")
    return tmp_path / "own.toml"


def test_epochs_alone_keep_the_share_after_which_the_rate_falls(own):
    assert schedule(own) == (7, 100, 80)
    assert schedule(own, epochs=50) == (None, 50, 40)
    assert schedule(own, "schedule.epochs=50") == (None, 50, 40)


def test_epochs_and_where_the_rate_falls_are_kept_as_given(own):
    assert schedule(own, "schedule.decay_from=150", epochs=200) == (None, 200, 150)
    assert schedule(own, "schedule.decay_from=10", "schedule.iterations=9", epochs=50) == (9, 50, 10)


def commands(command):
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from commands(child)


def test_every_path_is_of_the_type_that_refuses_an_empty_one():
    tops = [module.command for module in (add_domain, domains, packs, packs_import, train, translate)]
    paths = [
        param for top in tops for one in commands(top) for param in one.params if isinstance(param.type, click.Path)
    ]
    assert len(paths) > 20
    assert all(isinstance(param.type, type(PATH)) for param in paths)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (translate.command, ["--from", "a", "--to", "b", "a.png", ""]),
        (translate.command, ["--from", "a", "--to", "b", "-o", ""]),
        (add_domain.command, ["winter", "--run", ""]),
        (domains.command, ["list", "--data", ""]),
        (packs.command, ["list", "--registry", ""]),
        (packs.command, ["push", ""]),
        (packs.command, ["pull", ""]),
    ],
)
def test_an_empty_path_is_refused_and_not_the_current_folder(command, words):
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2
    assert "it is empty; give a path, or . for the current folder." in done.output


def test_other_paths_are_paths():
    assert PATH.convert(".", None, None) == Path()


def test_a_file_that_fits_only_together_with_flags_is_read(tmp_path):
    (tmp_path / "own.toml").write_text("[images]\nsize = 32\nload = 16\n")
    found = chosen(None, tmp_path / "own.toml", changed(("images.load=40",), {})).images
    assert (found.size, found.load) == (32, 40)


def test_a_size_keeps_the_share_that_the_preset_crops():
    quick, paper = (chosen(preset, None, changed((), {"size": 128})).images for preset in ("quick", "paper"))
    assert (quick.load, paper.load) == (128, 143)

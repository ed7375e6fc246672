"""Tests run offline, on the CPU, on tiny real things, and leave nobody's home folder changed."""

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def called(monkeypatch, capsys):
    """The command as a person calls it, but within this process: exit code, stdout, stderr."""
    from combogan.cli import main

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["combogan", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        return stopped.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture
def tiny(monkeypatch):
    """Settings with which a run of a few iterations takes a second, with grids as small as its pictures."""
    monkeypatch.setattr("combogan.training.samples.CELL", 32)
    from combogan.settings import Settings

    return Settings.build(
        {
            "images": {"size": 32, "load": 36},
            "networks": {"width": 4, "encoder_blocks": 1, "decoder_blocks": 1},
            "discriminator": {"width": 4, "layers": 2},
            "losses": {"identity": 1.0, "latent": 0.5, "forward": 0.2},
            "schedule": {"iterations": 8},
            "optimizer": {"pool": 3, "ema": 0.9},
            "run": {"log_every": 3, "sample_every": 0, "checkpoint_every": 3, "threads": 1, "device": "cpu"},
        }
    )

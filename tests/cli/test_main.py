"""The command as a whole: where its words go."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

COMMAND = [sys.executable, "-m", "combogan.cli.main"]


def test_names_that_an_output_cannot_show_are_written_another_way(tmp_path):
    (tmp_path / "domains" / "été").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "domains" / "été" / "one.png")
    ascii = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = ["train", "--domains", "summer,été", "--preset", "quick", "--dry-run"]
    done = subprocess.run([*COMMAND, *words], cwd=tmp_path, env=ascii, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"\xe9t\xe9" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk here that is always full")
def test_an_output_that_cannot_be_written_because_the_disk_is_full_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "domains", "show", "summer"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "Error: the disk is full; free some space and go on.\n")


def test_a_path_that_cannot_be_used_is_one_sentence(tmp_path):
    words = ["evaluate", str(tmp_path / ("x" * 300))]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "File name too long" in done.stderr

"""The words of `combogan export`."""

from functools import partial

import pytest

from combogan.deployment import comparison
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish


@pytest.fixture
def call(tmp_path, monkeypatch, called):
    """Calls `combogan export` with words, beside a run of one domain."""
    monkeypatch.chdir(tmp_path)
    networks = ResnetEncoder(width=2, blocks=0), ResnetDecoder(width=2, blocks=0)
    publish(tmp_path / "runs" / "seasons" / "packs", [NewPack("summer", *networks, ("7f3a", "7f3a"), 64)])
    return partial(called, "export")


def test_files_are_written_named_and_checked_and_a_check_that_fails_exits_with_1(call, monkeypatch):
    code, stdout, stderr = call("summer", "--check")
    assert (code, stderr) == (0, "")
    told = stdout.splitlines()
    assert [line.split()[0] for line in told[:2]] == ["models/summer.encoder.onnx", "models/summer.decoder.onnx"]
    assert told[2] == "How to use them: models/README.md"
    assert told[3].startswith("summer -> summer: ")
    assert told[4].startswith("Largest difference of 1 direction: ")
    assert call("--check")[0] == 0
    monkeypatch.setitem(comparison.LIMITS, "float32", 0.0)
    code, stdout, stderr = call("--check")
    assert (code, stderr) == (1, "1 differ by more than they may.\n")
    assert "more than 0" in stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "no domain was named"),
        (["--check", "--whole"], "--check alone takes the files as they are"),
        (["--check", "-o", "nowhere"], "nowhere holds no ONNX file to check"),
        (["sumer"], "Did you mean 'summer'?"),
        (["summer", "--whole"], "but 1 were named; name two"),
    ],
)
def test_words_that_do_not_fit_are_refused(call, words, why):
    code, _, stderr = call(*words)
    assert code == 2
    assert why in stderr
    assert len(stderr.splitlines()) == 1

"""The words of `combogan serve`."""

import socket
import webbrowser
from functools import partial

import pytest
import torch

from combogan.deployment import page_server
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish


@pytest.fixture
def say(tmp_path, monkeypatch, called):
    """The program as a person calls it, with packs of two domains in `packs`: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    halves = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
    publish(tmp_path / "packs", [NewPack(name, *halves, ("0a", "0a"), 16) for name in ("a", "b")])
    return partial(called, "serve")


@pytest.fixture
def served(monkeypatch):
    """What would have been served: a server starts, and ends at once."""
    calls = []

    def serve(translator, listening, *, only_here, started):
        started()
        calls.append((translator, only_here, translator.files.folder))
        assert translator.files.folder.is_dir()
        listening.close()

    monkeypatch.setattr(page_server, "serve", serve)
    monkeypatch.setattr(page_server, "refuse_missing", lambda: None)
    return calls


def test_the_address_is_said_and_opened_and_the_folder_is_deleted(say, served, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    words = ["--registry", "packs", "--port", "0", "--open", "--file-limit", "5", "--memory", "2", "--disk", "3"]
    code, out, err = say(*words, "--picture-limit", "7", "--device", "cpu")
    assert (code, err) == (0, "")
    assert out == f"Serving a, b on {opened[0]} (Ctrl-C ends it).\n"
    assert opened[0].startswith("http://127.0.0.1:")
    ((translator, only_here, folder),) = served
    assert only_here
    assert not folder.exists()
    limits = translator.limits
    assert (limits.file, limits.pixels, limits.memory, limits.disk) == (5 * 10**6, 7 * 10**6, 2 * 10**9, 3 * 10**9)


def test_another_host_says_what_it_means(say, served):
    code, _, err = say("--registry", "packs", "--port", "0", "--host", "0.0.0.0", "--device", "cpu")
    assert code == 0
    assert err == (
        "Note: --host 0.0.0.0 lets everyone who can reach this machine use the page: no password is asked, nothing is "
        "encrypted, and their pictures are translated on this machine.\n"
    )
    assert not served[0][1]


def test_what_cannot_be_served_is_one_sentence(say, served, monkeypatch):
    assert say("--registry", "nowhere")[::2] == (
        2,
        "Error: there is no folder nowhere; give a run, a packs folder or a pack.\n",
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = say("--registry", "packs", "--port", port)
    assert code == 2
    assert err.startswith(f"Error: the page cannot be served on 127.0.0.1:{port} (")
    assert err.count("\n") == 1
    code, _, err = say("--share")
    assert code == 2
    assert err.startswith("Error: No such option")
    assert served == []


def test_a_missing_gradio_is_said_before_any_work(say, monkeypatch):
    monkeypatch.setattr(page_server, "find_spec", lambda name: None)
    code, out, err = say("--registry", "nowhere")
    assert (code, out) == (2, "")
    assert (
        err == "Error: the page needs Gradio, which is not installed; install it with `pip install 'combogan[web]'`.\n"
    )

"""Completion as shells ask for it."""

import sys

import pytest

from combogan.cli import main


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["combogan", *words])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    return stopped.value.code or 0, *capsys.readouterr()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_combogan(monkeypatch, capsys, shell):
    code, stdout, stderr = call(monkeypatch, capsys, "completion", shell)
    assert (code, stderr) == (0, "")
    assert f"_COMBOGAN_COMPLETE={shell}_complete" in stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("combogan pa", ["packs"]),
        ("combogan packs pu", ["pull", "push"]),
        ("combogan train --dry", ["--dry-run"]),
        ("combogan completion z", ["zsh"]),
    ],
)
def test_commands_and_options_are_completed(monkeypatch, capsys, typed, completed):
    monkeypatch.setenv("_COMBOGAN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    code, stdout, _ = call(monkeypatch, capsys)
    assert code == 0
    assert stdout.split() == [f"plain,{word}" for word in completed]


def test_another_shell_is_refused(monkeypatch, capsys):
    code, _, stderr = call(monkeypatch, capsys, "completion", "cmd")
    assert code == 2
    assert "'cmd' is not one of 'bash', 'zsh', 'fish'" in stderr

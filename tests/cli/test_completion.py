"""Completion as shells ask for it."""

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_combogan(shell, called):
    code, stdout, stderr = called("completion", shell)
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
def test_commands_and_options_are_completed(monkeypatch, typed, completed, called):
    monkeypatch.setenv("_COMBOGAN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    code, stdout, _ = called()
    assert code == 0
    assert stdout.split() == [f"plain,{word}" for word in completed]


def test_another_shell_is_refused(called):
    code, _, stderr = called("completion", "cmd")
    assert code == 2
    assert "'cmd' is not one of 'bash', 'zsh', 'fish'" in stderr

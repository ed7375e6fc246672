"""`combogan completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_COMBOGAN_COMPLETE"
"""The environment variable by which a shell asks for completions: click's, for a program of the name `combogan`."""


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    combogan completion bash >> ~/.bashrc
    combogan completion zsh >> ~/.zshrc
    combogan completion fish > ~/.config/fish/completions/combogan.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "combogan", VARIABLE).source())

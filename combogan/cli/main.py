"""The command `combogan`: finds the subcommand, and turns a person's mistake into one sentence."""

from __future__ import annotations

import importlib
import io
import sys
import threading
from importlib.metadata import version

import click

from combogan import storage
from combogan.errors import ComboganError, suggestion

COMMANDS = {
    "train": "Train a translator between two or more domains.",
    "add-domain": "Add one more domain to a trained run; the old ones do not change.",
    "bridge": "Connect two runs that were trained apart; their halves do not change.",
    "translate": "Translate pictures from one domain into others.",
    "serve": "Serve a page on which pictures are dropped and translated.",
    "evaluate": "Score a run's translations against truth and baselines.",
    "domains": "List, show, check, split, export and fetch domains.",
    "export": "Write packs as ONNX files or torch.export programs.",
    "packs": "List, show, verify, copy, share and import packs.",
    "completion": "Complete commands and options in bash, zsh or fish.",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"combogan.cli.{name.replace('-', '_')}")
        return module.command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = suggestion(args[0], COMMANDS)
            raise click.UsageError(f"there is no command '{args[0]}'.{hint} `combogan --help` lists all.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("combogan"), prog_name="combogan")
def command() -> None:
    """Turn N folders of pictures into an any-to-any image translator.

    \b
    combogan train --domains summer,winter,spring,fall
    combogan translate --from summer --to winter
    combogan add-domain autumn --run runs/seasons
    """


def _report_thread_error(error: threading.ExceptHookArgs) -> None:
    """Ignore a full disk in a thread of TensorBoard: the function that started the writing reports it."""
    if not (isinstance(error.exc_value, OSError) and error.exc_value.errno in storage.FULL):
        threading.__excepthook__(error)


def main() -> None:
    """Run the command; a mistake prints one sentence and exits with 2, a bug keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold what a terminal or pipe cannot show
            stream.reconfigure(errors="backslashreplace")
    threading.excepthook = _report_thread_error
    try:
        code = command.main(prog_name="combogan", standalone_mode=False)
    except ComboganError as error:
        click.echo(f"Error: {error}", err=True)
        code = 2
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 0
    except click.ClickException as error:
        click.echo(f"Error: {error.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        code = 130
    except BrokenPipeError:
        code = 141
    except OSError as error:
        if error.errno in storage.FULL:
            click.echo("Error: the disk is full; free some space and go on.", err=True)
        elif error.errno in storage.FORBIDDEN and error.filename is not None:
            click.echo(f"Error: {error.filename} cannot be used ({error.strerror}); check the path.", err=True)
        else:
            raise
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()

"""Options that several commands have: settings by flag and by --set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from combogan.settings import Settings, parse_change, sentence

Function = TypeVar("Function", bound=Callable[..., Any])

# The settings that have a flag of their own; all others are reached with --set.
FLAGS = {
    "epochs": "schedule.epochs",
    "iterations": "schedule.iterations",
    "batch": "schedule.batch",
    "size": "images.size",
    "seed": "run.seed",
    "device": "run.device",
}


def setting(name: str, metavar: str, kind: type = int) -> Callable[[Function], Function]:
    """The flag of a setting, with the setting's sentence as its help."""
    return click.option(f"--{name}", type=kind, metavar=metavar, help=sentence(FLAGS[name]))


def any_setting(function: Function) -> Function:
    """--set, which reaches every setting."""
    return click.option(
        "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Any other setting; repeatable."
    )(function)


def changed(changes: tuple[str, ...], flags: dict[str, Any]) -> dict[str, Any]:
    """Flags and --set words as changes of settings, with what a person means by them but does not say."""
    given = {FLAGS[name]: value for name, value in flags.items() if value is not None}
    if (epochs := given.get("schedule.epochs")) is not None:
        given.setdefault("schedule.iterations", None)
        given["schedule.decay_from"] = epochs // 2
    if (size := given.get("images.size")) is not None:
        given["images.load"] = round(size * 286 / 256)  # crops keep their share of the picture, as 256 of 286 do
    return given | dict(parse_change(change) for change in changes)


def chosen(preset: str | None, config: Path | None, changes: dict[str, Any]) -> Settings:
    """The settings of --preset or --config; without either, what suits the machine, and a line that says so."""
    if preset and config:
        raise click.UsageError("--preset and --config were both given; leave one out.")
    if config is not None:
        return Settings.load(config, changes)
    if preset is None:
        import torch

        cuda = torch.cuda.is_available() and changes.get("run.device", "auto") != "cpu"
        preset = "paper" if cuda else "quick"
        why = "a CUDA device was found" if cuda else "training runs on the CPU"
        click.echo(f"Settings: {preset}, because {why}; choose others with --preset or --config.")
    return Settings.load(preset, changes)

"""Options that several commands have: paths, and settings by flag and by --set."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click

from combogan.errors import SettingsError
from combogan.settings import Settings, default_preset, parse_change, sentence

Function = TypeVar("Function", bound=Callable[..., Any])

# The settings that have a flag of their own; all others are reached with --set.
FLAGS = {
    "epochs": "schedule.epochs",
    "iterations": "schedule.iterations",
    "batch": "schedule.batch",
    "size": "images.size",
    "seed": "run.seed",
    "device": "run.device",
    "workers": "run.workers",
}


class _Path(click.Path):
    """A path; an empty one is refused, because it would silently mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it is empty; give a path, or . for the current folder.", param, ctx)
        try:
            Path(value).expanduser()
        except RuntimeError:
            self.fail(f"there is no home folder of that name in '{value}'; give another path.", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)
"""The type of every argument and option that is a path."""


class FiniteRange(click.FloatRange):
    """A range of numbers, without `nan` and `inf`, which Python reads as numbers too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not isfinite(found):
            self.fail(f"'{value}' is no number; give one such as 2.5.", param, ctx)
        return found


def gigabytes(least: float) -> FiniteRange:
    """The type of an option in GB."""
    return FiniteRange(least, 1e6)


def number_or_auto(text: str) -> int | str:
    """`auto`, or a number."""
    if text != "auto" and not text.isdecimal():
        raise click.BadParameter("give a number, or auto")
    return text if text == "auto" else int(text)


class _Place(_Path):
    """A path, or a URL, which stays as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, str) and "://" in value else super().convert(value, param, ctx)


PLACE = _Place(path_type=Path)
"""The type of what can be a path or a URL."""


def registry_places(function: Function) -> Function:
    """The option --registry: `function` gets paths as `places`; packs behind URLs are pulled into the cache first."""

    @wraps(function)
    def with_paths(*args: Any, places: tuple[str | Path, ...], **others: Any) -> Any:
        return function(*args, places=tuple(_here(place) for place in places), **others)

    return click.option(
        "--registry",
        "places",
        multiple=True,
        type=PLACE,
        metavar="PATH|URL",
        help="A run, a packs folder, a pack, or a URL that packs were pushed to; repeatable.  "
        "[default: runs/*/packs and ~/.combogan/packs]",
    )(with_paths)  # type: ignore[return-value]


def _here(place: str | Path) -> Path:
    if isinstance(place, Path):
        return place
    from combogan.cli.transfer_bar import transfer_bar
    from combogan.deployment.pull import pulled

    with transfer_bar() as progress:
        return pulled(place, tell=lambda message: click.echo(message, err=True), progress=progress)


def setting(
    name: str, metavar: str, kind: Callable[[str], Any] = int, *, more: str = ""
) -> Callable[[Function], Function]:
    """The flag of a setting, with the setting's sentence, and perhaps `more`, as its help."""
    return click.option(f"--{name}", type=kind, metavar=metavar, help=f"{sentence(FLAGS[name])} {more}".strip())


def epochs(function: Function) -> Function:
    """The flag --epochs; its help also says what happens to the learning rate."""
    more = "The learning rate falls after the same share of them, unless --set schedule.decay_from=N is given."
    return setting("epochs", "N", more=more)(function)


def any_setting(function: Function) -> Function:
    """The flag --set, which changes any setting."""
    return click.option(
        "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Any other setting; repeatable."
    )(function)


def changed(changes: tuple[str, ...], flags: dict[str, Any]) -> dict[str, Any]:
    """Flags and --set words as changes of settings."""
    if flags.get("epochs") is not None and flags.get("iterations") is not None:
        raise click.UsageError("--epochs and --iterations both say how long to train; leave one out.")
    given = {FLAGS[name]: value for name, value in flags.items() if value is not None}
    return given | dict(parse_change(change) for change in changes)


def chosen(preset: str | None, config: Path | None, changes: dict[str, Any]) -> Settings:
    """The settings of --preset or --config; without either, a preset that suits the machine, and a line says which."""
    if preset and config:
        raise click.UsageError("--preset and --config were both given; leave one out.")
    if config is not None:
        return _load(config, changes)
    if preset is None:
        preset, why = default_preset(changes.get("run.device", "auto"))
        click.echo(f"Settings: {preset}, because {why}; choose others with --preset or --config.")
    return _load(preset, changes)


def _load(source: str | Path, changes: dict[str, Any]) -> Settings:
    """A preset or file with changes, and with those that follow from them (`in_proportion`)."""
    from combogan.runs.changes import in_proportion

    try:
        before = Settings.load(source)
    except SettingsError:  # values that fit only together with the changes
        return Settings.load(source, changes)
    return Settings.load(source, in_proportion(changes, before))

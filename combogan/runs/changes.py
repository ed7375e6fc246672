"""Changed settings: what else changes with them, and what may change when a run goes on or a domain is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from combogan.errors import RunError
from combogan.settings import Settings


def in_proportion(changes: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The changes, with further ones that follow from them and are not given.

    Changing the epochs unsets iterations and scales decay_from; changing the size scales load.
    """
    epochs, size = changes.get("schedule.epochs"), changes.get("images.size")
    schedule, images = settings.schedule, settings.images
    implied: dict[str, Any] = {}
    if isinstance(epochs, int):
        implied = {"schedule.iterations": None, "schedule.decay_from": schedule.decay_from * epochs // schedule.epochs}
    if isinstance(size, int):
        implied["images.load"] = round(size * images.load / images.size)
    return implied | dict(changes)


def refuse_changes(before: Settings, after: Settings, *, adding: bool = False) -> None:
    """RunError unless networks and pictures stay as they were when a run goes on.

    With `adding`, batch, seed and optimizer may change too: they apply to an added domain, or to a bridge, only.
    """
    fixed = ["domains", "images", "networks", "discriminator"]
    if not adding:
        fixed += ["optimizer.betas", "optimizer.pool", "optimizer.ema"]
        fixed += ["run.seed", "schedule.batch", "schedule.autoencode"]
    old, new = before.model_dump(), after.model_dump()
    changed = [key for key in fixed if _get(old, key) != _get(new, key)]
    if changed:
        when = "where trained networks stay as they are" if adding else "when a run goes on"
        raise RunError(
            f"{', '.join(changed)} cannot change {when}; [losses], optimizer.rate, and what else is in [schedule] and "
            "[run] can; start a new run for the rest."
        )
    if bool(after.losses.heads) != bool(before.losses.heads):
        raise RunError(
            "losses.heads cannot be switched on or off for domains that are trained already, as heads are networks; "
            "give another weight above 0, or start a new run."
        )
    if not adding and bool(after.run.validate_every) != bool(before.run.validate_every):
        raise RunError(
            "run.validate_every cannot be switched on or off when a run goes on, because it decides which pictures are "
            "trained on; start a new run for it."
        )


def _get(table: Mapping[str, Any], key: str) -> Any:
    for name in key.split("."):
        table = table[name]
    return table

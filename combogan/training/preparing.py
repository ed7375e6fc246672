"""Before the first iteration: settings with the choices that depend on machine and command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from combogan import machine
from combogan.data import catalog
from combogan.settings import Settings


def in_proportion(changes: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Changes of settings, with what a person means by other epochs but does not say.

    They count instead of iterations, and the learning rate falls from the same share of them.
    """
    epochs, before = changes.get("schedule.epochs"), settings.schedule
    if not isinstance(epochs, int):
        return dict(changes)
    meant = {"schedule.iterations": None, "schedule.decay_from": before.decay_from * epochs // before.epochs}
    return {**meant, **changes}


def resolve(
    settings: Settings, domains: Mapping[str, catalog.Domain], device: torch.device, *, growing: bool = False
) -> Settings:
    """The settings with what depends on machine and command line written out, as they are kept in the run.

    Domains that they name, as a run's settings.toml does, make way for these. A domain that is being added is in every
    pair, so that pairs never train at once.
    """
    together = 1 if growing else _pairs_at_once(settings, len(domains), device)
    precision = machine.precision(settings.run.precision, device)
    return settings.model_copy(update={"domains": {}}).changed(
        {
            "run.device": str(device),
            "run.precision": "bfloat16" if precision == torch.bfloat16 else "float32",
            "run.threads": settings.run.threads or max(1, torch.get_num_threads() // together),
            "run.pairs_at_once": together,
            **{f"domains.{name}": domain.origin for name, domain in domains.items()},
        }
    )


def _pairs_at_once(settings: Settings, domains: int, device: torch.device) -> int:
    """How many disjoint pairs are trained at a time: small convolutions fill a core each better than all in turn.

    Pairs drawn at random often meet, and shared blocks belong to every pair: then, and on CUDA, one at a time.
    """
    shared = settings.networks.shared_encoder_blocks + settings.networks.shared_decoder_blocks
    if settings.schedule.pairs != "rounds" or shared or device.type != "cpu":
        return 1
    room = torch.get_num_threads() // max(1, settings.run.threads)
    return max(1, min(settings.run.pairs_at_once or room, domains // 2))

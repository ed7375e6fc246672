"""What happens before the first iteration, where settings ask for a start that is not chance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from torch import Tensor

from combogan.errors import DivergedError
from combogan.networks.blocks import Dropout
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.linear import look_linear
from combogan.seeding import tensors
from combogan.training import building
from combogan.training.autoencoding import RATES, Colours, autoencode, start_from

if TYPE_CHECKING:
    from combogan.training.trainer import Trainer

COLOUR_IMAGES = 256
"""Images that a domain's colours are measured on."""


def begin_run(trainer: Trainer, stop: Callable[[], bool]) -> bool:
    """Start every domain's halves as one autoencoder of all their pictures. False when stopped before that was done.

    It is a function of settings and pictures, and is not saved: what was stopped begins again.
    """
    settings, device = trainer.settings, trainer.device
    total, began = settings.schedule.autoencode, time.perf_counter()
    encoder = building.first_weights(
        Encoder(**building.encoder_shape(settings)), settings, "autoencoder", "encoder", device=device
    )
    decoder = building.first_weights(
        Decoder(**building.decoder_shape(settings)), settings, "autoencoder", "decoder", device=device
    )
    if settings.schedule.autoencode_from == "looks-linear":
        look_linear(encoder, decoder)
    for place, layer in enumerate(m for half in (encoder, decoder) for m in half.modules() if isinstance(m, Dropout)):
        layer.generator = tensors(settings.run.seed, "dropout", "autoencoder", place, device=str(device))
    colours = {name: _colours(trainer, name) for name in trainer.domains}
    losses: list[Tensor] = []

    def pairs() -> Iterator[tuple[str, str, Tensor, Tensor]]:
        for _, a, b, x, y in trainer.batches.ahead(0, total, trainer.pair):
            if stop():
                return
            yield a, b, x.to(device), y.to(device)

    def done(count: int, loss: Tensor) -> None:
        losses.append(loss)
        if count % settings.run.log_every == 0 and not loss.isfinite():
            raise DivergedError(
                f"the loss of the autoencoder is {loss.item()} after {count} iterations, so training stopped; try "
                "--set run.precision=float32, or --set schedule.autoencode=0, which starts from chance."
            )
        trainer.report.began(count, total)

    autoencode(
        encoder,
        decoder,
        pairs(),
        colours,
        iterations=total,
        height=RATES[settings.schedule.autoencode_from],
        distance=trainer.objective.distance,
        precision=trainer.precision,
        done=done,
    )
    if len(losses) < total:
        return False
    for name, domain in trainer.domains.items():
        start_from(domain, encoder, decoder, Colours.none(device), colours[name])
    last = losses[-50:]
    trainer.folder.write_history(
        {
            "iteration": 0,
            "event": "autoencoded",
            "iterations": total,
            "loss": round(sum(loss.item() for loss in last) / len(last), 5),
            "seconds": round(time.perf_counter() - began, 1),
        }
    )
    return True


def begin_growth(trainer: Trainer, stop: Callable[[], bool]) -> bool:
    """Start the new domain's halves as those of the old domain that is nearest in colour. Never stopped."""
    new = trainer.domains[str(trainer.new)]
    colours = {name: _colours(trainer, name) for name in trainer.domains}
    old = sorted(name for name in colours if name != new.name)
    nearest = min(old, key=lambda name: colours[new.name].distance(colours[name]))
    like = trainer.domains[nearest]
    trainer.report.tell(f"'{new.name}' starts as '{nearest}', the domain nearest in colour, in its own colours.")
    start_from(new, like.encoder, like.decoder, colours[nearest], colours[new.name])
    return True


def _colours(trainer: Trainer, name: str) -> Colours:
    """Of the images that the first iterations would show of a domain."""
    count = max(1, COLOUR_IMAGES // trainer.settings.schedule.batch)
    return Colours.of(trainer.batches.images(name, iteration).to(trainer.device) for iteration in range(count))

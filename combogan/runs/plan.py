"""The plan of a run before it starts: what it will do, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from combogan.runs.prepare import Prepared
from combogan.settings import Settings
from combogan.training import building
from combogan.training.building import FLOAT
from combogan.training.schedule import Course

VALUES = {"resnet": 130, "skip": 150, "unet": 35}
"""Float32 activations of halves without residual blocks, per pixel and channel of their width, by kind."""
FEATURES = 2350
"""Bytes of the frozen network's activations per pixel."""


@dataclass(frozen=True)
class Plan:
    """What `train --dry-run` shows."""

    pictures: dict[str, tuple[int, int, int, str]]
    """Per domain: the numbers of training, validation and test pictures, and where they are."""
    course: Course
    updates: str
    """How often each domain is trained, as text."""
    parameters: int
    """Weights of one domain: of its halves, its discriminator and its heads."""
    memory: int
    """Bytes that training is estimated to need."""
    disk: int
    """Bytes that checkpoints and packs take."""


def plan(prepared: Prepared) -> Plan:
    """The plan of a run; no memory is allocated for weights."""
    settings, course, sources = prepared.settings, prepared.course, prepared.sources
    of_halves, of_discriminator = building.weights(settings)
    state = building.state_bytes(settings)
    count, chosen = len(sources), settings.run
    saves = -(-course.iterations // chosen.checkpoint_every) if chosen.checkpoint_every else 1
    saves += course.iterations // chosen.validate_every if chosen.validate_every else 0
    best = int(chosen.validate_every > 0)  # its checkpoint, and its halves while they are published
    updates = f"each domain trained {2 * course.iterations // count:,} times"
    if prepared.card is not None:
        updates = f"{prepared.card.trained} trained {course.iterations:,} times"
    gradients = FLOAT * (of_halves + of_discriminator)
    return Plan(
        pictures={name: (len(d.train), len(d.validation or ()), len(d.test), d.origin) for name, d in sources.items()},
        course=course,
        updates=updates,
        parameters=of_halves + of_discriminator,
        memory=count * (state + best * FLOAT * of_halves) + 2 * gradients + activations(settings),
        disk=count * (state * (min(saves, chosen.keep + 1) + best) + FLOAT * of_halves),
    )


def activations(settings: Settings) -> int:
    """Bytes of the gradient graphs of one direction, for all pairs at once; measured at 128 and 256 px and scaled.

    Every layer's activations grow with width, pixels and batch; bfloat16 halves them. Those of the frozen network that
    some losses see through are float32 and of one width.
    """
    networks, images, losses = settings.networks, settings.images, settings.losses
    blocks = 0 if networks.kind == "unet" else networks.encoder_blocks + networks.decoder_blocks
    values = VALUES[networks.kind] + 17 * blocks
    size = 2 if settings.run.precision == "bfloat16" else FLOAT
    pixels = images.size**2 * settings.schedule.batch * max(1, settings.run.pairs_at_once)
    seen = FEATURES * pixels if losses.heads or losses.style else 0
    return values * networks.width * pixels * size // 4 + seen

"""What benchmarks/quality.py can train: named variants, two regimes, and the stages in which variants are chosen."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quality_patches import PATCHES

from combogan.data.scenes import EDITION
from combogan.scenery.scene import SEASONS
from combogan.settings import Settings

REGIMES = {"small": "scenes-small", "300": "scenes"}
"""The collection that is trained on: 40 pictures of each season, or 300; both are scored on the same 40 scenes."""


@dataclass(frozen=True)
class Variant:
    """Changes of settings, and patches of the code; applied to the reference, or to a preset."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    patches: Sequence[str] = ()
    without: Sequence[str] = ()
    """Patches of the reference that are left out."""
    preset: str = "reference"


@dataclass(frozen=True)
class Stage:
    """The rows that a stage trains unless options say otherwise."""

    regimes: Sequence[str]
    iterations: int
    seeds: Sequence[int]


STAGES = {
    "screen": Stage(["small"], 1500, [0]),
    "best": Stage(["small", "300"], 4000, [0]),
    "final": Stage(["small", "300"], 4000, [0, 1, 2]),
}

REFERENCE = Variant(
    {
        "images.load": 72,
        "discriminator.kind": "split",
        "discriminator.layers": 3,
        "losses.cycle": 10.0,
        "losses.identity": 10.0,
        "losses.r1": 0.0,
        "schedule.autoencode": 800,
        "optimizer.rate": 1e-4,
    },
    ["start at 1e-4"],
)
"""What every variant is compared with: an earlier `quick`, written out where the preset has changed since."""

# `original` at the size and width of `quick`; blocks and discriminators stay its own.
_ORIGINAL = {"images.size": 64, "images.load": 72, "networks.width": 32, "discriminator.width": 32}

_FASTER = ["start at 1e-4"]

VARIANTS: dict[str, Variant] = {
    "reference": Variant(),
    "linear": Variant({"schedule.autoencode_from": "looks-linear"}),
    "start-800": Variant(without=_FASTER),
    "start-3000": Variant({"schedule.autoencode": 3000}, without=_FASTER),
    "start-6000": Variant({"schedule.autoencode": 6000}, without=_FASTER),
    "no-start": Variant({"schedule.autoencode": 0}),
    "masked": Variant(patches=["masked, up to 0.6 in squares of 8"]),
    "uncropped": Variant({"images.load": 64}),
    "patch": Variant({"discriminator.kind": "patch"}),
    "r1": Variant({"losses.r1": 3.0}),
    "r1-10": Variant({"losses.r1": 10.0}),
    "r1-30": Variant({"losses.r1": 30.0}),
    "r1-100": Variant({"losses.r1": 100.0}),
    "spectral-norm": Variant(patches=["spectral norm"]),
    "diffaugment": Variant(patches=["diffaugment, colour shift cutout"]),
    "diffaugment-shapes": Variant(patches=["diffaugment, shift cutout"]),
    "cycle-2": Variant({"losses.cycle": 2.0}),
    "cycle-5": Variant({"losses.cycle": 5.0}),
    "cycle-decayed": Variant(patches=["cycle decayed to 0.1"]),
    "smooth-l1": Variant({"losses.distance": "smooth-l1"}),
    "identity-1": Variant({"losses.identity": 1.0}),
    "identity-20": Variant({"losses.identity": 20.0}),
    "latent-1": Variant({"losses.latent": 1.0}),
    "ema-0.99": Variant({"optimizer.ema": 0.99}),
    "ema-0.9995": Variant({"optimizer.ema": 0.9995}),
    "rate-2e-4": Variant({"optimizer.rate": 2e-4}),
    "cosine": Variant(patches=["cosine rate"]),
    "betas-0.99": Variant({"optimizer.betas": [0.5, 0.99]}),
    "random": Variant({"schedule.pairs": "random"}),
    "pool-0": Variant({"optimizer.pool": 0}),
    "layers-2": Variant({"discriminator.layers": 2}),
    "layers-4": Variant({"discriminator.layers": 4}),
    "resize-convolution": Variant(patches=["resize-convolution"]),
    "dropout": Variant({"networks.dropout": 0.3}),
    "layer-norm": Variant({"networks.norm": "layer"}),
    "blocks-4-5": Variant({"networks.encoder_blocks": 4, "networks.decoder_blocks": 5}),
    "float32": Variant({"run.precision": "float32"}),
    "quick": Variant(preset="quick"),
    "original": Variant(_ORIGINAL, preset="original"),
}
"""Variants by name, in the order in which they are screened."""

TOGETHER = {"sharp": "start-3000+uncropped+patch+cycle-5+rate-2e-4"}
"""Short names of variants that are often joined."""


def variant(name: str) -> Variant:
    """The variant of a name, or of several joined by +. Exits the program where they cannot be joined."""
    parts = "+".join(TOGETHER.get(part, part) for part in name.split("+")).split("+")
    for part in parts:
        if part not in VARIANTS:
            known = ", ".join([*VARIANTS, *TOGETHER])
            sys.exit(f"Error: no variant is called '{part}'; there are: {known}.")
    chosen = [VARIANTS[part] for part in parts]
    if len(chosen) > 1 and any(one.preset != "reference" for one in chosen):
        sys.exit(f"Error: '{name}' joins a preset with something else; only changes of the reference can be joined.")
    changes: dict[str, Any] = {}
    for one in chosen:
        if twice := [key for key, value in one.changes.items() if changes.get(key, value) != value]:
            sys.exit(f"Error: the parts of '{name}' set {twice[0]} to different values; leave one of them out.")
        changes |= one.changes
    asked = {patch for one in chosen for patch in one.patches}
    if chosen[0].preset != "reference":
        return chosen[0]
    asked |= {*REFERENCE.patches} - {patch for one in chosen for patch in one.without}
    return Variant({**REFERENCE.changes, **changes}, [patch for patch in PATCHES if patch in asked], preset="quick")


@dataclass(frozen=True)
class Row:
    """One training that is scored."""

    regime: str
    variant: str
    iterations: int
    seed: int

    @property
    def domains(self) -> list[str]:
        """The domains, as `combogan train --domains` takes them."""
        return [f"{season}={REGIMES[self.regime]}/{season}" for season in SEASONS]

    @property
    def settings(self) -> Settings:
        """The settings of its run: trained on all pictures, scored at the last iteration, without earlier samples."""
        chosen = variant(self.variant)
        changes = {
            **chosen.changes,
            "schedule.iterations": self.iterations,
            "run.seed": self.seed,
            "run.sample_every": 0,
            "run.validate_every": 0,
            "run.checkpoint_every": 250,
            "run.keep": 1,
        }
        return Settings.load(chosen.preset, changes)

    @property
    def digest(self) -> str:
        """A short hash of what determines the result besides the row's own fields: settings, patches, pictures."""
        settings = self.settings.model_dump(mode="json")
        precision = settings.pop("run")["precision"]
        settings["schedule"].pop("iterations")
        everything = [settings, precision, list(variant(self.variant).patches), self.domains, EDITION]
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """The folder name of its run, which includes the digest."""
        return f"{self.regime}-{self.variant}-{self.iterations}-{self.seed}-{self.digest}"

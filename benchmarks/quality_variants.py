"""What benchmarks/quality.py can train: regimes, named variants, and the stages in which variants are chosen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from quality_patches import PATCHES

from combogan.data import catalog
from combogan.errors import DomainError, SettingsError
from combogan.scenery.scene import SEASONS
from combogan.settings import Settings


@dataclass(frozen=True)
class Regime:
    """Pictures that are trained on, and the preset that variants change."""

    title: str
    preset: str
    collection: str | None = None
    """The drawn seasons, whose truth is known; None for the pictures of a folder that is given, without a truth."""


REGIMES = {
    "landscapes": Regime("real pictures", "small-data"),
    "small": Regime("40 drawn pictures per season", "quick", "scenes-small"),
    "300": Regime("300 drawn pictures per season", "quick", "scenes"),
}


@dataclass(frozen=True)
class Variant:
    """Changes of settings, and patches of the code."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    patches: Sequence[str] = field(default_factory=list)
    preset: str | None = None
    """What is changed; None for the preset of the regime."""


@dataclass(frozen=True)
class Stage:
    """The rows that a stage trains unless options say otherwise."""

    regimes: Sequence[str]
    iterations: int
    seeds: Sequence[int]


STAGES = {
    "screen": Stage(["landscapes"], 1600, [0]),
    "best": Stage(list(REGIMES), 4000, [0]),
    "final": Stage(list(REGIMES), 4000, [0, 1, 2]),
}

# `original` at the size and width of `quick`; blocks and discriminators stay its own.
_ORIGINAL = {"images.size": 64, "images.load": 72, "networks.width": 32, "discriminator.width": 32}

VARIANTS: dict[str, Variant] = {
    "reference": Variant(),
    "patch-only": Variant({"losses.heads": 0.0}),
    "resnet": Variant({"networks.kind": "resnet", "networks.noise": False}),
    "no-noise": Variant({"networks.noise": False}),
    "no-style": Variant({"losses.style": 0.0}),
    "no-identity": Variant({"losses.identity": 0.0}),
    "every-1": Variant({"losses.every": 1}),
    "every-2": Variant({"losses.every": 2}),
    "cycle-0": Variant({"losses.cycle": 0.0}),
    "cycle-2": Variant({"losses.cycle": 2.0}),
    "cycle-5": Variant({"losses.cycle": 5.0}),
    "cycle-10": Variant({"losses.cycle": 10.0}),
    "cycle-decayed": Variant(patches=["cycle decayed to 0.1"]),
    "style-2": Variant({"losses.style": 2.0}),
    "style-4": Variant({"losses.style": 4.0}),
    "heads-2": Variant({"losses.heads": 2.0}),
    "heads-0.5": Variant({"losses.heads": 0.5}),
    "diffaugment-shapes": Variant(patches=["diffaugment, shift cutout"]),
    "r1-0": Variant({"losses.r1": 0.0}),
    "pool-0": Variant({"optimizer.pool": 0}),
    "rate-1e-4": Variant({"optimizer.rate": 1e-4}),
    "rate-2e-4": Variant({"optimizer.rate": 2e-4}),
    "rate-4e-4": Variant({"optimizer.rate": 4e-4}),
    "betas-0": Variant({"optimizer.betas": [0.0, 0.99]}),
    "ema-0.99": Variant({"optimizer.ema": 0.99}),
    "blocks-4": Variant({"networks.encoder_blocks": 4, "networks.decoder_blocks": 4}),
    "width-48": Variant({"networks.width": 48}),
    "start-0": Variant({"schedule.autoencode": 0}),
    "start-1000": Variant({"schedule.autoencode": 1000}),
    "random": Variant({"schedule.pairs": "random"}),
    "meeting-4": Variant({"schedule.meeting": 4}),
    "meeting-16": Variant({"schedule.meeting": 16}),
    "meeting-64": Variant({"schedule.meeting": 64}),
    "float32": Variant({"run.precision": "float32"}),
    "original": Variant(_ORIGINAL, preset="original"),
}
"""Variants by name, in the order in which they are screened."""


def variant(name: str) -> Variant:
    """The variant of a name, or of several joined by +. SettingsError: an unknown name, or parts that contradict."""
    parts = name.split("+")
    for part in parts:
        if part not in VARIANTS:
            raise SettingsError(f"no variant is called '{part}'; there are: {', '.join(VARIANTS)}.")
    chosen = [VARIANTS[part] for part in parts]
    if len(chosen) == 1:
        return chosen[0]
    if own := [part for part, one in zip(parts, chosen, strict=True) if one.preset is not None]:
        raise SettingsError(f"'{own[0]}' is a preset of its own, which cannot be joined as in '{name}'; name it alone.")
    changes: dict[str, Any] = {}
    for one in chosen:
        if twice := [key for key, value in one.changes.items() if changes.get(key, value) != value]:
            raise SettingsError(f"the parts of '{name}' set {twice[0]} to different values; leave one of them out.")
        changes |= one.changes
    asked = {patch for one in chosen for patch in one.patches}
    return Variant(changes, [patch for patch in PATCHES if patch in asked])


@dataclass(frozen=True)
class Row:
    """One training that is scored. Its properties raise SettingsError or DomainError where it cannot be trained."""

    regime: str
    variant: str
    iterations: int
    seed: int
    data: Path | None = None
    """The folder with a folder of pictures for each domain, in a regime without drawn pictures."""

    @property
    def domains(self) -> list[str]:
        """The domains, as `combogan train --domains` takes them."""
        if collection := REGIMES[self.regime].collection:
            return [f"{season}={collection}/{season}" for season in SEASONS]
        if self.data is None:
            raise DomainError(
                f"the regime '{self.regime}' needs --data DIR, a folder with NAME/train and NAME/test for each domain; "
                "give it, or choose other regimes with --regime."
            )
        found = sorted(self.data.iterdir()) if self.data.is_dir() else []
        names = [path.name for path in found if path.is_dir() and not path.name.startswith(".")]
        if len(names) < 2:
            raise DomainError(
                f"at least two domains are needed, but the number of folders in '{self.data}' is {len(names)}; give "
                "with --data a folder with NAME/train and NAME/test for each domain."
            )
        return [f"{name}={self.data / name}" for name in names]

    @property
    def settings(self) -> Settings:
        """The settings of its run: trained on all pictures, scored at the last iteration, without earlier samples."""
        chosen, regime = variant(self.variant), REGIMES[self.regime]
        if chosen.preset is not None and regime.collection is None:
            raise SettingsError(
                f"'{self.variant}' is trained on drawn seasons only, not in '{self.regime}'; choose regimes with "
                "--regime small,300."
            )
        changes = {
            **chosen.changes,
            "schedule.iterations": self.iterations,
            "run.seed": self.seed,
            "run.sample_every": 0,
            "run.validate_every": 0,
            "run.checkpoint_every": 250,
            "run.keep": 1,
        }
        return Settings.load(chosen.preset or regime.preset, changes)

    @property
    def digest(self) -> str:
        """A short hash of what determines the result besides the row's own fields: settings, patches, pictures."""
        settings = self.settings.model_dump(mode="json")
        precision = settings.pop("run")["precision"]
        settings["schedule"].pop("iterations")
        return _short(settings, precision, list(variant(self.variant).patches), _fingerprints(*self.domains))

    @property
    def baseline_digest(self) -> str:
        """A short hash of what determines the scores of the baselines: pictures and their size."""
        return _short(self.settings.images.size, _fingerprints(*self.domains))

    @property
    def key(self) -> dict[str, Any]:
        """What a row is known by in a record: the same wherever its pictures are."""
        fields = {"regime": self.regime, "variant": self.variant, "iterations": self.iterations, "seed": self.seed}
        return {**fields, "digest": self.digest}

    @property
    def folder(self) -> str:
        """The folder name of its run, which includes the digest."""
        return f"{self.regime}-{self.variant}-{self.iterations}-{self.seed}-{self.digest}"


@cache
def _fingerprints(*domains: str) -> dict[str, str]:
    """Name -> fingerprint of the pictures."""
    return {one.name: one.fingerprint() for one in catalog.resolve(domains)}


def _short(*what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]

"""A run that goes on where a published checkpoint stopped: its weights, fresh optimizers, iteration 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from combogan.errors import OriginalError
from combogan.published.checkpoint import Original
from combogan.published.packs import write_packs
from combogan.runs.changes import in_proportion
from combogan.runs.prepare import prepare
from combogan.runs.run import start
from combogan.settings import Settings
from combogan.training import building
from combogan.training.domain import Domain, shared_by
from combogan.training.report import Quiet, Report

# Options of the published program that are numbers, and the settings that replace them.
NUMBERS = {
    "loadSize": "images.load",
    "lambda_cycle": "losses.cycle",
    "lambda_identity": "losses.identity",
    "lambda_latent": "losses.latent",
    "lambda_forward": "losses.forward",
    "lr": "optimizer.rate",
    "pool_size": "optimizer.pool",
    "batchSize": "schedule.batch",
}


def start_run(
    original: Original,
    domains: Sequence[str],
    out: Path,
    *,
    data: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    report: Report | None = None,
) -> Path:
    """Make the folder of a run that `combogan train --resume` goes on with; gives that folder.

    `domains` say where the pictures are: the names of the import, or `name=FOLDER`. Raises ComboganError.
    """
    report = report or Quiet()
    published = settings_of(original)
    settings = published.changed(in_proportion(changes or {}, published))
    if (settings.networks, settings.discriminator) != (published.networks, published.discriminator):
        raise OriginalError("[networks] and [discriminator] of a run from an import are those of the import.")
    settings = settings.changed({"run.workers": 0})  # nothing is trained here
    prepared = prepare(settings, domains, data=data, out=out, tell=report.tell)
    if tuple(prepared.sources) != original.names:
        raise OriginalError(
            f"the pictures are of {', '.join(prepared.sources)}, the checkpoint of {', '.join(original.names)}; name "
            "the same domains."
        )
    trainer = start(prepared, report)
    with trainer.journal.folder.locked():
        take_over(trainer.engine.domains, original)
        trainer.save()
        trainer.journal.note("imported", 0, **original.imported)
        origins = {name: source.origin for name, source in prepared.sources.items()}
        write_packs(original, trainer.journal.folder.packs, origins=origins)
    return trainer.path


def settings_of(original: Original) -> Settings:
    """The settings with which the published program would train the checkpoint further.

    Networks are those of the files; the rest is from opt.txt or, where it is missing there, from the preset of the
    version that had such discriminators: `original` or `paper`. OriginalError where the checkpoint cannot be trained.
    """
    if not original.discriminators:
        raise OriginalError(
            "the checkpoint has no discriminators (*_net_D*.pth), so it cannot be trained further; import it without "
            "--run, or fetch them."
        )
    shape = next(iter(original.discriminators.values())).shape
    found = _networks(original) | _options(original)
    found |= {f"discriminator.{key}": value for key, value in shape.items() if key != "norm"}
    return Settings.load("original" if shape["kind"] == "split" else "paper", found)


def take_over(domains: Mapping[str, Domain], original: Original) -> None:
    """Put the weights of a checkpoint into fresh domains, averaged copies included."""
    for name, domain in domains.items():
        assert domain.generator_group is not None
        domain.generator_group.fill({"encoder": original.encoders[name], "decoder": original.decoders[name]})
        domain.discriminator_group.fill({"discriminator": original.discriminators[name].network})
    shared = shared_by(domains)
    if shared is not None and original.shared is not None:
        shared.generator_group.fill(dict(zip(("encoder", "decoder"), original.shared, strict=True)))
        # The checkpoint and the run number their domains differently, and shared blocks get the number as an input.
        order = [original.names.index(name) for name in sorted(domains, key=lambda name: domains[name].place)]
        state = shared.generator_group.state()
        _reorder([one for name, one in state.items() if name.startswith(("weights/", "average/"))], order)


@torch.no_grad()
def _reorder(weights: Iterable[Tensor], order: Sequence[int]) -> None:
    """Reorder the maps by which shared blocks get the domain: the last input channels of their convolutions."""
    for weight in weights:
        if weight.ndim == 4:
            maps = weight[:, -len(order) :]
            maps.copy_(maps[:, list(order)])


def _networks(original: Original) -> dict[str, Any]:
    encoder, decoder = original.encoders[original.names[0]].shape, original.decoders[original.names[0]].shape
    found = building.networks_of(encoder, decoder)
    if original.shared is not None:
        behind, before = original.shared
        found["networks.shared_encoder_blocks"] = behind.shape["blocks"]
        found["networks.shared_decoder_blocks"] = before.shape["blocks"]
    return found


def _options(original: Original) -> dict[str, Any]:
    """The settings that opt.txt gives, and the sizes of the images."""
    given, size = original.options, original.image_size
    # Without loadSize in opt.txt, pictures are loaded at 286 / 256 of the crop's size.
    found: dict[str, Any] = {"images.size": size, "images.load": round(size * 286 / 256)}
    found |= {setting: given.number(option, 0) for option, setting in NUMBERS.items() if option in given}
    if "no_flip" in given:
        found["images.flip"] = not given.is_on("no_flip")
    if "no_lsgan" in given:
        found["losses.gan"] = "cross-entropy" if given.is_on("no_lsgan") else "least-squares"
    if "beta1" in given:
        found["optimizer.betas"] = (given.number("beta1", 0.5), 0.999)
    if "niter" in given and "niter_decay" in given:
        count = len(original.names)  # published epochs are of the whole run, ours of each domain
        constant, falling = given.number("niter", 0), given.number("niter_decay", 0)
        found["schedule.epochs"] = max(1, round((constant + falling) / count))
        found["schedule.decay_from"] = min(round(constant / count), found["schedule.epochs"])
    return found

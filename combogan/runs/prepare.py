"""From words to a run that is ready to start: everything is resolved and checked, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from combogan import machine
from combogan.data import catalog
from combogan.data.alignment import alignments, refuse_other_sizes, sentences, why_not
from combogan.data.catalog import DomainPictures
from combogan.data.checking import usable
from combogan.data.moved import moved, reopen_all
from combogan.data.paired_split import with_truth
from combogan.data.validation_split import with_validation
from combogan.errors import DomainError, RunError, WorkersError
from combogan.evaluation.image_features import NETWORK as SCORED_WITH
from combogan.networks.feature_heads import NETWORK
from combogan.networks.features import published_weights
from combogan.networks.latent import shares_one_space
from combogan.registry.registry import GROWTH_CARD, RUN_CARD
from combogan.runs.bridge_card import Bridging, is_bridge, refuse_workers
from combogan.runs.changes import in_proportion, refuse_changes
from combogan.runs.frozen_packs import FrozenPacks
from combogan.runs.growth_card import Growth, is_growth
from combogan.settings import Settings
from combogan.training import loggers
from combogan.training.cluster import refuse_missing
from combogan.training.folder import RunFolder, free_name
from combogan.training.schedule import Course, course

Tell = Callable[[str], object]
Meets = Callable[[str, str], bool]
"""Two domains -> whether they are trained together."""


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start or to go on."""

    path: Path
    """The run's folder."""
    settings: Settings
    sources: dict[str, DomainPictures]
    card: Growth | Bridging | None = None
    """What a domain is added to, or a bridge is built between; None where all domains are trained."""
    changes: Mapping[str, Any] | None = None
    """The settings that change when a run goes on; None for a new run."""

    @property
    def course(self) -> Course:
        """How long the run is; where a domain is added or a bridge is built, epochs count for it alone."""
        chosen = self.settings.schedule
        return course(
            max(len(source.train) for source in self.sources.values()),
            batch=chosen.batch,
            epochs=chosen.epochs,
            decay_from=chosen.decay_from,
            iterations=chosen.iterations,
            domains=len(self.sources) if self.card is None else 1,
        )

    @property
    def one_space(self) -> bool:
        """Whether all halves share one latent space."""
        return self.card is not None or _one_space(self.settings)


def _one_space(settings: Settings) -> bool:
    """Whether the domains of a run, trained together from new networks, share one latent space."""
    return shares_one_space(len(settings.domains), autoencode=settings.losses.autoencodes)


def prepare(
    settings: Settings,
    domains: Sequence[str],
    *,
    data: Path | None = None,
    out: Path | None = None,
    tell: Tell = lambda _: None,
) -> Prepared:
    """A new run of domains (names, or `name=FOLDER`) in the folder `out`, by default runs/<domains joined by ->.

    Raises RunError, DomainError and DeviceError.
    """
    if out is not None:
        RunFolder(out).refuse_taken()
    machine.device(settings.run.device)  # a missing device is refused before pictures are listed
    settings, sources = settle(settings, catalog.resolve(domains, data=data), tell=tell)
    start, trained = settings.schedule.autoencode, settings.schedule.iterations
    if trained is not None and start > trained:
        tell(
            f"The start takes {start} iterations of autoencoding, more than the {trained} of the training; "
            "--set schedule.autoencode=N shortens it."
        )
    return Prepared(out or free_name(Path("runs"), "-".join(sources).replace("/", "-")), settings, sources)


def prepare_resume(
    path: Path,
    changes: Mapping[str, Any],
    *,
    domains: Sequence[str] = (),
    data: Path | None = None,
    tell: Tell = lambda _: None,
) -> Prepared:
    """A run, or the adding of a domain, that goes on with some settings changed.

    `domains` and `data` say where moved pictures are now, as arguments of `moved`. Raises RunError, DomainError.
    """
    folder = RunFolder.open(path)
    growth = Growth.read(path) if is_growth(path) else None
    bridging = Bridging.read(path) if is_bridge(path) else None
    if growth is None:
        refuse_lost_growth(path)
    before = folder.settings()
    changes = in_proportion(changes, before)
    settings = before.changed(changes)
    refuse_changes(before, settings)
    if bridging is not None:
        refuse_workers(settings)
    card = growth or bridging
    if card is not None:
        _refuse_other_domains(card, path, before)
        _refuse_changed_packs(card)
    elif _one_space(before) != _one_space(settings):
        raise RunError(
            "losses.identity cannot be switched on or off, or be of another kind, when a run of two domains goes on: "
            "with autoencode identity they share a latent space and without it they do not; start a new run for it."
        )
    _refuse_added(folder)
    places = moved(settings.domains, domains, data)
    found = reopen_all(settings.domains | places)
    settings, sources = settle(settings, found, meets=None if card is None else card.meets, tell=tell)
    changes |= {f"domains.{name}": origin for name, origin in places.items()}
    return Prepared(path, settings, sources, card, changes)


def settle(
    settings: Settings, domains: Iterable[DomainPictures], *, meets: Meets | None = None, tell: Tell
) -> tuple[Settings, dict[str, DomainPictures]]:
    """Leave out unreadable pictures, hold out validation pictures, and resolve settings that depend on the machine.

    The domains replace those in the settings; `meets` says which are trained together, where one network is in every
    pair: that of an added domain, or a bridge's. FeaturesError: no pretrained network where losses need it.
    """
    device = machine.device(settings.run.device)
    loggers.refuse_missing(settings.run.loggers)
    if settings.run.workers:
        _refuse_workers(settings)
    if settings.losses.heads or settings.losses.style:
        published_weights(NETWORK)  # missing ones are refused before anything is written
    domains, images = with_truth(domains, trained=settings.losses.paired > 0), settings.images
    sources = usable(domains, crop=images.size, channels=images.channels, depth=images.depth, tell=tell)
    settings, sources = with_validation(settings, sources, tell)
    truths = {source.truth for source in sources.values()}
    if settings.run.validate_every and (None in truths or len(truths) > 1):
        published_weights(SCORED_WITH)  # of the classifier that validations need where no truth is known
    if settings.losses.paired:
        _tell_pairs(settings, sources, meets, tell)
    together = 1 if meets is not None else _pairs_at_once(settings, len(sources), device)
    exact = images.depth == 16  # which bfloat16 would round
    precision = torch.float32 if exact else machine.precision(settings.run.precision, device)
    settings = settings.model_copy(update={"domains": {}}).changed(
        {
            "run.device": str(device),
            "run.precision": "bfloat16" if precision == torch.bfloat16 else "float32",
            "run.threads": settings.run.threads or max(1, torch.get_num_threads() // together),
            "run.pairs_at_once": together,
            **{f"domains.{name}": source.origin for name, source in sources.items()},
        }
    )
    return settings, sources


def threads_alone(before: Settings) -> int:
    """Threads for one pair at a time, trained after a run: all those of the run, as far as this machine has so many.

    Workers cannot share them; after a run with workers it is 0, which stands for all threads of this machine.
    """
    run = before.run
    return 0 if run.workers else min(run.threads * run.pairs_at_once, torch.get_num_threads())


def _pairs_at_once(settings: Settings, domains: int, device: torch.device) -> int:
    """How many disjoint pairs are trained at a time: small convolutions use the cores best with a pair on each.

    It is one on CUDA, for pairs drawn at random, which often overlap, and with shared blocks, which are in every pair.
    With workers it is the number of those that can be busy at the same time.
    """
    shared = settings.networks.shared_encoder_blocks + settings.networks.shared_decoder_blocks
    if settings.run.workers:
        return max(1, min(_workers(settings), domains // 2))
    if settings.schedule.pairs != "rounds" or shared or device.type != "cpu":
        return 1
    room = torch.get_num_threads() // max(1, settings.run.threads)
    resident = min(settings.run.resident or domains, domains)
    return max(1, min(settings.run.pairs_at_once or room, resident // 2))


def _workers(settings: Settings) -> int:
    """How many workers a run is planned for; `auto` plans one for each thread of this machine."""
    return torch.get_num_threads() if settings.run.workers == "auto" else settings.run.workers


def _refuse_workers(settings: Settings) -> None:
    """WorkersError where there is no Ray, or meetings cannot be spread out."""
    refuse_missing()
    if settings.networks.shared_encoder_blocks or settings.networks.shared_decoder_blocks:
        raise WorkersError(
            "shared blocks are in every pair, so meetings cannot be spread over workers; leave --workers out, or train "
            "without networks.shared_encoder_blocks and shared_decoder_blocks."
        )


def _tell_pairs(settings: Settings, sources: Mapping[str, DomainPictures], meets: Meets | None, tell: Tell) -> None:
    """Tell how many training pictures of which domains pair up by name; `meets` is as in `settle`.

    DomainError where domains do not pair up that are trained on pairs alone, and where counterparts of test pictures
    would be trained on; PictureError for pairs of different sizes.
    """
    pictures = {name: source.train for name, source in sources.items()}
    found = alignments(pictures)
    for a, b in found:
        if sources[a].holds_out_tests and not sources[b].holds_out_tests:
            raise DomainError(
                f"'{a}' has no test folder but '{b}' has, so counterparts of pictures to test with would be trained "
                f"on; give '{a}' the folders 'train' and 'test' with the names of '{b}', or put all pictures of "
                f"'{b}' into one folder."
            )
    refuse_other_sizes(pictures, found)
    for sentence in sentences(found, pictures):
        tell(sentence)
    trained = [pair for pair in combinations(pictures, 2) if meets is None or meets(*pair)]
    unpaired = [pair for pair in trained if pair not in found]
    if not unpaired:
        return
    (a, b), cycle = unpaired[0], settings.losses.cycle
    names = why_not(pictures[a], pictures[b])
    if not cycle:
        raise DomainError(
            f"'{a}' and '{b}' do not pair up by name ({names}), and without a way back nothing keeps what their "
            "pictures show; name pairs alike, leave one of the domains out, or set losses.cycle, such as to 10."
        )
    if len(unpaired) == len(trained):
        raise DomainError(
            f"losses.paired is set, but '{a}' and '{b}' do not pair up by name ({names}), nor do any others; name "
            "pairs alike, or set losses.paired=0 and discriminator.sees=image."
        )


def _refuse_other_domains(card: FrozenPacks, path: Path, settings: Settings) -> None:
    """RunError where the card in a folder is not of the domains in its settings."""
    if not card.fits(settings.domains):
        raise RunError(
            f"the card in {path} is damaged: the settings there name {', '.join(settings.domains)}, and the card other "
            f"domains; delete {path} and begin again."
        )


def _refuse_changed_packs(frozen: FrozenPacks) -> None:
    """RunError where a pack that must not change is gone, or is no longer what it was when the training began."""
    if changed := frozen.changed_files():
        what = "has changed" if Path(changed[0]).exists() else "is gone"
        raise RunError(
            f"{changed[0]} {what} since this training began, as where its run was moved or trained further; put it "
            "back as it was, or begin again."
        )


def _refuse_added(run: RunFolder) -> None:
    """RunError where a domain was added to a run, or is being added."""
    for card in sorted(run.added.rglob(GROWTH_CARD)):
        growth = Growth.read(card.parent)
        if not Path(growth.target).exists():
            raise RunError(
                f"'{growth.name}' is being added to {run.path}, which must not change meanwhile; finish that (combogan "
                f"train --resume {card.parent}), or delete {card.parent}."
            )
    if any(run.added.glob("*")):
        raise RunError(
            f"domains were added to {run.path}, so it is not trained further: it would leave the latent space that "
            "they learned; start a new run with all the domains."
        )


def refuse_lost_growth(path: Path) -> None:
    """RunError for an added domain's folder without its card, which would be trained like a run of its own."""
    for parent in path.resolve().parents:
        if parent.name == "added" and (parent.parent / RUN_CARD).is_file():
            raise RunError(f"{path / GROWTH_CARD} is missing; delete {path} and add the domain again.")

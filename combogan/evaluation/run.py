"""Opens a run on disk, and scores it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from combogan.data.catalog import DomainPictures, reopen
from combogan.data.checking import usable
from combogan.data.moved import moved
from combogan.data.paired_split import with_truth
from combogan.errors import DomainError, PackError, RunError
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.kid import Backbone
from combogan.evaluation.scores import Scores
from combogan.evaluation.scoring import PICTURES, score
from combogan.evaluation.truth import paired
from combogan.registry.pack import Pack
from combogan.registry.registry import RUN_CARD, Registry
from combogan.settings import Settings
from combogan.translation.translator import Translator


@dataclass(frozen=True)
class Opened:
    """A run with its packs and pictures."""

    settings: Settings
    registry: Registry
    sources: tuple[DomainPictures, ...]
    """In the order of settings.toml, then domains added later; with a truth where test pictures pair up by name."""
    lost: Mapping[str, str]
    """Domains whose pictures or packs are missing or damaged -> the reason."""

    def composes(self, source: str, target: str) -> bool:
        """Whether there are packs for this direction."""
        return self.registry.composes(source, target)


def open_run(run: Path, *, data: Path | None = None, tell: Callable[[str], object] = lambda what: None) -> Opened:
    """A run with its pictures; those of a domain whose folder has moved are in `data`/NAME.

    Pictures that cannot be read are left out, and `tell` is called with a message for each. RunError: it is no run, or
    has published nothing; DomainError: `data` has no folder of its domains.
    """
    settings, registry = _read(run)
    origins, lost = _origins(registry.packs, settings.domains)
    if data is not None:
        origins |= moved(origins, data=data)
    listed, images = [], settings.images
    for name, origin in origins.items():
        try:
            listed.append(reopen(name, origin))
        except DomainError as error:
            gone = Path(origin).is_absolute() and not Path(origin).is_dir()
            remedy = ", or give --data DIR" if data is None else f", or as {data / name}"
            lost[name] = str(error).rstrip(".") + (remedy if gone else "")
    sources = []
    for source in paired(with_truth(listed, trained=settings.losses.paired > 0)):
        try:
            kind = {"channels": images.channels, "depth": images.depth}
            readable = usable([source], crop=images.size, **kind, tell=tell)[source.name]
        except DomainError as error:
            lost[source.name] = str(error).rstrip(".")
            continue
        if len(readable.test):
            sources.append(readable)
        else:
            lost[source.name] = "none of its test pictures can be read"
    lost |= {folder.relative_to(run / "packs").as_posix(): str(error) for folder, error in registry.damaged.items()}
    return Opened(settings, registry, tuple(sources), lost)


def fitted_classifier(
    opened: Opened,
    *,
    size: int | None = None,
    device: str | torch.device = "cpu",
    say: Callable[[str], object] = lambda what: None,
) -> Arrival | None:
    """A classifier of the domains of a run, fitted to their training pictures; None where fewer than two have any."""
    if len(opened.sources) < 2:
        return None
    say("Training the classifier")
    pictures = {source.name: source.train for source in opened.sources}
    return Arrival.train(pictures, size or opened.settings.images.size, device=device)


def evaluate(
    run: Path | Opened,
    *,
    arrival: Arrival | None = None,
    device: str | torch.device = "cpu",
    size: int | None = None,
    pictures: int | None = PICTURES,
    features: Backbone | None = None,
    say: Callable[[str], object] = lambda what: None,
) -> Scores:
    """Score the packs of a run on at most `pictures` test pictures of each domain, at `size` or else its training size.

    See `score` for the other parameters. Raises what `open_run` raises, and what reading packs and pictures raises.
    """
    opened = run if isinstance(run, Opened) else open_run(run, tell=say)
    scores = score(
        Translator(opened.registry, device, "float32").translate,
        opened.sources,
        size or opened.settings.images.size,
        composes=opened.composes,
        pictures=pictures,
        arrival=arrival,
        features=features,
        device=device,
        say=say,
    )
    return replace(scores, unscored={**scores.unscored, **opened.lost})


def _read(run: Path) -> tuple[Settings, Registry]:
    """The settings and packs of a run. RunError where it is no run, or has no packs."""
    file = run / RUN_CARD
    if not file.is_file():
        found = f"it has no {RUN_CARD}" if run.is_dir() else "there is no such folder"
        raise RunError(f"'{run}' is not a run: {found}; give a folder that `combogan train` has written.")
    try:
        return Settings.load(file), Registry.open(run)
    except PackError as error:  # no packs at all; damaged ones are in `Registry.damaged`
        raise RunError(str(error)) from None


def _origins(packs: Iterable[Pack], origins: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Domain of each pack -> where its pictures are, later ones last; and domain -> why that is not known."""
    found, lost = {}, {}
    order = list(origins)
    for pack in sorted(packs, key=lambda pack: order.index(pack.domain) if pack.domain in origins else len(order)):
        if origin := origins.get(pack.domain) or pack.about.get("origin"):
            found[pack.domain] = origin
        else:
            lost[pack.domain] = "its pack does not say where its pictures are"
    return found, lost

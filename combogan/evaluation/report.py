"""A run's translations scored against truth, beside what needs no learning: copying the input, matching colours.

Domains have truth where their test sets show the same things under the same names, as the drawn scenes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from combogan.data.catalog import Domain, reopen
from combogan.data.pictures import PictureSet, scale_short_side, to_image
from combogan.errors import DomainError, PackError, RunError
from combogan.evaluation.metrics import ColourMatch, psnr, ssim
from combogan.evaluation.scores import Comparison, PairScores, Quality, Scores
from combogan.registry.pack import Pack
from combogan.registry.registry import Registry
from combogan.settings import Settings
from combogan.translation.translator import Translator

Translate = Callable[[str, Sequence[str], Tensor], Mapping[str, Tensor]]
"""(source, targets, images (n, 3, h, w)) -> the same images in each target, as `Translator.translate`."""

NO_TRUTH = "there is no truth to compare with"
BATCH = 8


def evaluate(run: Path, *, device: str | torch.device = "cpu", size: int | None = None) -> Scores:
    """Score the packs of a run on test pictures, at `size` or else the size that it was trained at.

    RunError: not a run, or one that has published nothing. Other errors as raised by what reads packs and pictures.
    """
    settings, registry = _open_run(run)
    domains, unscored = _reopen_all(registry.packs, settings.domains)
    unscored |= {folder.relative_to(run / "packs").as_posix(): str(error) for folder, error in registry.damaged.items()}
    translator = Translator(registry, device=device)
    scores = truth_scores(translator.translate, domains, size or settings.images.size, device=device)
    return Scores(scores.size, scores.pairs, {**scores.unscored, **unscored})


@torch.no_grad()
def truth_scores(
    translate: Translate,
    domains: Iterable[Domain],
    size: int,
    *,
    pictures: int | None = None,
    matches: Mapping[str, ColourMatch] | None = None,
    device: str | torch.device = "cpu",
) -> Scores:
    """Score translations between all of the domains that share a truth, on at most `pictures` test pictures of each.

    `matches` are the colours of the domains, as `colour_matches` gives them: fit once where scores are taken often.
    """
    domains = list(domains)
    groups = _truths(domains)
    matches = matches or colour_matches([domain for group, _ in groups for domain in group], size)
    pairs: list[PairScores] = []
    for group, names in groups:
        pairs += _group_scores(translate, group, names[:pictures], size, matches, torch.device(device))
    scored = {pair.source for pair in pairs}
    return Scores(size, tuple(pairs), {one.name: NO_TRUTH for one in domains if one.name not in scored})


def colour_matches(domains: Iterable[Domain], size: int) -> dict[str, ColourMatch]:
    """The colours of each domain, over all pixels of its training pictures."""
    return {
        domain.name: ColourMatch.fit(_image(domain.train, index, size) for index in range(len(domain.train)))
        for domain in domains
    }


def _truths(domains: Sequence[Domain]) -> list[tuple[list[Domain], list[str]]]:
    """Domains that share a truth, with the names of the test pictures that all of them have."""
    found: dict[str, list[Domain]] = {}
    for domain in domains:
        if domain.truth is not None:
            found.setdefault(domain.truth, []).append(domain)
    groups = []
    for group in found.values():
        others = [set(domain.test.names) for domain in group[1:]]
        names = [name for name in group[0].test.names if all(name in other for other in others)]
        if len(group) > 1 and names:
            groups.append((group, names))
    return groups


def _group_scores(
    translate: Translate,
    group: Sequence[Domain],
    names: Sequence[str],
    size: int,
    matches: Mapping[str, ColourMatch],
    device: torch.device,
) -> list[PairScores]:
    """Scores of all ordered pairs of a group; every picture is loaded once, and encoded once for all targets."""
    rows: dict[tuple[str, str], list[Tensor]] = {(a.name, b.name): [] for a in group for b in group if a is not b}
    places = {domain.name: {name: index for index, name in enumerate(domain.test.names)} for domain in group}
    for start in range(0, len(names), BATCH):
        images = {
            domain.name: torch.stack(
                [_image(domain.test, places[domain.name][name], size) for name in names[start : start + BATCH]]
            ).to(device)
            for domain in group
        }
        for source, x in images.items():
            translated = translate(source, [name for name in images if name != source], x)
            for target, fake in translated.items():
                truth = images[target]
                rivals = (fake.to(truth), matches[target](x), x)
                values = [metric(image, truth) for image in rivals for metric in (psnr, ssim)]
                rows[source, target].append(torch.stack(values).cpu())
    return [_pair_scores(source, target, torch.cat(values, 1)) for (source, target), values in rows.items()]


def _pair_scores(source: str, target: str, values: Tensor) -> PairScores:
    """From PSNR and SSIM of translation, colour matching and copying, in this order: (6, pictures)."""
    means = values.double().mean(1).tolist()
    qualities = [Quality(*means[start : start + 2]) for start in (0, 2, 4)]
    return PairScores(source, target, values.shape[1], Comparison(*qualities))


def _image(pictures: PictureSet, index: int, size: int) -> Tensor:
    """A picture as a square image (3, size, size): its short side scaled, its middle kept."""
    picture = scale_short_side(pictures.picture(index, size), size)
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    return to_image(picture.crop((left, top, left + size, top + size)))


def _open_run(run: Path) -> tuple[Settings, Registry]:
    """What a run was asked for, and the packs that it has published. RunError where it is none, or has none."""
    file = run / "settings.toml"
    if not file.is_file():
        found = "it has no settings.toml" if run.is_dir() else "there is no such folder"
        raise RunError(f"'{run}' is not a run: {found}; give a folder that `combogan train` has written.")
    try:
        return Settings.load(file), Registry.open(run)
    except PackError as error:  # not of a damaged pack: those are kept in `Registry.damaged`
        raise RunError(str(error)) from None


def _reopen_all(packs: Iterable[Pack], origins: Mapping[str, str]) -> tuple[list[Domain], dict[str, str]]:
    """The domains of packs, those added later at the end; and, by name, why the pictures of others cannot be had."""
    domains, lost = [], {}
    order = list(origins)
    for pack in sorted(packs, key=lambda pack: order.index(pack.domain) if pack.domain in origins else len(order)):
        origin = origins.get(pack.domain) or pack.about.get("origin")
        if not origin:
            lost[pack.domain] = "its pack does not say where its pictures are"
            continue
        try:
            domains.append(reopen(pack.domain, origin))
        except DomainError as error:
            lost[pack.domain] = str(error)
    return domains, lost

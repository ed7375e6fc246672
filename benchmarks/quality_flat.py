"""Measures of translations that need no truth: waves in flat places, such as a grid of dots in a sky, and light."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import torch
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.evaluation.colour_matching import colour_matches
from combogan.evaluation.images import batches, choice
from combogan.evaluation.run import Opened
from combogan.evaluation.scoring import PICTURES, Translate
from combogan.networks.discriminator import LUMINANCE
from combogan.translation.translator import Translator

WINDOW, STEP = 32, 16
"""Side of the windows in which waves are measured, and pixels from one window to the next."""
FLATTEST, FEWEST = 0.05, 8
"""Share of all windows that count as flat, and how many of them at least."""


def of_run(opened: Opened) -> dict[str, float]:
    """The measures of the translations of a run's test pictures."""
    translate = Translator(opened.registry, "cpu", "float32").translate
    return measured(translate, opened.sources, opened.settings.images.size, opened.composes)


def of_matching(opened: Opened) -> dict[str, float]:
    """The measures of the baseline: the same pictures with only their colours matched."""
    size = opened.settings.images.size
    matches = colour_matches(opened.sources, size)

    def match(source: str, targets: Sequence[str], x: Tensor) -> dict[str, Tensor]:
        return {target: matches[target](x) for target in targets}

    return measured(match, opened.sources, size, opened.composes)


def measured(
    translate: Translate, sources: Sequence[DomainPictures], size: int, composes: Callable[[str, str], bool]
) -> dict[str, float]:
    """The measures by name, means over the directions; on the test pictures that `evaluate` chooses."""
    found = []
    for source in sources:
        others = [other.name for other in sources if other is not source]
        targets = [name for name in others if composes(source.name, name)]
        found += list(_from(translate, source, targets, size))
    return {name: fmean(one[name] for one in found) for name in found[0]}


@torch.no_grad()
def _from(
    translate: Translate, source: DomainPictures, targets: Sequence[str], size: int
) -> Iterator[dict[str, float]]:
    """The measures of each direction from one domain."""
    seen: list[Tensor] = []
    made: dict[str, list[Tensor]] = {target: [] for target in targets}
    for x in batches(source.test, choice(source.test.names, PICTURES), size):
        seen.append(luminance(x))
        for target, fake in translate(source.name, targets, x).items():
            made[target].append(luminance(fake))
    for fakes in made.values():
        fake, x = torch.cat(fakes), torch.cat(seen)
        waves2, waves4 = waves(fake, x)
        yield {"waves2": waves2, "waves4": waves4, "light": light(fake, x)}


def luminance(image: Tensor) -> Tensor:
    """Image (n, 3, h, w) in [-1, 1] -> luminance (n, h, w) in [0, 1]."""
    return (image.double() * torch.tensor(LUMINANCE, dtype=torch.float64).view(1, 3, 1, 1)).sum(1).add(1).div(2)


def waves(fake: Tensor, x: Tensor) -> tuple[float, float]:
    """How strong waves of two and of four pixels are where the source is flat, over waves of neighbouring lengths.

    Luminances (n, h, w) of translations and of their sources -> ratios of power: 1 for noise without a grid.
    """
    windows, of_source = (
        one.unfold(1, WINDOW, STEP).unfold(2, WINDOW, STEP).reshape(-1, WINDOW, WINDOW) for one in (fake, x)
    )
    flat = of_source.std((1, 2)).argsort(stable=True)[: max(FEWEST, int(FLATTEST * len(of_source)))]
    hann = torch.hann_window(WINDOW, dtype=fake.dtype)
    shown = (windows[flat] - windows[flat].mean((1, 2), keepdim=True)) * hann[:, None] * hann
    half = WINDOW // 2 + 1
    power = torch.fft.fft2(shown).abs().square().mean(0)[:half, :half]
    # At place k: waves of WINDOW / k pixels. A flat picture has no waves at all, and so none that stand out.
    row = power.mean(0) + power.mean(1) + torch.finfo(power.dtype).tiny
    return (row[16] / row[13]).item(), (row[8] / (row[5].sqrt() * row[11].sqrt())).item()


def light(fake: Tensor, x: Tensor) -> float:
    """Mean absolute difference of the mean luminance of translations (n, h, w) from that of their sources."""
    return (fake.mean((1, 2)) - x.mean((1, 2))).abs().mean().item()

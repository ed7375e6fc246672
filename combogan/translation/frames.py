"""Translates pictures that follow each other, steadily, and measures how much the translations flicker.

Three things make translations steady: averages over time in the norms (`steady`), against changes of the whole picture;
noise, and a share of the previous translation, that move as the source moves, against changes of single pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from combogan.networks.noise import carried
from combogan.translation.motion import difference, motion, moved
from combogan.translation.steady import STEADY, SteadyTranslator
from combogan.translation.translator import Translator

SAMPLE = 20
"""Of so many frames, two neighbours are also translated without steady statistics, to compare."""
CARRIED = 0.8
"""The share of a steady translation that is the one before, moved as the source moves, where that gives the source."""
EXPLAINED = 8.0
"""Levels of 255 at which 1/e of that share is left, where the moved source differs from the source."""
CUT = 20.0
"""Levels of 255 above which neighbours, one moved onto the other, show different scenes."""

NAMED = 5
"""Unreadable frames that are named, at most."""
THERE = ""
"""Stands beside the targets, from which there is a way back, for the way there."""

Translations = dict[tuple[str, bool], Tensor]
"""(target, whether it is the way back from there) -> image (3, h, w)."""
Progress = Callable[[int, int], None]
"""Is told how many frames are done, and of how many."""


@dataclass
class Flicker:
    """Sums over pairs of neighbours: mean absolute differences that motion does not explain, in levels of 255."""

    pairs: int = 0
    source: float = 0.0
    translated: float = 0.0
    sampled: int = 0
    sampled_source: float = 0.0
    plain: float = 0.0
    """Of the sampled pairs, translated without steady statistics."""

    def __str__(self) -> str:
        """For people: `1.10 times the source's (2.21 of 255 levels, its own 2.01), 1.62 without --steady`."""
        if not self.pairs:
            return "not measured, because no two neighbours show the same scene"
        own, translated = self.source / self.pairs, self.translated / self.pairs
        levels = f"{translated:.2f} of 255 levels, its own {own:.2f}"
        if own < 0.005:  # a still picture
            return f"{levels}"
        text = f"{translated / own:.2f} times the source's ({levels})"
        if self.sampled and self.sampled_source:
            text += f", {self.plain / self.sampled_source:.2f} without --steady"
        return text


class FrameTranslator:
    """Translates the frames of one film in their order, with averages over time of which the share `keep` stays.

    With a `keep` of 0 each frame is translated on its own. `state` continues another's translations.
    """

    def __init__(
        self,
        translator: Translator,
        source: str,
        targets: Sequence[str],
        *,
        reconstruct: bool = False,
        keep: float = STEADY,
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._plain, self._source, self._targets, self._reconstruct = translator, source, list(targets), reconstruct
        known = state or {}
        ways = [THERE, *(targets if reconstruct else ())] if keep else []
        self._steady = {way: SteadyTranslator(translator, keep, _part(known, way)) for way in ways}
        self._before: Tensor | None = None
        self._moved = known["moved"].to(translator.device) if "moved" in known else None
        self._made = {way: known[name].to(translator.device) for name, way in self._names().items() if name in known}
        self._made_plain: Translations = {}
        self._number = 0
        self.flicker = Flicker()

    def __call__(self, image: Tensor) -> Translations:
        """All translations of the next frame (3, h, w). Raises PackError, SpaceError."""
        image = image.unsqueeze(0).to(self._plain.device)
        flow, own = None, 0.0
        if self._before is not None:
            flow = motion(self._before, image)
            own = difference(self._before, image, flow)
            if own > CUT:
                flow = None
                for translator in self._steady.values():
                    translator.forget()
        self._moved = None if flow is None else _followed(self._moved, flow)
        made = self._translated(image, self._steady)
        if flow is not None and self._before is not None and self._steady and self._made:
            share = CARRIED * _explained(self._before, image, flow)
            made = {way: torch.lerp(now, moved(self._made[way], flow), share) for way, now in made.items()}
        sampled = bool(self._steady) and self._number % SAMPLE in (SAMPLE // 2, SAMPLE // 2 + 1)
        plain = self._translated(image, {}) if sampled else {}
        if flow is not None and self._made:
            self.flicker.pairs += 1
            self.flicker.source += own
            self.flicker.translated += _mean_difference(self._made, made, flow)
            if plain and self._made_plain:
                self.flicker.sampled += 1
                self.flicker.sampled_source += own
                self.flicker.plain += _mean_difference(self._made_plain, plain, flow)
        self._before, self._made, self._made_plain = image, made, plain
        self._number += 1
        return {key: translation[0] for key, translation in made.items()}

    def skip(self, image: Tensor) -> None:
        """Pass over a frame (3, h, w) that has been translated already."""
        self._before = image.unsqueeze(0).to(self._plain.device)
        self._number += 1

    def state(self) -> dict[str, Tensor]:
        """The averages over time, and the last translations."""
        known = {} if self._moved is None or not self._steady else {"moved": self._moved}
        known |= {
            f"{way}/{place}": average
            for way, translator in self._steady.items()
            for place, average in translator.state().items()
        }
        return known | {name: self._made[way].contiguous() for name, way in self._names().items() if way in self._made}

    def _names(self) -> dict[str, tuple[str, bool]]:
        """The name in `state` of each way's last translation."""
        ways = [(target, back) for target in self._targets for back in (False, True)]
        return {f"{'back' if back else 'there'} {target}": (target, back) for target, back in ways}

    def _translated(self, image: Tensor, steady: Mapping[str, Translator]) -> Translations:
        with carried(self._moved[0]) if steady and self._moved is not None else nullcontext():
            fakes = steady.get(THERE, self._plain).translate(self._source, self._targets, image)
            made = {(target, False): fake.contiguous() for target, fake in fakes.items()}  # as `state` has it
            for target in self._targets if self._reconstruct else ():
                back = steady.get(target, self._plain).translate(target, [self._source], fakes[target])
                made[target, True] = back[self._source].contiguous()
        return made


def quiet(done: int, total: int) -> None:
    """A Progress that tells nobody."""


def notes(name: str, unreadable: Sequence[float], flicker: Flicker) -> tuple[str, ...]:
    """Sentences on a film for people: frames, by their times in seconds, that could not be read; and its flicker."""
    said = [f"{name}: flicker {flicker}."]
    if unreadable:
        more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
        times = ", ".join(f"{time:.2f} s" for time in unreadable[:NAMED]) + more
        one = len(unreadable) == 1
        said.insert(
            0, f"{name}: {'a frame' if one else 'frames'} could not be read, and the one before is repeated: {times}."
        )
    return tuple(said)


def _followed(before: Tensor | None, flow: Tensor) -> Tensor:
    """How far each pixel is from where it was in the first frame, as `flow`; beyond the border as at the border."""
    return flow if before is None else flow + moved(before, flow)


def _explained(before: Tensor, after: Tensor, flow: Tensor) -> Tensor:
    """(1, 1, h, w): 1 where a pixel (of images in [-1, 1]) is the one that moved there, towards 0 where it differs."""
    levels = 127.5 * (after - moved(before, flow)).abs().mean(1, keepdim=True)
    return torch.exp(-((levels / EXPLAINED) ** 2))


def _mean_difference(before: Translations, after: Translations, flow: Tensor) -> float:
    return sum(difference(before[key], after[key], flow) for key in after) / len(after)


def _part(state: Mapping[str, Tensor], way: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{way}/"): value for name, value in state.items() if name.startswith(f"{way}/")}

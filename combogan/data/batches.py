"""The batches of an iteration: images of two domains, chosen by the seed and loaded ahead in a thread.

An image is a pure function of (settings, pictures, iteration, domain), whatever was loaded before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from combogan.data.alignment import Alignment
from combogan.data.pictures import PictureSet, black_to_white, resized, scale_short_side, values_of
from combogan.errors import PictureError
from combogan.seeding import numbers

AHEAD = 8
"""Iterations that are loaded ahead at least."""
CACHE_BYTES = 2 << 30


class Batches:
    """Training images of several domains, (batch, channels, size, size) float32 in [-1, 1]."""

    def __init__(
        self,
        pictures: Mapping[str, PictureSet],
        *,
        size: int,
        load: int,
        resize: Literal["short-side", "square"],
        flip: bool,
        batch: int,
        seed: int,
        aligned: Mapping[tuple[str, str], Alignment] | None = None,
    ) -> None:
        """`aligned` are the pairs of domains whose pictures are drawn in pairs."""
        self.aligned = aligned or {}
        self.pictures, self.size, self.load, self.resize = dict(pictures), size, load, resize
        self.flip, self.batch, self.seed = flip, batch, seed
        self._loaded: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def images(self, domain: str, iteration: int) -> Tensor:
        """The images of a domain in an iteration: random pictures, crops and flips, decided by the seed."""
        chance, count = numbers(self.seed, "batch", iteration, domain), len(self.pictures[domain])
        crops = []
        for _ in range(self.batch):
            pixels = self._pixels(domain, int(chance.integers(count)))
            crops.append(self._crop(pixels, chance))
        return _tensor(crops)

    def pair(self, iteration: int, a: str, b: str) -> tuple[Tensor, Tensor]:
        """The images of two domains in an iteration; if they are aligned, of the same pairs, crops and flips.

        PictureError where the two pictures of a pair are of different sizes.
        """
        if (a, b) not in self.aligned:
            return self.images(a, iteration), self.images(b, iteration)
        first, second = sorted((a, b))
        chance, pairs = numbers(self.seed, "batch", iteration, first, second), self.aligned[first, second].indices
        crops: dict[str, list[np.ndarray]] = {a: [], b: []}
        for _ in range(self.batch):
            chosen = dict(zip((first, second), pairs[int(chance.integers(len(pairs)))], strict=True))
            pixels = {name: self._pixels(name, index) for name, index in chosen.items()}
            self._refuse_other_size(chosen, pixels)
            both = self._crop(np.concatenate([pixels[first], pixels[second]], axis=2), chance)
            half = both.shape[2] // 2
            crops[first].append(both[..., :half])
            crops[second].append(both[..., half:])
        return _tensor(crops[a]), _tensor(crops[b])

    def _crop(self, pixels: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """A random crop (size, size, channels), perhaps mirrored."""
        top = int(chance.integers(pixels.shape[0] - self.size + 1))
        left = int(chance.integers(pixels.shape[1] - self.size + 1))
        crop = pixels[top : top + self.size, left : left + self.size]
        return crop[:, ::-1] if self.flip and chance.random() < 0.5 else crop

    def _refuse_other_size(self, chosen: Mapping[str, int], pixels: Mapping[str, np.ndarray]) -> None:
        (one, height_width), (other, others) = ((name, values.shape[:2]) for name, values in pixels.items())
        if height_width != others:
            names = {name: self.pictures[name].names[index] for name, index in chosen.items()}
            raise PictureError(
                f"'{names[one]}' of '{one}' and '{names[other]}' of '{other}' are a pair, but of different shapes "
                f"({height_width[1]} x {height_width[0]} and {others[1]} x {others[0]} pixels); make them alike."
            )

    def draw(self, iterations: int, tell: Callable[[str], None]) -> None:
        """Draw all scenes in advance if `iterations` use at least half as many images and the cache can hold them.

        Drawing holds Python's global lock: in the background it would slow down the training thread.
        """
        drawn = {domain: scenes for domain, scenes in self.pictures.items() if scenes.folder is None}
        count = sum(map(len, drawn.values()))
        if 2 * self.batch * iterations >= count and 3 * count * self.load**2 <= CACHE_BYTES:
            if count:
                tell(f"Drawing {count:,} pictures.")
            for domain, scenes in drawn.items():
                for index in range(len(scenes)):
                    self._pixels(domain, index)

    def ahead(
        self, start: int, stop: int, pair: Callable[[int], tuple[str, str]], *, depth: int = AHEAD
    ) -> Generator[tuple[int, str, str, Tensor, Tensor], None, None]:
        """(iteration, a, b, x, y) for start <= iteration < stop, `depth` of them loaded ahead in a thread."""

        def load(iteration: int) -> tuple[int, str, str, Tensor, Tensor]:
            a, b = pair(iteration)
            return iteration, a, b, *self.pair(iteration, a, b)

        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        waiting: list[Future[tuple[int, str, str, Tensor, Tensor]]] = []
        try:
            for iteration in range(start, stop):
                waiting.append(executor.submit(load, iteration))
                if len(waiting) > depth:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            executor.shutdown(cancel_futures=True)

    def _pixels(self, domain: str, index: int) -> np.ndarray:
        """A picture scaled for cropping, as `values_of` gives it; the cache drops the least recently used ones."""
        with self._lock:
            if (found := self._loaded.get((domain, index))) is not None:
                self._loaded.move_to_end((domain, index))
                return found
        pixels = values_of(fit(self.pictures[domain].picture(index, self.load), self.load, self.resize))
        with self._lock:
            self._loaded[domain, index] = pixels
            self._bytes += pixels.nbytes
            while self._bytes > CACHE_BYTES:
                self._bytes -= self._loaded.popitem(last=False)[1].nbytes
        return pixels


def _tensor(crops: list[np.ndarray]) -> Tensor:
    """Crops (h, w, channels) of uint8, or of floats from 0 to 1 -> images (n, channels, h, w) in [-1, 1]."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(crops)))
    # (n, h, w, 3) in memory is channels_last (n, 3, h, w), the layout that the networks compute in.
    return stacked.permute(0, 3, 1, 2).to(torch.float32).div_(black_to_white(crops[0]) / 2).sub_(1)


def fit(picture: Image.Image, load: int, resize: Literal["short-side", "square"]) -> Image.Image:
    """Scale a picture so that its short side, or both, is `load` pixels (bicubic)."""
    if resize == "square":
        return resized(picture, (load, load))
    return scale_short_side(picture, load)

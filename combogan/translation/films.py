"""Translates films: a second at a time, so that one that was stopped goes on at the last whole second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from combogan import storage
from combogan.data.pictures import to_image, to_picture
from combogan.errors import PictureError
from combogan.translation.film import Film
from combogan.translation.frames import Flicker, FrameTranslator, Progress, notes, quiet
from combogan.translation.segments import Segment, join
from combogan.translation.translator import Translator

CARD = "progress.json"


class Parts:
    """The hidden folder beside a film's translations that holds their finished seconds until they are joined."""

    def __init__(self, folder: Path, made_of: Mapping[str, Any]) -> None:
        self.folder, self._made_of = folder, dict(made_of)
        self.seconds = 0
        """How many are finished."""
        self.unreadable: list[float] = []
        """Seconds from the start at which a frame could not be read."""
        self.flicker = Flicker()
        self.statistics: dict[str, Tensor] = {}

    def begin(self, name: str, *, resume: bool) -> None:
        """An empty folder, or with `resume` one that goes on. PictureError where it is of other settings."""
        card = self.folder / CARD
        if not (resume and card.exists()):
            storage.remove_folder(self.folder)
            with storage.explained(self.folder):
                self.folder.mkdir(parents=True)
            return
        try:
            known = json.loads(card.read_text("utf-8"))
            if known["made_of"] != self._made_of:
                raise PictureError(
                    f"'{name}' or its options have changed since its translation was stopped; leave out --resume to "
                    "begin again."
                )
            self.seconds, self.unreadable = known["seconds"], known["unreadable"]
            self.flicker = Flicker(**known["flicker"])
            self.statistics = safetensors.torch.load_file(self._statistics(self.seconds))
        except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
            raise PictureError(
                f"what was done of '{name}' is damaged ({self.folder}); leave out --resume to begin again."
            ) from error

    def segment(self, output: int, second: int) -> Path:
        """Where a second of an output is."""
        return self.folder / f"{output}-{second:06}.nut"

    def finish(self, second: int, frames: FrameTranslator) -> None:
        """Note that a second is finished. Raises StorageError."""
        before, self.seconds = self.seconds, second + 1
        storage.write(self._statistics(self.seconds), safetensors.torch.save(frames.state()))
        known = {"made_of": self._made_of, "seconds": self.seconds, "unreadable": self.unreadable}
        storage.write(self.folder / CARD, json.dumps(known | {"flicker": asdict(frames.flicker)}).encode())
        self._statistics(before).unlink(missing_ok=True)

    def _statistics(self, seconds: int) -> Path:
        return self.folder / f"steady-{seconds:06}.safetensors"


def film_size(film: Film, short_side: int | None) -> tuple[int, int]:
    """(width, height) of the translations: the film's, or with this short side and both sides even."""
    width, height = film.size
    if short_side is None:
        return width, height
    scale = short_side / min(width, height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def parts_of(film: Path) -> Path:
    """The folder with the parts of a film that is being made."""
    return film.with_name(f".{film.name}.parts")


def translate_film(
    translator: Translator,
    source: str,
    outputs: Mapping[tuple[str, bool], Path],
    *,
    film: Film,
    size: tuple[int, int],
    keep: float,
    resume: bool = False,
    progress: Progress = quiet,
) -> tuple[str, ...]:
    """Translate a film into `outputs`: (target, whether it is the way back from there) -> file. Gives notes.

    `size` is (width, height); `keep` of the averages over time stays from a frame to the next, 0 for no averages.
    With `resume`, goes on where an earlier call was stopped; a film that is finished is left as it is. Raises
    PictureError, PackError, SpaceError, StorageError.
    """
    name, paths = str(film.path), list(outputs.values())
    targets, reconstruct = list(dict.fromkeys(target for target, _ in outputs)), any(back for _, back in outputs)
    parts = Parts(parts_of(paths[0]), _made_of(translator, source, outputs, film, size, keep))
    if resume and not parts.folder.exists() and all(path.exists() for path in paths):
        return (f"{name}: finished before.",)
    parts.begin(name, resume=resume)
    frames = FrameTranslator(translator, source, targets, reconstruct=reconstruct, keep=keep, state=parts.statistics)
    frames.flicker = parts.flicker
    done = 0
    for second, group in groupby(film.frames(), key=lambda frame: film.second(frame.time)):
        if second < parts.seconds:
            for frame in group:
                frames.skip(_image(frame.picture, size))
                done += 1
            continue
        with ExitStack() as stack:
            segments = {
                key: stack.enter_context(Segment(parts.segment(number, second), film, size, path.suffix))
                for number, (key, path) in enumerate(outputs.items())
            }
            for frame in group:
                if not frame.readable:
                    parts.unreadable.append(float((frame.time - film.times[0]) * film.unit))
                for key, translation in frames(_image(frame.picture, size)).items():
                    segments[key].add(frame.time, np.asarray(to_picture(translation)))
                done += 1
                progress(done, len(film.times))
        parts.finish(second, frames)
    for number, path in enumerate(paths):
        seconds = [parts.segment(number, second) for second in range(parts.seconds)]
        join([second for second in seconds if second.exists()], film, path, parts.folder / f"whole{path.suffix}")
    storage.remove_folder(parts.folder)
    return notes(name, parts.unreadable, frames.flicker)


def _image(picture: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """A frame -> image (3, h, w) of a size."""
    frame = Image.fromarray(picture)
    return to_image(frame if frame.size == size else frame.resize(size, Image.Resampling.BICUBIC))


def _made_of(
    translator: Translator,
    source: str,
    outputs: Mapping[tuple[str, bool], Path],
    film: Film,
    size: tuple[int, int],
    keep: float,
) -> dict[str, Any]:
    """All that a translation depends on, as JSON has it."""
    choice, file = translator.choose(source, [target for target, _ in outputs]), film.path.stat()
    halves = [pack.halves for pack in (choice.source, *choice.targets.values())]
    return {
        "film": [file.st_size, file.st_mtime_ns],
        "outputs": [[target, back, path.name] for (target, back), path in outputs.items()],
        "halves": [card.sha256 for half in halves for card in half.values()],
        "size": list(size),
        "steady": keep,
        "wrap": translator.wrap,
        "precision": str(translator.precision),
    }

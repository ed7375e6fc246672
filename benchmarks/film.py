"""Draws a film with a moving camera and sound, and measures how much its translations flicker.

    python benchmarks/film.py draw walk.mp4
    python benchmarks/film.py flicker walk.mp4 --registry runs/seasons --from summer --to winter,fall

The camera is a window that moves over a large drawn scene on a curve; the sound is a sine tone. Flicker is what
`combogan translate` prints: the mean absolute difference of translated neighbours, of which the first is moved as the
source moves, over that of the source. Prints a row of a table in Markdown for each direction and each --steady.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combogan.data.pictures import to_image
from combogan.registry.registry import Registry
from combogan.scenery.scene import draw
from combogan.translation.film import Film
from combogan.translation.frames import FrameTranslator
from combogan.translation.translator import Translator

RATE = 25
TONE = 48_000
SCENE = 320
"""Side of the drawn scene, in pixels."""
WINDOW = 160, 120
"""What the camera sees, in pixels."""
STEADY = 0.0, 0.5, 0.9, 0.98


def pictures(season: str, index: int, seconds: float) -> Iterator[NDArray[np.uint8]]:
    """What a camera sees that moves over a scene, from ground to sky and back; (height, width, 3)."""
    scene = Image.fromarray(draw(season, 7, index, SCENE))
    width, height = WINDOW
    for number in range(round(seconds * RATE)):
        time = number / RATE
        left = (SCENE - width) * (1 + math.sin(1.1 * time)) / 2
        top = (SCENE - height) * (1 + math.cos(0.7 * time)) / 2
        box = left, top, left + width, top + height
        yield np.asarray(scene.resize(WINDOW, Image.Resampling.BICUBIC, box=box))


def write(path: Path, *, season: str, index: int, seconds: float) -> None:
    """A film of a scene, H.264 and AAC."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "20"})
        stream.width, stream.height = WINDOW
        sound = out.add_stream("aac", rate=TONE, layout="mono")
        for number, picture in enumerate(pictures(season, index, seconds)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * TONE)) / TONE, dtype=np.float32)
        for start in range(0, len(wave), 1024):
            part = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
            part.sample_rate, part.pts, part.time_base = TONE, start, Fraction(1, TONE)
            out.mux(sound.encode(part))
        out.mux(sound.encode())


def measure(path: Path, translator: Translator, source: str, targets: list[str]) -> None:
    """Print a row for each target and share of the averages that stays."""
    images = [to_image(Image.fromarray(frame.picture)) for frame in Film.open(path).frames()]
    print("| direction | --steady | the source's own | translated | ratio |\n| --- | --- | --- | --- | --- |")
    for target in targets:
        for keep in STEADY:
            frames = FrameTranslator(translator, source, [target], keep=keep)
            for image in images:
                frames(image)
            found = frames.flicker
            own, translated = found.source / found.pairs, found.translated / found.pairs
            print(
                f"| {source} to {target} | {keep:g} | {own:.2f} | {translated:.2f} | {translated / own:.2f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["draw", "flicker"])
    parser.add_argument("film", type=Path)
    parser.add_argument("--registry", type=Path, help="a run or a packs folder")
    parser.add_argument("--from", dest="source", default="summer", help="domain of the film")
    parser.add_argument("--to", dest="targets", default="winter", help="domains, with commas")
    parser.add_argument("--scene", type=int, default=2, help="which scene is drawn")
    parser.add_argument("--seconds", type=float, default=4.0)
    words = parser.parse_args()
    if words.what == "draw":
        write(words.film, season=words.source, index=words.scene, seconds=words.seconds)
    else:
        translator = Translator(Registry.open(*([words.registry] if words.registry else [])))
        measure(words.film, translator, words.source, words.targets.split(","))


if __name__ == "__main__":
    main()

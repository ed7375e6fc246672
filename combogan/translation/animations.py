"""Translates animated GIF and WebP files, with their durations, their loop and their transparency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from combogan.data.animation import Animation, AnimationFrame, save_animation
from combogan.data.decoding import Picture, visible
from combogan.data.pictures import scaled_size, to_image, to_picture
from combogan.translation.frames import FrameTranslator, Progress, notes, quiet
from combogan.translation.translator import Translator


def animation_size(animation: Animation, short_side: int | None) -> tuple[int, int]:
    """(width, height) of the translations: the animation's, or with this short side."""
    return animation.size if short_side is None else scaled_size(animation.size, short_side)


def translate_animation(
    translator: Translator,
    source: str,
    outputs: Mapping[tuple[str, bool], Path],
    *,
    animation: Animation,
    size: tuple[int, int],
    keep: float,
    progress: Progress = quiet,
) -> tuple[str, ...]:
    """Translate an animation into `outputs`: (target, whether it is the way back from there) -> file. Gives notes.

    `size` is (width, height); `keep` of the averages over time stays from a frame to the next, 0 for no averages.
    Raises PictureError, PackError, SpaceError, StorageError.
    """
    targets, reconstruct = list(dict.fromkeys(target for target, _ in outputs)), any(back for _, back in outputs)
    frames = FrameTranslator(translator, source, targets, reconstruct=reconstruct, keep=keep)
    made: dict[tuple[str, bool], list[AnimationFrame]] = {way: [] for way in outputs}
    unreadable, shown = [], 0
    for number, frame in enumerate(animation.frames(), start=1):
        frame = replace(frame, rgb=_scaled(frame.rgb, size), alpha=frame.alpha and _scaled(frame.alpha, size))
        if not frame.readable:
            unreadable.append(shown / 1000)
        for way, translation in frames(to_image(visible(Picture(frame.rgb, frame.alpha, "")))).items():
            made[way].append(replace(frame, rgb=to_picture(translation)))
        shown += frame.milliseconds
        progress(number, animation.count)
    for way, path in outputs.items():
        save_animation(made[way], path, animation.loop)
    return notes(str(animation.path), unreadable, frames.flicker)


def _scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC)

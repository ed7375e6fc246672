"""A film file: its frames as upright pictures, when each is shown, and how they are stored. Read by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from combogan.errors import PictureError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

ENDINGS = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2ts", ".mts", ".wmv", ".flv", ".3gp"),
    *(".ogv", ".asf", ".vob", ".divx"),
}
"""What the names of films end in."""
USUAL_RATE = Fraction(25)
"""Frames per second of a film that does not say."""


@dataclass(frozen=True)
class Colours:
    """How the numbers of a film's frames are meant, as FFmpeg numbers it; 0 and 2 stand for "it does not say"."""

    range: int
    """1: 16 is black and 235 is white; 2: 0 and 255."""
    matrix: int
    primaries: int
    curve: int


@dataclass(frozen=True)
class FilmFrame:
    """A frame, and when it is shown."""

    time: int
    """In the film's unit."""
    picture: NDArray[np.uint8]
    """(height, width, 3): red, green, blue; upright."""
    readable: bool = True
    """False where the file is damaged: then this is the frame before."""


@dataclass(frozen=True)
class Film:
    """A film file, whose times have been read and whose frames have not."""

    path: Path
    times: tuple[int, ...]
    """When each frame is shown, in units of `unit`, in their order."""
    durations: dict[int, int]
    """Time -> for how long, where the file says so."""
    unit: Fraction
    """Seconds."""
    rate: Fraction
    """Frames per second, in the mean."""
    stored: tuple[int, int]
    """(width, height) of the frames as they are stored, which can be on their side."""
    quarter_turns: int
    """Of stored frames, counter-clockwise, until they are upright."""
    matrix: tuple[int, ...] | None
    """The display matrix: 9 numbers that tell players how to turn and mirror stored frames."""
    pixel_shape: Fraction | None
    """Width of a pixel / its height; None where the file does not say."""
    colours: Colours

    @classmethod
    def open(cls, path: Path) -> Film:
        """Raises PictureError for what is no film, or has no picture that can be read."""
        refuse_without_pyav()
        with opened(path) as container:
            stream = _pictures_of(container, path)
            shown = sorted({packet.pts: packet.duration or 0 for packet in _packets(container, stream)}.items())
            unit, rate = stream.time_base or Fraction(1, 1000), stream.average_rate or stream.guessed_rate
        with opened(path) as container:
            stream = _pictures_of(container, path)
            first = next(_decoded(container, stream), None)
            if first is None or not shown:
                raise PictureError(f"'{path}' has no picture that can be read; convert or remove it.")
            shape = stream.sample_aspect_ratio
        matrix = _display_matrix(first)
        return cls(
            path,
            tuple(time for time, _ in shown),
            {time: duration for time, duration in shown if duration},
            unit,
            rate or USUAL_RATE,
            (first.width, first.height),
            round(first.rotation / 90) % 4 if matrix else 0,
            matrix,
            shape or None,
            Colours(first.color_range, first.colorspace, first.color_primaries, first.color_trc),
        )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), upright."""
        return self.stored[::-1] if self.quarter_turns % 2 else self.stored

    def second(self, time: int) -> int:
        """The whole second, from the first frame on, that a time is in."""
        return int((time - self.times[0]) * self.unit)

    def frames(self) -> Iterator[FilmFrame]:
        """A frame for every time; one that cannot be read repeats the one before, or is the first that can be."""
        with opened(self.path) as container:
            place, before = 0, None
            for frame in _decoded(container, _pictures_of(container, self.path)):
                time = frame.pts
                if time is None or place == len(self.times) or time < self.times[place]:
                    continue
                picture = self._upright(frame)
                while place < len(self.times) and self.times[place] < time:
                    yield FilmFrame(self.times[place], picture if before is None else before, readable=False)
                    place += 1
                if place < len(self.times) and self.times[place] == time:
                    yield FilmFrame(time, picture)
                    place += 1
                before = picture
            for time in self.times[place:]:
                if before is not None:
                    yield FilmFrame(time, before, readable=False)

    def _upright(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """A frame as a picture; of the first one's size, should the film change its size."""
        width, height = self.stored
        pixels: Any = frame.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(pixels, self.quarter_turns))


def is_film(path: Path | None) -> bool:
    """Whether a file's name ends like a film's."""
    return path is not None and path.suffix.lower() in ENDINGS


def refuse_without_pyav() -> None:
    """PictureError where PyAV is not installed."""
    if find_spec("av") is None:
        raise PictureError(
            "films are read and written by PyAV, which is not installed; install it with `pip install "
            "'combogan[video]'`, or leave the films out."
        )


def opened(path: Path) -> InputContainer:
    """A film file, opened by PyAV. PictureError for what is none."""
    import av

    av.logging.set_level(av.logging.PANIC)  # damage is reported by us
    try:
        return av.open(str(path), metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"'{path}' is no film that can be read ({reason}); convert or remove it.") from None


def _pictures_of(container: InputContainer, path: Path) -> VideoStream:
    """The stream of pictures; a cover is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    raise PictureError(f"'{path}' is a film without pictures; leave it out.")


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    """The compressed frames that are shown, as far as the file can be read; those without a time are left out."""
    import av

    try:
        for packet in container.demux(stream):
            if packet.pts is not None and not packet.is_discard:
                yield packet
    except av.FFmpegError:  # the end of what can be read
        return


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames that can be read, in the order of their times."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    from av.sidedata.sidedata import Type

    side_data: Any = frame.side_data
    if Type.DISPLAYMATRIX not in side_data:
        return None
    return tuple(int(number) for number in np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), np.int32)[:9])

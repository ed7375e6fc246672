"""A film that is being written: a file per second, which are joined at the end without encoding anything again.

Every second begins with a picture of its own, and no frame needs a later one, so that seconds fit behind each other.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from combogan import storage
from combogan.errors import PictureError
from combogan.translation.film import Film, opened

if TYPE_CHECKING:
    from av.container import OutputContainer

WRITTEN = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""File ending -> FFmpeg's name of the format, of films that can be written; others become .mkv."""
FALLBACK = ".mkv"

_H264 = "libx264", {"crf": "17", "preset": "medium", "bf": "0"}
_VP9 = "libvpx-vp9", {"crf": "20", "b:v": "0", "deadline": "good", "cpu-used": "4", "lag-in-frames": "0"}
_CODECS = {"webm": _VP9}


def film_name(path: PurePosixPath) -> PurePosixPath:
    """The name of a film's translation: its own, where such files can be written."""
    return path if path.suffix.lower() in WRITTEN else path.with_suffix(FALLBACK)


class Segment:
    """A second of a film, written as `path` when the `with` block ends without an error.

    Frames have the (width, height) `size`, upright. Raises StorageError.
    """

    def __init__(self, path: Path, film: Film, size: tuple[int, int], ending: str) -> None:
        import av

        self._path, self._film, self._partial = path, film, path.with_name(f".{path.name}.partial")
        stored = size[::-1] if film.quarter_turns % 2 else size
        codec, options = _CODECS.get(WRITTEN[ending.lower()], _H264)
        with storage.explained(path):
            self._container = av.open(str(self._partial), "w", format="nut")
        stream: Any = self._container.add_stream(codec, rate=film.rate, options=options)
        stream.width, stream.height = stored
        stream.pix_fmt = "yuv444p" if stored[0] % 2 or stored[1] % 2 else "yuv420p"
        self._stream, context = stream, stream.codec_context
        context.time_base = film.unit
        context.color_range, context.colorspace = film.colours.range, film.colours.matrix
        context.color_primaries, context.color_trc = film.colours.primaries, film.colours.curve
        if film.pixel_shape is not None:
            context.sample_aspect_ratio = film.pixel_shape

    def add(self, time: int, picture: NDArray[np.uint8]) -> None:
        """The next frame: (height, width, 3), red, green, blue, upright."""
        import av

        colours = self._film.colours
        pixels = np.ascontiguousarray(np.rot90(picture, -self._film.quarter_turns))
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format=self._stream.pix_fmt, dst_colorspace=colours.matrix, dst_color_range=colours.range
        )
        frame.pts, frame.time_base = time, self._film.unit
        with storage.explained(self._path):
            self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Segment:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with storage.explained(self._path):
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if kind is None:
                self._partial.replace(self._path)
            else:
                self._partial.unlink(missing_ok=True)


def join(segments: Sequence[Path], film: Film, path: Path, partial: Path) -> None:
    """Write the film `path` from its seconds and the sound of `film`; it appears whole or not at all.

    Until it is whole it is `partial`, in the same file system. PictureError where the format cannot hold the sound;
    raises StorageError.
    """
    import av

    format = WRITTEN[path.suffix.lower()]
    with storage.explained(path), ExitStack() as files:
        source = files.enter_context(opened(film.path))
        first = files.enter_context(av.open(str(segments[0])))
        out = files.enter_context(av.open(str(partial), "w", format=format))
        out.metadata.update(source.metadata)
        pictures = out.add_stream_from_template(first.streams.video[0])
        if film.matrix is not None:
            pictures.set_display_matrix(film.matrix)
        sounds = {stream.index: _copied(out, stream, path) for stream in source.streams.audio}
        packets = heapq.merge(
            ((_seconds(packet), 0, packet, pictures) for packet in _pictures(segments, film)),
            ((_seconds(packet), 1, packet, sounds[packet.stream.index]) for packet in _sound(source)),
            key=lambda found: found[:2],
        )
        for _, _, packet, stream in packets:
            packet.stream = stream
            out.mux(packet)
    with storage.explained(path):
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        storage.sync_folder(path.parent)


def _copied(out: OutputContainer, stream: Any, path: Path) -> Any:
    """A stream of `out` for a copy of a stream of sound."""
    try:
        copied = out.add_stream_from_template(stream)
    except ValueError:
        name = stream.codec_context.name
        raise PictureError(
            f"the sound of '{path.name}' ({name}) cannot be copied into a {path.suffix} file; convert the film to .mkv."
        ) from None
    copied.metadata.update(stream.metadata)
    return copied


def _pictures(segments: Sequence[Path], film: Film) -> Iterator[Any]:
    """The compressed frames of all seconds, each shown until the next one is."""
    import av

    following = dict(zip(film.times, film.times[1:], strict=False))
    for segment in segments:
        with av.open(str(segment)) as container:
            for packet in container.demux(video=0):
                if packet.pts is None:
                    continue
                time = round(packet.pts * packet.time_base / film.unit)
                usual = film.durations.get(time) or round(1 / film.rate / film.unit)
                packet.pts = packet.dts = time
                packet.time_base = film.unit
                packet.duration = following[time] - time if time in following else usual
                yield packet


def _sound(source: Any) -> Iterator[Any]:
    """The compressed sound, as far as it can be read."""
    import av

    if not source.streams.audio:
        return
    try:
        yield from (packet for packet in source.demux(source.streams.audio) if packet.dts is not None)
    except av.FFmpegError:
        return


def _seconds(packet: Any) -> Fraction:
    return packet.dts * packet.time_base

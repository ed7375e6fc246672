"""Films of drawn scenes for the tests: a window that moves over a large scene, with a sine tone."""

from fractions import Fraction

import numpy as np
from PIL import Image

from combogan.scenery.scene import draw

TONE = 48_000


def frames(count, size=(64, 48), *, step=1.25, side=160, scene=2):
    """(height, width, 3) arrays: the window moves `step` pixels to the right and half as far down."""
    large = Image.fromarray(draw("summer", 7, scene, side))
    for number in range(count):
        left, top = step * number, step * number / 2
        window = large.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + size[0], top + size[1]))
        yield np.asarray(window)


def make(path, pictures, *, times=None, unit=Fraction(1, 1000), codec="libx264", rotation=0, colours=(0, 2), tone=True):
    """Write a film of pictures at these times, by default 10 per second; `colours` are range and matrix."""
    import av

    pictures = list(pictures)
    times = times or [number * 100 for number in range(len(pictures))]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10, options={"crf": "10"} if codec == "libx264" else {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = unit
        stream.codec_context.color_range, stream.codec_context.colorspace = colours
        if rotation:
            stream.set_display_rotation(rotation)
        sound = out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=TONE) if tone else None
        if sound is not None:
            sound.layout = "mono"
        for time, picture in zip(times, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=colours[1], dst_color_range=colours[0])
            frame.pts, frame.time_base = time, unit
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if sound is not None:
            for part in _tone(sound.codec_context.frame_size or 960, float(times[-1] * unit) + 0.1):
                out.mux(sound.encode(part))
            out.mux(sound.encode())
    return path


def _tone(size, seconds):
    import av

    wave = np.sin(2 * np.pi * 440 * np.arange(int(TONE * seconds)) / TONE).astype(np.float32)
    for start in range(0, len(wave), size):
        part = av.AudioFrame.from_ndarray(wave[None, start : start + size] * 0.3, format="fltp", layout="mono")
        part.sample_rate, part.pts, part.time_base = TONE, start, Fraction(1, TONE)
        yield part


def sound(path):
    """The compressed sound of a film, packet by packet: (seconds, bytes)."""
    import av

    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets if p.pts is not None]

"""Decodes an uploaded picture in a process of its own, so that time and memory are bounded and a crash does no harm.

The process is this file as a program: the picture comes on its standard input; a line of JSON and the pixels leave on
its standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from combogan.data.decoding import decode, visible
from combogan.data.pictures import scale_short_side
from combogan.errors import PictureError

SECONDS = 20
"""Processor time to decode a picture; the largest allowed ones take a quarter of it."""
PATIENCE = 120
"""Seconds after which the process is ended, whatever it does."""
MEMORY = 3 * 2**29
"""Bytes of the process; the largest allowed pictures need most of it."""


@dataclass(frozen=True)
class Upload:
    """A decoded picture; without its pixels where there are more than were asked for."""

    size: tuple[int, int]
    """(width, height)."""
    rgb: Image.Image | None
    """White where the picture is fully transparent."""
    alpha: Image.Image | None = None
    """L, of the same size; None where the whole picture is opaque."""


def read(path: Path, *, largest: int, most: int, size: int | None = None, memory: int = MEMORY) -> Upload:
    """The picture in a file of at most `largest` pixels, the short side scaled to `size`. Raises PictureError.

    Its pixels come along if they are then no more than `most`. `memory` is what decoding may take, in bytes.
    """
    name = path.name
    numbers = map(str, (largest, most, size or 0, memory))
    words = [sys.executable, "-m", "combogan.deployment.page_reader", name, *numbers]
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        with path.open("rb") as file:
            done = subprocess.run(
                words, stdin=file, stdout=subprocess.PIPE, env=one_thread, timeout=PATIENCE, check=False
            )
    except OSError:
        raise PictureError(
            f"'{name}' is not here any more, because newer pictures took its room; drop it again."
        ) from None
    except subprocess.TimeoutExpired:
        raise PictureError(_slow(name)) from None
    if done.returncode:
        stopped = f"'{name}' is broken or truncated (the decoder ended with {done.returncode}); replace or remove it."
        raise PictureError(_slow(name) if done.returncode == _out_of_time() else stopped)
    return _answer(memoryview(done.stdout))


def _answer(sent: memoryview) -> Upload:
    """What the process sent."""
    head = sent[:4096].tobytes().partition(b"\n")[0]
    answer = json.loads(head)
    if "error" in answer:
        raise PictureError(answer["error"])
    width, height = answer["size"]
    pixels = sent[len(head) + 1 :]
    if not pixels:
        return Upload((width, height), None)
    count = width * height
    rgb = Image.frombytes("RGB", (width, height), pixels[: 3 * count].tobytes())
    alpha = Image.frombytes("L", (width, height), pixels[3 * count :].tobytes()) if answer["alpha"] else None
    return Upload((width, height), rgb, alpha)


def main() -> None:
    """The process."""
    name, (largest, most, size, memory) = sys.argv[1], map(int, sys.argv[2:])
    _bound(memory)
    sent: list[Image.Image] = []
    answer: dict[str, object]
    try:
        picture = decode(sys.stdin.buffer, name, largest=largest)
        parts = [visible(picture)] + ([] if picture.alpha is None else [picture.alpha])
        if size:
            _refuse_huge(name, parts[0].size, size, largest)
            parts = [scale_short_side(part, size) for part in parts]
        answer = {"size": parts[0].size, "alpha": len(parts) == 2}
        sent = parts if parts[0].width * parts[0].height <= most else []
    except PictureError as error:
        answer = {"error": str(error)[:2000]}
    except MemoryError:
        answer = {
            "error": f"'{name}' is too large: the memory did not suffice to decode it; scale it down or remove it."
        }
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for part in sent:
        sys.stdout.buffer.write(part.tobytes())


def _refuse_huge(name: str, size: tuple[int, int], short_side: int, largest: int) -> None:
    """PictureError where a picture of (width, height) would be scaled up to more than `largest` pixels."""
    width, height = (side * short_side // min(size) for side in size)
    if width * height > max(largest, size[0] * size[1]):
        found = f"{width} x {height} pixels, at most {largest // 10**6} million are read"
        raise PictureError(f"'{name}' is too large at a short side of {short_side} pixels ({found}); choose less.")


def _bound(memory: int) -> None:
    """From here on, MemoryError instead of more memory, and an end after SECONDS, where the system can do that."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))


def _out_of_time() -> int | None:
    """The exit code of a process that used up its processor time."""
    import signal

    return -signal.SIGXCPU if hasattr(signal, "SIGXCPU") else None


def _slow(name: str) -> str:
    return f"'{name}' takes more than {SECONDS} s to decode; save it with another program, or remove it."


if __name__ == "__main__":
    main()

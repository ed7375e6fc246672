"""Decodes an uploaded picture in a process of its own, so that time and memory are bounded and a crash does no harm.

The process is this file as a program: the picture comes on its standard input; a line of JSON and the pixels go to a
file without a name that is its standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

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
STRIPE = 256
"""Rows that are sent at once."""


@dataclass(frozen=True)
class Upload:
    """A decoded picture."""

    rgb: Image.Image
    """White where the picture is fully transparent."""
    alpha: Image.Image | None
    """L, of the same size; None where the whole picture is opaque."""


def read(path: Path, *, largest: int, size: int | None = None, memory: int = MEMORY) -> Upload:
    """The picture in a file of at most `largest` pixels, the short side scaled to `size`. Raises PictureError.

    `memory` is what decoding may take, in bytes.
    """
    name = path.name
    words = [sys.executable, "-m", "combogan.deployment.page_reader", name, *map(str, (largest, size or 0, memory))]
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with TemporaryFile() as sent:  # no pipe: the pixels are read when the process and its memory are gone
        try:
            with path.open("rb") as file:
                done = subprocess.run(words, stdin=file, stdout=sent, env=one_thread, timeout=PATIENCE, check=False)
        except OSError:
            raise PictureError(
                f"'{name}' is not here any more, because newer pictures took its room; drop it again."
            ) from None
        except subprocess.TimeoutExpired:
            raise PictureError(_slow(name)) from None
        if done.returncode:
            stopped = (
                f"'{name}' is broken or truncated (the decoder ended with {done.returncode}); replace or remove it."
            )
            raise PictureError(_slow(name) if done.returncode == _out_of_time() else stopped)
        sent.seek(0)
        return _answer(sent)


def _answer(sent: IO[bytes]) -> Upload:
    """What the process sent."""
    answer = json.loads(sent.readline())
    if "error" in answer:
        raise PictureError(answer["error"])
    width, height = answer["size"]
    rgb = Image.frombytes("RGB", (width, height), sent.read(3 * width * height))
    return Upload(rgb, Image.frombytes("L", (width, height), sent.read()) if answer["alpha"] else None)


def main() -> None:
    """The process."""
    name, (largest, size, memory) = sys.argv[1], map(int, sys.argv[2:])
    _bound(memory)
    sent: list[Image.Image] = []
    answer: dict[str, object]
    try:
        picture = decode(sys.stdin.buffer, name, largest=largest)
        sent = [visible(picture)] + ([] if picture.alpha is None else [picture.alpha])
        if size:
            _refuse_huge(name, sent[0].size, size, largest)
            sent = [scale_short_side(part, size) for part in sent]
        answer = {"size": sent[0].size, "alpha": len(sent) == 2}
    except PictureError as error:
        answer, sent = {"error": str(error)[:2000]}, []
    except MemoryError:
        answer, sent = {"error": _too_large(name)}, []
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for part in sent:
        for top in range(0, part.height, STRIPE):
            sys.stdout.buffer.write(part.crop((0, top, part.width, min(top + STRIPE, part.height))).tobytes())


def _too_large(name: str) -> str:
    return f"'{name}' is too large: the memory did not suffice to decode it; scale it down or remove it."


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

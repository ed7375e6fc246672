"""The whole command `combogan train`, timed by the files that it writes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from speed_processes import wall

PARTS = 4
"""Lines of the log between two checkpoints."""


def command(*words: str) -> list[str]:
    """The command `combogan`, as this Python runs it."""
    return [sys.executable, "-c", "from combogan.cli.main import main; main()", *words]


def learning(scratch: Path, *, device: str, every: int) -> dict[str, Any]:
    """Train with `quick` on scratch/pictures for 3 times `every` iterations, with samples and a checkpoint each time.

    The time before the first checkpoint is not counted. Gives `seconds` per iteration, one number for each line of the
    log; `pause`, the seconds that samples and a checkpoint take; and `interval`, the iterations between two
    checkpoints in the preset.
    """
    from combogan.settings import Settings

    run = scratch / "run"
    shutil.rmtree(run, ignore_errors=True)
    places = ",".join(f"{folder.name}={folder}" for folder in sorted((scratch / "pictures").iterdir()))
    changes = {"run.log_every": every // PARTS, "run.checkpoint_every": every, "run.sample_every": every}
    changes |= {"run.keep": 9, "run.validate_every": 0, "schedule.iterations": 3 * every, "schedule.autoencode": 0}
    words = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    wall(command("train", "--domains", places, "--preset", "quick", "--out", str(run), "--device", device, *words))
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    spent = [(line["seconds"], line["iteration"] - line["since"]) for line in lines if line["since"] >= every]
    first, last = (run / "checkpoints" / f"{count * every:06d}" / "manifest.json" for count in (1, 3))
    whole = last.stat().st_mtime - first.stat().st_mtime  # twice samples, packs and a checkpoint come between
    return {
        "seconds": [seconds / iterations for seconds, iterations in spent],
        "pause": (whole - sum(seconds for seconds, _ in spent)) / 2,
        "interval": Settings.load("quick").run.checkpoint_every,
    }

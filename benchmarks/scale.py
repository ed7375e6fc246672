"""How a run grows with its domains and workers: measured here, and by a model that is checked against the measurements.

    python benchmarks/scale.py measure [--domains 4,16,64,256] [--workers 0,1,2] [--meetings 1,8]
    python benchmarks/scale.py model

`measure` trains domains of four drawn pictures each, in this process (0 workers) or in Ray's, and writes a line of
scale.jsonl for each: iterations per second after the first round, bytes of a state, peak of the process.
`model` fits what a meeting costs beside its iterations, prints measured and computed throughput side by side, then
computes two large runs: 14 painters on 7 GPUs and 1,000 domains on 64 GPUs, at 256 px. There, the time of an iteration,
the speed of the network and what a meeting costs the driver are assumptions: --iteration, --network, --driver.
"""

from __future__ import annotations

import argparse
import heapq
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

from combogan.scenery.scene import SEASONS, draw
from combogan.settings import Settings
from combogan.training import building
from combogan.training.schedule import round_pair

RECORD = Path(__file__).with_name("scale.jsonl")
CHANGES = {
    "images.size": 64,
    "images.load": 64,
    "networks.width": 16,
    "discriminator.width": 16,
    "optimizer.pool": 10,
    "schedule.autoencode": 0,
    "run.validate_every": 0,
    "run.sample_every": 0,
    "run.checkpoint_every": 0,
    "run.log_every": 100_000,
    "run.threads": 1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["measure", "model", "one"])
    parser.add_argument("--domains", type=_numbers, default=[4, 16, 64, 256], metavar="N,...")
    parser.add_argument("--workers", type=_numbers, default=[0, 1, 2], metavar="N,...")
    parser.add_argument("--meetings", type=_numbers, default=[1, 8], metavar="K,...")
    parser.add_argument("--iterations", type=int, default=160, metavar="N", help="timed iterations of a row")
    parser.add_argument("--iteration", type=float, default=0.1, metavar="SECONDS", help="on a GPU, at 256 px")
    parser.add_argument("--driver", type=float, default=0.002, metavar="SECONDS", help="per meeting")
    parser.add_argument("--network", type=float, default=10.0, metavar="GBIT", help="gigabits per second of a machine")
    given = parser.parse_args()
    if given.stage == "one":
        print(json.dumps(one(given.domains[0], given.workers[0], given.meetings[0], given.iterations)))
    elif given.stage == "measure":
        for domains, workers, meeting in product(given.domains, given.workers, given.meetings):
            row = _in_a_process(domains, workers, meeting, given.iterations)
            print(row, flush=True)
            with RECORD.open("a", encoding="utf-8") as record:
                record.write(json.dumps(row) + "\n")
    else:
        model(given.iteration, given.network, given.driver)


def one(domains: int, workers: int, meeting: int, iterations: int) -> dict[str, Any]:
    """One row: train, and give what was measured."""
    import resource

    from combogan.runs.prepare import prepare
    from combogan.runs.run import start
    from combogan.training.report import Quiet

    class Clock(Quiet):
        """The time after each iteration."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def advance(self, iteration: int, course: Any) -> None:
            self.times.append(time.perf_counter())

    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        words = list(pictures(Path(folder) / "pictures", domains))
        first = max(domains // 2, 2) * meeting if workers else 2 * meeting  # workers begin slowly
        changes = {"schedule.iterations": first + iterations, "schedule.meeting": meeting, "run.workers": workers}
        changes |= {"run.pairs_at_once": 2, **CHANGES}
        clock, settings = Clock(), Settings.load("quick", changes)
        trainer = start(prepare(settings, words, out=Path(folder) / "run"), clock)
        trainer.run()
        seconds = clock.times[-1] - clock.times[first - 1]
    return {
        "domains": domains,
        "workers": workers,
        "meeting": meeting,
        "per_second": iterations / seconds,
        "state": building.state_bytes(settings),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "date": date.today().isoformat(),
    }


def pictures(folder: Path, domains: int) -> Iterable[str]:
    """Domains of four drawn pictures each, as words for `--domains`."""
    from PIL import Image

    for number in range(domains):
        place = folder / f"d{number}"
        place.mkdir(parents=True)
        for index in range(4):
            pixels = draw(SEASONS[number % 4], 7, 4 * number + index, 64)
            Image.fromarray(pixels).save(place / f"{index}.png")
        yield f"d{number}={place}"


@dataclass(frozen=True)
class Costs:
    """What the model knows: seconds."""

    iteration: float
    """One iteration on a worker."""
    meeting: float
    """What a meeting costs its worker beside its iterations: two states in and out."""
    driver: float
    """What a meeting costs the driver, which hands them out one after the other."""


def throughput(costs: Costs, *, domains: int, workers: int, meeting: int, meetings: int = 2000) -> float:
    """Iterations per second of all workers, by playing the schedule: a meeting starts when its two domains and a worker
    are free, and the driver has come to it."""
    free = [0.0] * workers
    ready = [0.0] * domains
    names = [str(number) for number in range(domains)]
    for number in range(meetings):
        a, b = map(int, round_pair(number, names, seed=0))
        worker = heapq.heappop(free)
        begin = max(worker, ready[a], ready[b], number * costs.driver)
        end = begin + costs.meeting + meeting * costs.iteration
        ready[a] = ready[b] = end
        heapq.heappush(free, end)
    return meetings * meeting / max(free)


def model(iteration: float, network: float, driver: float) -> None:
    """Fit, check, and compute the large runs."""
    rows = [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]
    costs = fitted(rows, driver)
    print(
        f"an iteration {costs.iteration * 1e3:.0f} ms, a meeting {costs.meeting * 1e3:.0f} ms beside its iterations\n"
    )
    print("| domains | workers | K | measured | model |", "| --- | --- | --- | --- | --- |", sep="\n")
    for row in rows:
        if row["workers"]:
            asked = {key: row[key] for key in ("domains", "workers", "meeting")}
            found = throughput(costs, **asked)
            print("| {domains} | {workers} | {meeting} |".format(**asked), f"{row['per_second']:.2f} | {found:.2f} |")
    print(
        "\n| run | K | efficiency | network, each machine | all states |", "| --- | --- | --- | --- | --- |", sep="\n"
    )
    state = building.state_bytes(Settings.load("default"))
    moving = 4 * state / (network / 8 * 1e9)
    for (name, domains, gpus), meeting in product((("14 painters", 14, 7), ("1,000 domains", 1000, 64)), (1, 16, 64)):
        large = Costs(iteration, moving, costs.driver)
        reached = throughput(large, domains=domains, workers=gpus, meeting=meeting, meetings=4000)
        load = reached / gpus / meeting * 4 * state * 8 / 1e9
        print(
            f"| {name}, {gpus} GPUs | {meeting} | {reached * iteration / gpus:.2f} | {load:.1f} Gbit/s | "
            f"{domains * state / 1e9:,.1f} GB |"
        )


def fitted(rows: list[dict[str, Any]], driver: float) -> Costs:
    """The costs that explain the rows of one worker: its time per meeting is a line over the meeting's length."""
    alone = [row for row in rows if row["workers"] == 1]
    lengths = sorted({row["meeting"] for row in alone})
    per_meeting = {k: statistics.median(k / row["per_second"] for row in alone if row["meeting"] == k) for k in lengths}
    short, long = lengths[0], lengths[-1]
    iteration = (per_meeting[long] - per_meeting[short]) / (long - short)
    return Costs(iteration, per_meeting[short] - short * iteration, driver)


def _in_a_process(domains: int, workers: int, meeting: int, iterations: int) -> dict[str, Any]:
    words = ["--domains", domains, "--workers", workers, "--meetings", meeting, "--iterations", iterations]
    answer = subprocess.run(
        [sys.executable, __file__, "one", *map(str, words)], check=True, capture_output=True, text=True
    )
    row: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return row


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()

"""Kill workers, drivers and a node at random moments, and compare the bits with those of a run that nobody disturbed.

    python benchmarks/kills.py [--workers 20] [--drivers 10] [--nodes 2] [--seed 0]

Trains four small domains in this process, then again with two Ray workers for every kill: a worker (`kill -9` of the
process that trains a meeting), the driver (which is then resumed, with another number of workers), or the second node
of a cluster of two on the loopback address. A line per run; the exit code is 1 if any run ended with other bits.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOMAINS = "summer=scenes-small/summer,winter=scenes-small/winter,fall=scenes-small/fall,spring=scenes-small/spring"
SETTINGS = {
    "images.size": 32,
    "images.load": 36,
    "networks.width": 8,
    "schedule.iterations": 120,
    "schedule.meeting": 2,
    "schedule.autoencode": 0,
    "run.checkpoint_every": 20,
    "run.validate_every": 0,
    "run.sample_every": 0,
    "run.threads": 1,
}
TRAIN = [sys.executable, "-m", "combogan.cli.main", "train"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--workers", type=int, default=20, metavar="N", help="runs in which a worker is killed")
    parser.add_argument("--drivers", type=int, default=10, metavar="N", help="runs in which the driver is killed")
    parser.add_argument("--nodes", type=int, default=2, metavar="N", help="runs in which a node is killed")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, failed = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        home = Path(folder)
        subprocess.run(_command(home / "whole", 0), check=True, stdout=subprocess.DEVNULL)
        wanted = _packs(home / "whole")
        for kind, count in (("worker", given.workers), ("driver", given.drivers), ("node", given.nodes)):
            for number in range(count):
                out = home / f"{kind}-{number}"
                told = _killed(kind, out, chance)
                same = _packs(out) == wanted
                failed += not same
                print(f"{kind} {number + 1}: {told}; {'the same bits' if same else 'OTHER BITS'}", flush=True)
                shutil.rmtree(out)
    sys.exit(failed > 0)


def _killed(kind: str, out: Path, chance: random.Random) -> str:
    """Kill something of a run; gives what, in words. Tried again where the run was over before."""
    while True:
        try:
            return KILLS[kind](out, chance)
        except TooLate:
            shutil.rmtree(out)


def kill_worker(out: Path, chance: random.Random) -> str:
    """Kill a process that trains, after a random number of checkpoints and a random time."""
    process = subprocess.Popen(_command(out, 2), stdout=subprocess.DEVNULL)
    moment = _wait(out, process, chance)
    while not (victims := _workers_of(process.pid)):  # none trains while a checkpoint is written
        if process.poll() is not None:
            raise TooLate
        time.sleep(0.02)
    os.kill(chance.choice(victims), signal.SIGKILL)
    _finish(process)
    return f"one of {len(victims)} workers killed {moment}"


def kill_driver(out: Path, chance: random.Random) -> str:
    """Kill the driver, then resume the run with a random number of workers."""
    process = subprocess.Popen(_command(out, 2), stdout=subprocess.DEVNULL)
    moment = _wait(out, process, chance)
    if process.poll() is not None:
        raise TooLate
    process.kill()
    process.wait()
    again = chance.randrange(3)
    subprocess.run([*TRAIN, "--resume", out, "--workers", str(again)], check=True, stdout=subprocess.DEVNULL)
    return f"the driver killed {moment}, resumed with {again} workers"


def kill_node(out: Path, chance: random.Random) -> str:
    """Start a cluster of two nodes on the loopback address, and kill the second one, with its workers."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=1, include_dashboard=False)
        second = cluster.add_node(num_cpus=1)
        environment = {**os.environ, "RAY_ADDRESS": cluster.address}
        process = subprocess.Popen(_command(out, 2), stdout=subprocess.DEVNULL, env=environment)
        moment = _wait(out, process, chance)
        if process.poll() is not None:
            raise TooLate
        cluster.remove_node(second, allow_graceful=False)
        _finish(process)
        return f"the second of two nodes killed {moment}"
    finally:
        cluster.shutdown()


KILLS = {"worker": kill_worker, "driver": kill_driver, "node": kill_node}


class TooLate(Exception):
    """The run had ended before anything was killed."""


def _workers_of(driver: int) -> list[int]:
    """The processes below a driver that train a meeting."""
    parents, training = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if (folder / "cmdline").read_bytes().startswith(b"ray::meet"):
                training.append(int(folder.name))
        except OSError:  # it has just ended
            continue

    def is_below(process: int) -> bool:
        return process == driver or (process in parents and is_below(parents[process]))

    return [process for process in training if is_below(process)]


def _command(out: Path, workers: int) -> list[str]:
    changes = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    about = ["--domains", DOMAINS, "--preset", "quick", "--workers", str(workers), "--out", str(out)]
    return [*TRAIN, *about, *changes]


def _wait(out: Path, process: subprocess.Popen[bytes], chance: random.Random) -> str:
    """Wait for a random checkpoint and then for a random part of a second; gives the moment in words."""
    iteration = 20 * chance.randrange(1, 6)
    while not (out / "checkpoints" / f"{iteration:06d}" / "manifest.json").is_file():
        if process.poll() is not None:
            sys.exit(f"Error: the run {out} ended with {process.returncode} before iteration {iteration}.")
        time.sleep(0.02)
    time.sleep(chance.random())
    return f"after iteration {iteration}"


def _finish(process: subprocess.Popen[bytes]) -> None:
    if code := process.wait():
        sys.exit(f"Error: a run ended with {code} instead of going on.")


def _packs(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in (run / "packs").rglob("*.safetensors")}


if __name__ == "__main__":
    main()

"""The processes that Ray trains meetings in: those of a cluster that is there, or of one that is started here."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import torch

from combogan.errors import ComboganError, WorkersError

MOST_DEATHS = 2
"""How often a meeting whose worker died is run again."""


def refuse_missing() -> None:
    """WorkersError where Ray is not installed."""
    if find_spec("ray") is None:
        raise WorkersError(
            "workers need Ray, which is not installed; install it with `pip install 'combogan[ray]'`, or train in this "
            "process with --workers 0."
        )


class Cluster:
    """Ray, connected to: the cluster named by RAY_ADDRESS, or one that is started on this machine until `close`."""

    def __init__(self, workers: int | Literal["auto"], *, threads: int, cuda: bool) -> None:
        """WorkersError where there is no Ray, its cluster cannot be reached, or has no room for a worker."""
        refuse_missing()
        import ray  # here, because it is an extra and slow to import

        self.ray: Any = ray
        self._needs = {"num_cpus": threads, "num_gpus": 1 if cuda else 0}
        self._started = not self.ray.is_initialized()
        if self._started:
            self._connect(None if workers == "auto" else workers * threads)
        self.room = sum(self._room(node["Resources"]) for node in self._nodes())
        """Workers that can compute at the same time."""
        self.workers = self.room if workers == "auto" else min(workers, self.room)
        if not self.room:
            self.close()
            raise WorkersError(
                f"no machine of the cluster has room for a worker of {threads} threads{' and a GPU' if cuda else ''}; "
                "lower run.threads, or add machines."
            )

    def task(self, function: Callable[..., Any], *, returns: int = 1) -> Any:
        """A function as a task of a worker, run again where its worker dies."""
        return self.ray.remote(num_returns=returns, max_retries=MOST_DEATHS, **self._needs)(function)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Context in which what Ray raises is a WorkersError, and what a task raises is raised as it is."""
        errors = self.ray.exceptions
        try:
            yield
        except errors.RayTaskError as error:
            if isinstance(error.cause, ComboganError):
                raise error.cause from None
            raise
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            raise WorkersError(
                f"a meeting could not be trained, though it was given to {MOST_DEATHS + 1} workers ({_reason(error)}); "
                "look at the memory of the machines, then go on with `combogan train --resume`."
            ) from None
        except errors.RayError as error:
            raise WorkersError(
                f"Ray stopped the run ({_reason(error)}); mend that, then go on with `combogan train --resume`."
            ) from None

    def refuse_others(self) -> None:
        """WorkersError where a machine has other versions of combogan, PyTorch or Python than this one."""
        for machine, found in self.on_every_machine(versions).items():
            for name, mine in versions().items():
                if found[name] != mine:
                    raise WorkersError(
                        f"{name} is {mine} here and {found[name]} on the worker at {machine}; install the same there."
                    )

    def refuse_small_store(self, state: int) -> None:
        """WorkersError where an object store does not hold two states of this many bytes before and after a meeting."""
        store = int(min(node["Resources"].get("object_store_memory", 0) for node in self._nodes()))
        if store < 4 * state:
            raise WorkersError(
                f"an object store of the cluster holds {store / 1e6:,.0f} MB, and a meeting needs "
                f"{4 * state / 1e6:,.0f} MB, two states before and after it; start Ray with a larger "
                "--object-store-memory."
            )

    def other_processors(self) -> list[str]:
        """The machines whose processors compute in other vectors than this one, so that last bits may differ."""
        found = self.on_every_machine(torch.backends.cpu.get_cpu_capability)
        return [machine for machine, one in found.items() if one != torch.backends.cpu.get_cpu_capability()]

    def on_every_machine(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """The address of each machine -> what a function gives there. WorkersError where combogan is missing."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked = {}
        for node in self._nodes():
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = self.ray.remote(num_cpus=0, scheduling_strategy=there)(function)
            asked[f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"] = task.remote(*arguments)
        with self.explained():
            try:
                return {machine: self.ray.get(answer) for machine, answer in asked.items()}
            except self.ray.exceptions.RayTaskError as error:
                if "No module named" not in str(error):
                    raise
                raise WorkersError(
                    f"a machine of the cluster cannot run combogan ({_reason(error)}); install the same version there."
                ) from None

    def close(self) -> None:
        """Disconnect, and stop what was started here."""
        if self._started:
            self.ray.shutdown()

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _room(self, resources: Mapping[str, float]) -> int:
        needs = {"CPU": self._needs["num_cpus"], "GPU": self._needs["num_gpus"]}
        return min(int(resources.get(name, 0)) // count for name, count in needs.items() if count)

    def _connect(self, cpus: int | None) -> None:
        given = os.environ.get("RAY_ADDRESS")
        asked: dict[str, Any] = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray's announcements of its own changes
                self.ray.init(logging_level=logging.ERROR, log_to_driver=False, **({} if given else asked))
        except (ConnectionError, ValueError, RuntimeError, OSError, self.ray.exceptions.RayError) as error:
            where = f"the cluster at RAY_ADDRESS={given}" if given else "a cluster on this machine"
            raise WorkersError(
                f"{where} cannot be reached ({_reason(error)}); start it, or train in this process with --workers 0."
            ) from None


def _reason(error: BaseException) -> str:
    """The line of Ray's long messages that says most: the last of a failed task's, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1 if "ray::" in lines[0] else 0].rstrip(".")


def versions() -> dict[str, str]:
    """What must be the same in all processes."""
    return {"combogan": version("combogan"), "PyTorch": str(torch.__version__), "Python": platform.python_version()}

"""The processes that Ray trains meetings in: those of a cluster that is there, or of one that is started here."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import torch

from combogan.errors import WorkersError

MOST_DEATHS = 2
"""How often a meeting whose worker died is run again."""


def refuse_missing() -> None:
    """WorkersError where Ray is not installed."""
    if find_spec("ray") is None:
        raise WorkersError(
            "--workers needs Ray, which is not installed; install it with `pip install 'combogan[ray]'`, or leave "
            "--workers out."
        )


class Cluster:
    """Ray, connected to: the cluster named by RAY_ADDRESS, or one that is started on this machine until `close`."""

    def __init__(self, workers: int | Literal["auto"], *, threads: int, cuda: bool) -> None:
        """WorkersError where there is no Ray, or its cluster cannot be reached."""
        refuse_missing()
        import ray  # here, because it is an extra and slow to import

        self.ray: Any = ray
        self._needs = {"num_cpus": threads, "num_gpus": 1 if cuda else 0}
        self._started = not self.ray.is_initialized()
        if self._started:
            self._connect(None if workers == "auto" else workers * threads)
        resources = self.ray.cluster_resources()
        room = int(resources.get("CPU", 0)) // threads
        if cuda:
            room = min(room, int(resources.get("GPU", 0)))
        if room < 1:
            self.close()
            raise WorkersError(
                f"the cluster has {resources.get('CPU', 0):.0f} CPUs and {resources.get('GPU', 0):.0f} GPUs, which is "
                f"no room for a worker of {threads} threads{' and a GPU' if cuda else ''}; lower run.threads."
            )
        self.workers = room if workers == "auto" else workers
        self.store = int(resources.get("object_store_memory", 0))
        """Bytes of the cluster's object store."""

    def task(self, function: Callable[..., Any], *, returns: int = 1) -> Any:
        """A function as a task of a worker, run again where its worker dies."""
        return self.ray.remote(num_returns=returns, max_retries=MOST_DEATHS, **self._needs)(function)

    def refuse_others(self) -> None:
        """WorkersError where a node has other versions of combogan, PyTorch or Python than this process."""
        here = versions()
        for node, found in self.on_every_node(versions).items():
            for name, mine in here.items():
                if found[name] != mine:
                    raise WorkersError(
                        f"{name} is {mine} here and {found[name]} on the worker at {node}; install the same there."
                    )

    def on_every_node(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """The address of each node -> what a function gives there. WorkersError where combogan is not installed."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked = {}
        for node in self.ray.nodes():
            if node["Alive"]:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                task = self.ray.remote(num_cpus=0, scheduling_strategy=there)(function)
                asked[f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"] = task.remote(*arguments)
        try:
            return {node: self.ray.get(answer) for node, answer in asked.items()}
        except (self.ray.exceptions.RayError, ImportError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise WorkersError(
                f"a node of the cluster cannot run combogan ({reason}); install combogan there, as here."
            ) from None

    def close(self) -> None:
        """Disconnect, and stop what was started here."""
        if self._started:
            self.ray.shutdown()

    def _connect(self, cpus: int | None) -> None:
        given = os.environ.get("RAY_ADDRESS")
        asked: dict[str, Any] = {} if given else {"num_cpus": cpus, "include_dashboard": False}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray's announcements of its own changes
                self.ray.init(logging_level=logging.ERROR, log_to_driver=False, **asked)
        except (ConnectionError, ValueError, RuntimeError, OSError, self.ray.exceptions.RayError) as error:
            reason = str(error).strip().splitlines()[0]
            where = f"the cluster at RAY_ADDRESS={given}" if given else "a cluster on this machine"
            raise WorkersError(f"{where} cannot be reached ({reason}); start it, or leave --workers out.") from None


def versions() -> dict[str, str]:
    """What must be the same in all processes."""
    return {"combogan": version("combogan"), "PyTorch": str(torch.__version__), "Python": platform.python_version()}

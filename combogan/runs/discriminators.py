"""The discriminators of a trained run, which are trained further where a domain is added or a bridge is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from combogan.training.checkpoint import Checkpoints
from combogan.training.domain import Domain
from combogan.training.folder import RunFolder
from combogan.training.run_state import fitting


def copy_discriminators(
    run: RunFolder, domains: Mapping[str, Domain], tell: Callable[[str], None], *, size: int
) -> None:
    """Load discriminators, with moments and pools, from a run's last checkpoint; others begin fresh.

    That of a domain that was added to the run is in the last checkpoint of the folder in which it was added. Pools
    begin empty where the run's images are not of `size` pixels a side. RunError where a state is of other networks.
    """
    other_size = run.settings().images.size != size
    last = Checkpoints(run.checkpoints, keep=1).newest(tell)
    for name, domain in domains.items():
        found = last
        if found is None or name not in found.parts:
            found = Checkpoints(RunFolder(run.added / name).checkpoints, keep=1).newest(tell)
        if found is not None and name in found.parts:
            state = dict(found.state(name))
            if other_size:
                state.pop("pool", None)
            with fitting(found):
                domain.load(state)
        else:
            tell(f"{run.path} has no discriminator of '{name}'; beginning with a fresh one.")

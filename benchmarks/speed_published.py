"""The published code, as benchmarks/speed_measure.py calls it: from an unchanged checkout."""

from __future__ import annotations

import importlib
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

OPTIONS: dict[str, Any] = {
    "name": "speed",
    "checkpoints_dir": tempfile.gettempdir(),
    "batchSize": 1,
    "input_nc": 3,
    "output_nc": 3,
    "netG_n_blocks": 9,
    "netG_n_shared": 0,
    "norm": "instance",
    "use_dropout": False,
    "continue_train": False,
    "which_epoch": 0,
    "lr": 2e-4,
    "beta1": 0.5,
    "lambda_cycle": 10.0,
    "lambda_identity": 0.0,
    "lambda_latent": 0.0,
    "lambda_forward": 0.0,
    "no_lsgan": False,
    "pool_size": 50,
    "autoencode": False,
    "reconstruct": False,
}
"""The defaults of the published code, without those for reading, showing and saving."""
LAYERS = {"original": 4, "paper": 3}
"""Layers of the published discriminators, by the preset that has the same networks."""


def holds(reference: Path) -> str | None:
    """The preset with the networks of a checkout: `original`, or `paper` for the release; None if it is no checkout."""
    try:
        networks = (reference / "models" / "networks.py").read_text()
    except OSError:
        return None
    return "original" if "PReLU" in networks else "paper"


def model(reference: str, *, train: bool, width: int, size: int, domains: int, device: str) -> Any:
    """The published model with new weights. ImportError without SciPy."""
    # The checkout imports names from before SciPy 1.8 and PyTorch 0.4.
    sys.modules["scipy.ndimage.filters"] = importlib.import_module("scipy.ndimage")
    sys.path.insert(0, reference)
    module = importlib.import_module("models.combogan_model")
    places = [] if device == "cpu" else [int(device.partition(":")[2] or 0)]
    own = {"ngf": width, "ndf": width, "fineSize": size, "n_domains": domains, "netD_n_layers": LAYERS["original"]}
    if holds(Path(reference)) == "paper":
        own["netD_n_layers"] = LAYERS["paper"]
    untrained = type("Untrained", (module.ComboGANModel,), {"load_network": lambda *_: None})
    return untrained(Namespace(**OPTIONS | own, isTrain=train, gpu_ids=places))


class Training:
    """Domains of the published code with networks of a width, trained a pair at a time."""

    def __init__(self, reference: str, *, width: int, size: int, domains: int, device: str, grown: bool) -> None:
        self.model = model(reference, train=True, width=width, size=size, domains=domains, device=device)
        self.optimizers = [*self.model.netG.optimizers, *self.model.netD.optimizers]
        if grown:  # as the first updates of every domain would leave them
            for optimizer in self.optimizers:
                for weight in optimizer.param_groups[0]["params"]:
                    weight.grad = weight.new_zeros(weight.shape)
                optimizer.step()

    def prepared(self, image: Tensor) -> Tensor:
        """The image in the memory layout of the published data loader."""
        return image.contiguous()

    def train(self, iteration: int, pair: tuple[int, int], x: Tensor, y: Tensor) -> None:
        """One iteration on the domains of these numbers."""
        self.model.set_input({"A": x, "B": y, "DA": [pair[0]], "DB": [pair[1]], "path": ""})
        self.model.optimize_parameters()

    def state_bytes(self) -> int:
        """Bytes of the states of all domains: weights, moments and pools."""
        weights = sum(weight.nbytes for weight in self._weights())
        moments = sum(v.nbytes for o in self.optimizers for state in o.state.values() for v in state.values())
        pools = sum(image.nbytes for pool in self.model.fake_pools for image in pool.images)
        return weights + moments + pools

    def weights(self) -> int:
        """How many weights one domain has."""
        return sum(weight.numel() for weight in self._weights()) // self.model.n_domains

    def _weights(self) -> list[Tensor]:
        return [weight for optimizer in self.optimizers for weight in optimizer.param_groups[0]["params"]]


class Translating:
    """The code of the published test: from the first domain into all others."""

    def __init__(self, reference: str, *, width: int, size: int, domains: int, device: str) -> None:
        self.model = model(reference, train=False, width=width, size=size, domains=domains, device=device)

    def translate(self, image: Tensor) -> int:
        """Translate an image into a picture of every other domain; gives their number."""
        self.model.set_input({"A": image, "DA": [0], "path": ""})
        self.model.test()
        return len(self.model.get_current_visuals(testing=True)) - 1

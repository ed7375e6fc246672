"""Kernel inception distance, and the features of a torchvision classifier that a user can name for it."""

from __future__ import annotations

import warnings
from pathlib import Path
from urllib.error import URLError

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.errors import FetchError, SettingsError, suggestion
from combogan.networks.features import in_colour
from combogan.seeding import derive

SUBSET, SUBSETS = 1000, 20
"""Pictures in a subset, at most, and the number of subsets where one cannot hold all pictures."""


class Backbone:
    """Images (n, 3, h, w) in [-1, 1] -> the input of the backbone's last layer (n, features), on the CPU.

    Each image is scaled and normalised as in the backbone's training; one channel is seen three times.
    """

    def __init__(self, backbone: str, weights: Path | None = None, device: str | torch.device = "cpu") -> None:
        """A classifier of torchvision, such as `resnet50` or `inception_v3`, with its published weights.

        They are read from the file `weights`; without one, torchvision fetches them once and keeps them. SettingsError:
        no such backbone or file, or weights that do not fit it; FetchError: weights that cannot be fetched.
        """
        from torchvision import models

        self.backbone = backbone
        known = models.list_models(module=models)
        if backbone not in known:
            raise SettingsError(
                f"torchvision has no backbone '{backbone}'.{suggestion(backbone, known)} Take resnet50, for example."
            )
        published = models.get_model_weights(backbone).DEFAULT
        how = published.transforms()
        self._side = how.crop_size[0]
        self._mean, self._deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (how.mean, how.std))
        self._device = torch.device(device)
        self._network = _headless(backbone, _weights(backbone, published, weights), weights).to(self._device)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        pixels = (in_colour(images.detach().float().to(self._device)).clamp(-1, 1) + 1) / 2
        scaled = F.interpolate(pixels, (self._side, self._side), mode="bilinear", align_corners=False, antialias=True)
        mean, deviation = self._mean.to(self._device), self._deviation.to(self._device)
        return self._network((scaled - mean) / deviation).flatten(1).cpu()


def kid(features: Tensor, real: Tensor) -> float | None:
    """The unbiased distance of features (n, d) from those of real pictures (m, d) (Binkowski et al. 2018).

    Its expectation is 0 for equal distributions, so it can be negative; None for fewer than two pictures. With n = m up
    to SUBSET, all are compared with all; else it is the mean over random subsets.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(len(features), len(real), SUBSET)
    if size < 2:
        return None
    subsets = 1 if len(features) == len(real) == size else SUBSETS
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # about the memory that features take
        torch.default_generator.manual_seed(derive(0, "kid"))  # torchmetrics draws subsets from global random state
        distance = KernelInceptionDistance(feature=nn.Identity(), subsets=subsets, subset_size=size)
        distance.update(real.double(), real=True)
        distance.update(features.double(), real=False)
        return distance.compute()[0].item()


def _weights(backbone: str, published: object, file: Path | None) -> dict[str, Tensor]:
    """The state dict in a file, or the published one. A file is given to torchvision as one that it fetched before."""
    if file is not None and not file.is_file():
        raise SettingsError(f"the weights '{file}' of {backbone} are not there; give a file, or none to fetch them.")
    place = {} if file is None else {"model_dir": str(file.parent), "file_name": file.name}
    try:
        return published.get_state_dict(check_hash=file is None, weights_only=True, **place)  # type: ignore[attr-defined]
    except (URLError, TimeoutError, ConnectionError) as error:
        raise FetchError(
            f"the weights of {backbone} could not be fetched ({error}); give those of a file, {backbone}:FILE."
        ) from None
    except Exception as error:  # a damaged file can fail anywhere in torch's reader
        if file is None:
            raise
        raise SettingsError(
            f"'{file}' holds no weights that PyTorch can read alone ({type(error).__name__}); give a state dict."
        ) from None


def _headless(backbone: str, weights: dict[str, Tensor], file: Path | None) -> nn.Module:
    """The network without its last linear layer."""
    from torchvision.models import get_model

    with warnings.catch_warnings(), torch.device("meta"):  # no weights are drawn, as they are read from a file
        warnings.simplefilter("ignore")  # about initial weights, which later versions will draw otherwise
        network = get_model(backbone, weights=None)
    if hasattr(network, "transform_input"):
        network.transform_input = True  # Inception's published weights were trained on other ranges than all others
    try:
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, TypeError, AttributeError):
        found = "as published" if file is None else f"in '{file}'"
        raise SettingsError(f"the weights {found} do not fit {backbone}; name a backbone that they fit.") from None
    if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
        raise SettingsError(f"the weights of {backbone} hold values that are no numbers; fetch them anew.")
    last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not last:
        raise SettingsError(f"{backbone} ends in no linear layer, so it gives no features; take resnet50, for example.")
    parent, _, name = last[-1].rpartition(".")
    setattr(network.get_submodule(parent), name, nn.Identity())
    return network.eval().requires_grad_(False)

"""Arrival: the share of images that a linear classifier of features, fitted to real pictures, takes for a domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.data.pictures import PictureSet
from combogan.evaluation.colour_matching import ColourMatch
from combogan.evaluation.image_features import LARGEST, ImageFeatures, image_features
from combogan.evaluation.images import batches, choice
from combogan.seeding import tensors

PICTURES = 200
"""Training pictures of each domain, at most."""
ITERATIONS = 200
"""Of L-BFGS, at most; the minimum is reached in fewer."""
DECAY = 0.1
"""Weight decay: half of it times the squared weights is added to the loss. Accuracy hardly depends on it: on four
domains of real pictures it was between 72% and 74% for all decays from 1e-4 to 1."""
FLAT = 1e-3
"""A feature of a smaller standard deviation is divided by this instead."""


class Arrival:
    """A classifier of images by domain: multinomial logistic regression on the features of a pretrained network.

    It is fitted to real pictures, and to the same with the colours of a random picture of another domain each:
    otherwise the mean colour would identify most domains, and colour-matched pictures would be taken for the target.
    Measured on the drawn seasons at 64 pixels, it is right about every test picture, and takes 0.4% of the
    colour-matched ones for the target; without recolouring it took 20%. On photographs of summer, of winter and of all
    kinds, and paintings, at 128 pixels, it is right about 74%, and takes 9% of copies and 9% of the colour-matched.
    """

    def __init__(
        self,
        domains: Sequence[str],
        weights: Mapping[str, Tensor],
        *,
        size: int,
        largest: int = LARGEST,
        device: torch.device | str = "cpu",
    ) -> None:
        """With weights as `weights` gives them, for images of `size` pixels."""
        self.domains, self.size, self.largest = tuple(domains), size, largest
        self.weights = dict(weights)
        """Of the features, mean and deviation (values,); weight (values, domains) and bias (domains,) in float64."""
        self._device = torch.device(device)

    @classmethod
    def fitted(
        cls,
        domains: Sequence[str],
        pooled: Tensor,
        labels: Tensor,
        *,
        size: int,
        largest: int = LARGEST,
        device: torch.device | str = "cpu",
    ) -> Arrival:
        """Fitted to pooled features (n, values) and the indices of their domains (n,)."""
        deviation, mean = torch.std_mean(pooled, dim=0, correction=0)
        weight, bias = _fitted(_standardised(pooled, mean, deviation), labels, len(domains))
        weights = {"mean": mean, "deviation": deviation, "weight": weight, "bias": bias}
        return cls(domains, weights, size=size, largest=largest, device=device)

    @classmethod
    def train(
        cls,
        pictures: Mapping[str, PictureSet],
        size: int,
        *,
        seed: int = 0,
        largest: int = LARGEST,
        device: str | torch.device = "cpu",
    ) -> Arrival:
        """Fitted to pictures of two or more domains, as images of the size that will be scored.

        The network sees images of the side `largest` at most: smaller is faster. The same pictures and seed give the
        same bits on the same kind of machine; global random state is not used.
        """
        if len(pictures) < 2:
            raise ValueError(f"a classifier needs two domains or more, but there are {len(pictures)}")
        chosen = {name: choice(one.names, PICTURES) for name, one in pictures.items()}
        colours = {
            name: [ColourMatch.fit([x]) for images in batches(one, chosen[name], size) for x in images]
            for name, one in pictures.items()
        }
        pooled, labels = [], []
        for label, (name, one) in enumerate(pictures.items()):
            borrowed = iter(_borrowed(name, colours, tensors(seed, "arrival colours", name)))
            for images in batches(one, chosen[name], size):
                recoloured = torch.cat([next(borrowed)(image[None]) for image in images])
                for x in (images, recoloured):
                    pooled.append(image_features(x, largest=largest, device=device).pooled)
                    labels += [label] * len(x)
        found = torch.cat(pooled)
        return cls.fitted(tuple(pictures), found, torch.tensor(labels), size=size, largest=largest, device=device)

    def features(self, images: Tensor) -> ImageFeatures:
        """The features of images (n, 3, h, h), seen as those that the classifier was fitted to."""
        return image_features(images, largest=self.largest, device=self._device)

    def standardised(self, pooled: Tensor) -> Tensor:
        """Pooled features (n, values), so that those that the classifier was fitted to have mean 0 and deviation 1."""
        return _standardised(pooled, self.weights["mean"], self.weights["deviation"])

    def takes(self, found: ImageFeatures, domain: str) -> Tensor:
        """Whether each image of those features is taken for one of the domain: (n,) of bool, on the CPU."""
        return self._logits(found).argmax(1) == self.domains.index(domain)

    def taken(self, images: Tensor, domain: str) -> Tensor:
        """Whether each image (n, 3, h, h) is taken for one of the domain: (n,) of bool, on the CPU."""
        return self.takes(self.features(images), domain)

    def chances(self, images: Tensor) -> Tensor:
        """The probability of each domain, in their order, for each image (n, 3, h, h): (n, domains), on the CPU."""
        return self._logits(self.features(images)).softmax(1)

    def _logits(self, found: ImageFeatures) -> Tensor:
        """(n, domains)."""
        return self.standardised(found.pooled).double() @ self.weights["weight"] + self.weights["bias"]


def _standardised(pooled: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return (pooled - mean) / deviation.clamp(min=FLAT)


def _borrowed(name: str, colours: Mapping[str, Sequence[ColourMatch]], chance: torch.Generator) -> list[ColourMatch]:
    """For each picture of a domain the colours of a random picture of another domain, all domains counting the same."""
    others = [found for other, found in colours.items() if other != name]
    drawn = [others[int(torch.randint(len(others), (), generator=chance))] for _ in colours[name]]
    return [found[int(torch.randint(len(found), (), generator=chance))] for found in drawn]


@torch.enable_grad()
def _fitted(x: Tensor, labels: Tensor, domains: int) -> tuple[Tensor, Tensor]:
    """The weights (values, domains) and biases (domains,) of least cross entropy, all domains counting the same.

    The loss is convex: nothing depends on where the search starts.
    """
    x = x.double()
    share = 1 / torch.bincount(labels, minlength=domains).double()
    weight = x.new_zeros(x.shape[1], domains, requires_grad=True)
    bias = x.new_zeros(domains, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, labels, weight=share) + DECAY / 2 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()

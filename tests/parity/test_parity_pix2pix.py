"""pix2pix: outputs, losses and gradients equal those of the published program, on its weights and inputs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from combogan.networks.decoder import decoder
from combogan.networks.discriminator import discriminator
from combogan.networks.encoder import encoder
from combogan.published.checkpoint import read_pix2pix
from combogan.published.layouts import _modules
from combogan.published.state_file import read
from combogan.training.domain import Domain
from combogan.training.losses import GAN_LOSSES, l1
from combogan.training.step import Objective, discriminator_loss, there_and_back

FIXTURES = Path(__file__).parent / "fixtures"
THIN = 23
"""Outputs and gradients of the fixtures are every 23rd value."""
GAN = {"vanilla": "cross-entropy", "lsgan": "least-squares"}


class Published:
    """A published checkpoint with our networks, and what the published program computed."""

    def __init__(self, name):
        self.folder = FIXTURES / name
        self.about = json.loads((self.folder / "expected.json").read_text())
        self.numbers = np.load(self.folder / "expected.npz")
        original = read_pix2pix(self.folder / "latest_net_G.pth", ["a", "b"])
        self.encoder, self.decoder = original.encoders["a"], original.decoders["b"]
        shape = {"width": self.about["ndf"], "layers": self.about["discriminator_layers"], "norm": self.about["norm"]}
        self.discriminator = discriminator("patch", sees="both", padding=1, **shape)
        weights = torch.load(self.folder / "latest_net_D.pth", weights_only=True)
        ours = {key.replace("model.", "layers."): value for key, value in weights.items()}
        self.discriminator.load_state_dict(ours)

    def __getitem__(self, name):
        return torch.from_numpy(self.numbers[name])

    def gradients(self, network, modules):
        """The name of each published gradient -> ours."""
        layers = read(self.folder / f"latest_net_{network}.pth").layers
        for layer, (_, module) in zip(layers, modules, strict=True):
            for name, weight in module.named_parameters(recurse=False):
                yield f"grad/{network}/{layer.name}.{name}", weight.grad


def apart(found, wanted):
    """The largest difference of a tensor from a published, thinned one."""
    return (found.detach().flatten()[::THIN] - wanted).abs().max().item()


@pytest.fixture(params=["pix2pix", "pix2pix_instance"])
def published(request):
    return Published(request.param)


def test_outputs_are_the_published_ones(published):
    for network in (published.encoder, published.decoder, published.discriminator):
        network.eval()
    with torch.no_grad():
        for given, wanted in (("A", "G_eval"), ("wide", "G_wide_eval")):
            assert apart(published.decoder(published.encoder(published[given])), published[wanted]) < 1e-5
        (scores,) = published.discriminator(torch.cat([published["A"], published["B"]], 1))
    assert apart(scores, published["D_eval"]) < 1e-5


def test_losses_and_gradients_are_the_published_ones(published):
    gan = GAN_LOSSES[GAN[published.about["gan"]]]
    weights = {"cycle": 0.0, "identity": 0.0, "latent": 0.0, "forward": 0.0, "paired": published.about["lambda_L1"]}
    objective = Objective(gan, l1, sees_source=True, **weights)
    about = {"betas": (0.5, 0.999), "ema": 0.0, "pool": 0}
    a = Domain("a", published.encoder, decoder(**published.decoder.shape), published.discriminator, **about)
    b = Domain("b", encoder(**published.encoder.shape), published.decoder, published.discriminator, **about)
    x, y, losses = published["A"], published["B"], published.about["losses"]
    fake, parts = there_and_back(a, b, x, y, objective, aligned=True)
    assert apart(fake, published["G_train"]) < 1e-5
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(
        {"gan": losses["gan"], "paired": losses["l1"]}, abs=1e-5
    )
    objective.total(parts).backward()
    compared = list(published.gradients("G", [*_modules(published.encoder), *_modules(published.decoder)]))
    assert len(compared) == sum(name.startswith("grad/G/") for name in published.numbers)
    norm = published.about["norm"]
    for name, gradient in compared:
        wanted = published[name]
        if norm == "batch" or "bias" not in name:  # biases before an instance norm have no true gradient
            assert apart(gradient, wanted) < 1e-4 * (1 + wanted.abs().max()), name

    published.discriminator.zero_grad()
    real, fake = objective.shown(y, x), objective.shown(fake.detach(), x)
    loss = discriminator_loss(b, real, fake, gan)
    assert loss.item() == pytest.approx((losses["discriminator_fake"] + losses["discriminator_real"]) / 2, abs=1e-5)
    loss.backward()
    for name, gradient in published.gradients("D", _modules(published.discriminator)):
        wanted = published[name]
        assert apart(gradient, wanted) < 1e-4 * (1 + wanted.abs().max()), name

"""Published checkpoints to import and to damage."""

from pathlib import Path

import torch

from combogan.published.checkpoint import read_cyclegan

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
TWO, THREE = ["a", "b"], ["a", "b", "c"]
G_A = FIXTURES / "cyclegan" / "latest_net_G_A.pth"
G_B = FIXTURES / "cyclegan" / "latest_net_G_B.pth"


def generator():
    """The state dict of a CycleGAN generator."""
    return torch.load(G_A, weights_only=True)


def imported(state, tmp_path, **how):
    """The encoder that is read from a changed generator."""
    torch.save(state, tmp_path / "changed.pth", **how)
    return read_cyclegan([tmp_path / "changed.pth"], TWO).encoders["a"]

"""Invariant 2: what an iteration takes does not grow with the number of domains."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from trainers import start

from combogan.data.scenes import ScenePictures


class Taken(TorchDispatchMode):
    """Counts the operations that are carried out, and the bytes that they give."""

    def __init__(self):
        super().__init__()
        self.operations, self.bytes = 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = func(*args, **(kwargs or {}))
        self.operations += 1
        self.bytes += sum(one.nbytes for one in tree_leaves(given) if isinstance(one, torch.Tensor))
        return given


def taken(settings, folder, count):
    """By an iteration of a run with so many domains, from pictures to updated weights, when it has been trained."""
    words = []
    for number in range(count):
        pictures = folder / f"{count}" / f"d{number}"
        pictures.mkdir(parents=True)
        for index in range(3):
            ScenePictures("summer", "train").picture(3 * number + index, 40).save(pictures / f"{index}.png")
        words.append(f"d{number}={pictures}")
    trainer = start(settings, words, folder / f"run-{count}")
    trainer.engine.residents.bring(["d0", "d1"])
    with Taken() as counted:
        for iteration in range(2):
            counted.operations, counted.bytes = 0, 0
            x, y = (trainer.engine.batches.images(name, iteration) for name in ("d0", "d1"))
            trainer.engine.train_on(iteration, "d0", "d1", x, y)
    return counted.operations, counted.bytes


def test_an_iteration_among_many_domains_takes_what_it_takes_among_two(tiny, tmp_path):
    settings = tiny.changed({"losses.identity": 1.0, "losses.latent": 1.0})
    few, many = (taken(settings, tmp_path, count) for count in (2, 9))
    assert few[0] > 100
    assert few == many

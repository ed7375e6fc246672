"""Invariant 2: what an iteration takes does not grow with the number of domains."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from trainers import start

from combogan.data.catalog import resolve
from combogan.data.scenes import ScenePictures
from combogan.training.samples import SHOWN, Samples


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


class Counting:
    """Halves that remember what they were asked for, and change nothing."""

    def __init__(self):
        self.asked = []

    def translate(self, source, targets, images):
        self.asked += [(source, target) for target in targets]
        return dict.fromkeys(targets, images)


def samples(count):
    (summer,) = resolve(["scenes-small/summer"], needed=1)
    sources = {f"d{number}": summer for number in range(count)}
    return Samples(sources, size=8, device=torch.device("cpu"), one_space=True)


def test_few_domains_are_all_shown():
    halves, few = Counting(), samples(3)
    assert few.shown == ["d0", "d1", "d2"]
    few.translated(halves, few.shown)
    assert len(halves.asked) == 9


def test_a_grid_and_previews_do_not_grow_with_the_square_of_the_domains():
    halves, many = Counting(), samples(SHOWN + 4)
    sheet = many.translated(halves, many.shown)
    assert len(halves.asked) == SHOWN**2
    assert list(sheet.sources) == [*(f"d{number}" for number in range(SHOWN - 1)), f"d{SHOWN + 3}"]
    halves.asked.clear()
    many.translated(halves, [f"d{number}" for number in range(SHOWN + 4)])
    assert len(halves.asked) == SHOWN * (SHOWN + 4)

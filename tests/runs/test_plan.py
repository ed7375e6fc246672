import torch

from combogan.runs.plan import plan
from combogan.runs.prepare import prepare
from combogan.training import building


def planned(settings):
    prepared = prepare(settings, ["summer", "winter"])
    return plan(prepared)


def test_weights_are_counted_without_making_them(tiny):
    domain = building.new_domain("summer", tiny, torch.device("cpu"))
    made = [*domain.generator_group.networks.parameters(), *domain.discriminator_group.networks.parameters()]
    assert planned(tiny).parameters == sum(weight.numel() for weight in made)


def test_the_disk_holds_as_many_checkpoints_as_are_kept_and_the_one_being_written(tiny):
    def disk(**run):
        return planned(tiny.changed({"schedule.iterations": 100} | {f"run.{k}": v for k, v in run.items()})).disk

    one = disk(checkpoint_every=0)
    packs = 2 * one - disk(checkpoint_every=50)
    assert packs < one
    state = one - packs
    assert disk(checkpoint_every=10, keep=7) == 8 * state + packs
    assert disk(checkpoint_every=10, keep=50) == 10 * state + packs

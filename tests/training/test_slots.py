"""Domains use few networks in turn: a domain without networks is complete, and which ones it uses changes no bit."""

import gc

import pytest
import torch
from trainers import start

from combogan.networks.encoder import Encoder
from combogan.training import building, slots
from combogan.training.slots import Slots

CPU = torch.device("cpu")
NAMES = [f"d{number}" for number in range(12)]


def resting(settings, names=NAMES):
    made = {}
    for name in names:
        made[name] = building.new_domain(name, settings, CPU)
        made[name].rest()
    return made


def addresses(tensors):
    return {name: value.data_ptr() for name, value in tensors.items()}


def encoders():
    gc.collect()
    return sum(issubclass(type(one), Encoder) for one in gc.get_objects())


def test_networks_exist_for_few_domains_however_many_there_are(tiny):
    before = encoders()
    domains = resting(tiny)
    assert encoders() == before
    given = Slots(domains, CPU)
    for _ in range(2):
        for a, b in zip(NAMES[::2], NAMES[1::2], strict=True):
            given.bring([a, b])
    assert encoders() - before == slots.KEPT
    assert given.names == NAMES[-slots.KEPT :]


def test_those_that_were_needed_last_keep_their_networks(tiny, monkeypatch):
    monkeypatch.setattr(slots, "KEPT", 3)
    domains = resting(tiny, NAMES[:4])
    given = Slots(domains, CPU)
    given.bring(["d0", "d1"])
    kept = domains["d0"].encoder
    given.bring(["d2", "d0"])
    given.bring(["d3"])
    assert given.names == ["d0", "d2", "d3"]
    assert domains["d0"].encoder is kept
    with pytest.raises(AssertionError, match="no networks now"):
        domains["d1"].encode(torch.zeros(1, 3, 32, 32))


def test_a_state_is_where_it_was_whoever_uses_it(tiny):
    (domain,) = resting(tiny, ["d0"]).values()
    before = addresses(domain.state())
    domain.use(domain.architecture.networks(CPU))
    weights = {f"generator/weights/encoder.{n}": p for n, p in domain.encoder.named_parameters()}
    assert weights
    del before["discriminator/updates"], before["generator/updates"]  # numbers, which are not kept as tensors
    assert before.items() >= addresses(weights).items()
    domain.rest()
    assert before.items() <= addresses(domain.state()).items()


@pytest.mark.parametrize(
    "changes",
    [
        {"networks.norm": "batch", "networks.dropout": 0.5},
        {"networks.kind": "skip", "losses.heads": 1.0},
        {"networks.shared_encoder_blocks": 1, "networks.shared_decoder_blocks": 1},
    ],
)
def test_networks_that_others_used_before_change_no_bit(tiny, tmp_path, monkeypatch, changes):
    found = []
    for kept in (8, 2):
        monkeypatch.setattr(slots, "KEPT", kept)
        settings = tiny.changed({**changes, "schedule.iterations": 5})
        trainer = start(settings, ["summer", "winter", "fall", "spring"], tmp_path / str(kept))
        assert trainer.run()
        found.append({name: domain.state() for name, domain in trainer.engine.domains.items()})
    one, other = found
    assert all(one[name][key].equal(value) for name in one for key, value in other[name].items())


def test_a_frozen_domain_has_networks_of_its_own_kind(tiny):
    halves = building.new_domain("old", tiny, CPU).published()
    domains = {"old": building.frozen_domain("old", *halves, tiny, CPU), "new": building.new_domain("new", tiny, CPU)}
    for domain in domains.values():
        domain.rest()
    given = Slots(domains, CPU)
    given.bring(["new"])
    given.rest("new")
    given.bring(["old", "new"])
    assert not any(module.training for module in domains["old"].encoder.modules())
    assert not any(weight.requires_grad for weight in domains["old"].encoder.parameters())
    assert all(module.training for module in domains["new"].encoder.modules())
    assert all(weight.requires_grad for weight in domains["new"].encoder.parameters())


def test_halves_of_now_share_memory_with_the_averages_of_a_domain_that_has_no_networks(tiny):
    (domain,) = resting(tiny, ["d0"]).values()
    encoder, _ = domain.published()
    state = domain.state()
    for name, weight in encoder.named_parameters():
        assert weight.equal(state[f"generator/average/encoder.{name}"])
    state["generator/average/encoder.layers.1.weight"].fill_(3)
    assert encoder.layers[1].weight.eq(3).all()

"""Invariant 2: an iteration touches two domains and nothing else."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from combogan.networks.blocks import Dropout
from combogan.seeding import numbers
from combogan.training import building
from combogan.training.losses import r1_penalty, style
from combogan.training.step import discriminator_loss, step, there_and_back

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def domains(settings, *names):
    return {name: building.new_domain(name, settings, CPU) for name in names}


def image(seed):
    return torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def train(settings, a, b, iteration):
    return step(
        a,
        b,
        image(iteration),
        image(iteration + 100),
        objective=building.objective(settings),
        rate=1e-3,
        precision=torch.float32,
        chance=lambda purpose, name: numbers(0, purpose, iteration, name),
    )


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def copied(state):
    return {name: value.clone() for name, value in state.items()}


def test_a_step_changes_all_of_two_domains_and_leaves_the_third_alone(tiny):
    units = domains(tiny, "summer", "fall", "winter")
    before = {name: copied(unit.state()) for name, unit in units.items()}
    train(tiny, units["summer"], units["fall"], 0)
    assert same(before["winter"], units["winter"].state())
    for name in ("summer", "fall"):
        after = units[name].state()
        unchanged = {key for key in before[name] if torch.equal(before[name][key], after[key])}
        assert unchanged == set(), f"{name}: {unchanged}"
        assert units[name].updates == 1


def test_disjoint_pairs_give_the_same_bits_in_any_order_and_at_the_same_time(tiny):
    names = ("summer", "fall", "winter", "spring")
    one, other, parallel = (domains(tiny, *names) for _ in range(3))
    train(tiny, one["summer"], one["fall"], 0)
    train(tiny, one["winter"], one["spring"], 1)
    train(tiny, other["winter"], other["spring"], 1)
    train(tiny, other["summer"], other["fall"], 0)
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(train, tiny, parallel["summer"], parallel["fall"], 0),
            pool.submit(train, tiny, parallel["winter"], parallel["spring"], 1),
        ]
        [job.result() for job in jobs]
    for name in names:
        assert same(one[name].state(), other[name].state())
        assert same(one[name].state(), parallel[name].state())


def test_dropout_is_a_function_of_iteration_and_domain(tiny):
    settings = tiny.changed({"networks.dropout": 0.5})
    states = []
    for _ in range(2):
        units = domains(settings, "summer", "fall")
        torch.manual_seed(len(states))  # global chance must not matter
        for unit in units.values():
            unit.reseed(0, 5)
        train(settings, units["summer"], units["fall"], 5)
        states.append(units["summer"].state())
    assert same(*states)


def test_dropout_in_shared_blocks_is_a_function_of_iteration_and_domain_too(tiny):
    settings = tiny.changed({"networks.dropout": 0.5, "networks.shared_encoder_blocks": 1})
    found = []
    for _ in range(2):
        shared = building.shared_blocks(settings, ["summer"], CPU)
        unit = building.new_domain("summer", settings, CPU, shared=shared)
        torch.manual_seed(len(found))
        unit.reseed(0, 5)
        found.append(unit.encode(image(0))[0])
    assert torch.equal(*found)


def test_dropout_layers_draw_each_for_itself(tiny):
    unit = domains(tiny.changed({"networks.dropout": 0.5}), "summer")["summer"]
    unit.reseed(0, 5)
    layers = [m for half in (unit.encoder, unit.decoder) for m in half.modules() if isinstance(m, Dropout)]
    drawn = [layer(torch.ones(1, 4, 8, 8)) for layer in layers]
    assert len(drawn) == 2
    assert not torch.equal(*drawn)


def test_gradients_are_those_of_the_whole_loss_at_once(tiny):
    units = domains(tiny, "a", "b")
    a, b = units["a"], units["b"]
    objective, x, y = building.objective(tiny), image(1), image(2)
    fake_b, there = there_and_back(a, b, x, y, objective)
    _fake_a, back = there_and_back(b, a, y, x, objective)
    (objective.total(there) + objective.total(back)).backward()
    wanted = {n: p.grad.clone() for n, p in a.generator_group.networks.named_parameters()}
    scored = torch.autograd.grad(
        discriminator_loss(b, y, fake_b, objective.gan_loss), list(b.discriminator.parameters()), allow_unused=False
    )
    found = {}
    a.generator_group.update = lambda rate: found.update(
        {n: p.grad.clone() for n, p in a.generator_group.networks.named_parameters()}
    )
    b.discriminator_group.update = lambda rate: found.update(
        {n: p.grad.clone() for n, p in b.discriminator.named_parameters()}
    )
    for unit in (a, b):
        unit.generator_group.networks.zero_grad()
        unit.discriminator.zero_grad()
    b.generator_group.update = lambda rate: None
    step(
        a,
        b,
        x,
        y,
        objective=objective,
        rate=1e-3,
        precision=torch.float32,
        chance=lambda purpose, name: numbers(0, purpose, 0, name),
    )
    for name, gradient in wanted.items():
        assert torch.allclose(found[name], gradient, atol=1e-6), name
    for (name, _), gradient in zip(b.discriminator.named_parameters(), scored, strict=True):
        assert torch.allclose(found[name], gradient, atol=1e-6), name


def test_losses_are_filed_under_the_domain_they_are_of(tiny):
    units = domains(tiny, "a", "b")
    a, b, x, y = units["a"], units["b"], image(0), image(100)
    objective = building.objective(tiny)
    _fake_b, parts = there_and_back(a, b, x, y, objective)
    losses = train(tiny, a, b, 0)
    assert losses["b"]["gan"] == pytest.approx(parts["gan"].item())
    assert losses["a"]["cycle"] == pytest.approx(parts["cycle"].item())
    assert losses["a"]["identity"] == pytest.approx(parts["identity"].item())
    assert set(losses["a"]) == set(losses["b"]) == {"gan", "cycle", "identity", "latent", "forward", "discriminator"}


def test_a_loss_that_counts_nothing_is_not_computed(tiny):
    units = domains(tiny, "a", "b")
    objective = replace(building.objective(tiny), identity=0.0, latent=0.0, forward=0.0)
    _, parts = there_and_back(units["a"], units["b"], image(0), image(1), objective)
    assert set(parts) == {"gan", "cycle"}


def scored_after(settings, updates):
    """The weights of a's discriminator after one step that is its update number `updates`, and what the step told."""
    units = domains(settings, "a", "b")
    units["a"].discriminator_group.updates = updates
    losses = train(settings, units["a"], units["b"], 0)
    return copied(units["a"].discriminator.state_dict()), losses["a"]["discriminator"]


@pytest.mark.parametrize("kind", ["patch", "split"])
def test_r1_is_taken_at_every_4th_update_and_told_apart_from_the_discriminators_loss(tiny, kind):
    tiny = tiny.changed({"discriminator.kind": kind})
    steep = tiny.changed({"losses.r1": 100.0})
    for updates in range(5):
        (with_r1, its_loss), (without, loss) = scored_after(steep, updates), scored_after(tiny, updates)
        assert same(with_r1, without) == (updates % 4 != 0)
        assert its_loss == loss


def test_r1_adds_its_weight_times_4_times_half_the_gradient_of_the_r1_penalty_at_real_images(tiny):
    found = {}
    for weight in (0.0, 3.0):
        settings = tiny.changed({"losses.r1": weight})
        units = domains(settings, "a", "b")
        weights = list(units["a"].discriminator.parameters())
        units["a"].discriminator_group.update = lambda rate, weight=weight, weights=weights: found.update(
            {weight: [one.grad.clone() for one in weights]}
        )
        train(settings, units["a"], units["b"], 0)
    of_r1_penalty = torch.autograd.grad(r1_penalty(units["a"].discriminator, image(0)), weights, allow_unused=True)
    for without, with_r1, alone in zip(found[0.0], found[3.0], of_r1_penalty, strict=True):
        added = torch.zeros_like(without) if alone is None else 3.0 / 2 * 4 * alone
        torch.testing.assert_close(with_r1 - without, added, rtol=1e-3, atol=1e-5)
    assert any(alone is not None and alone.abs().max() > 1e-3 for alone in of_r1_penalty)


SEEING = {"losses.heads": 1.0, "losses.style": 2.0}


def test_a_step_that_sees_features_changes_all_of_two_domains_and_nothing_else(tiny):
    settings = tiny.changed({**SEEING, "networks.kind": "skip"})
    units = domains(settings, "summer", "fall", "winter")
    before = {name: copied(unit.state()) for name, unit in units.items()}
    frozen = building.objective(settings).features
    weights = copied(dict(frozen.named_buffers()))
    losses = train(settings, units["summer"], units["fall"], 0)
    assert same(before["winter"], units["winter"].state())
    assert same(weights, dict(frozen.named_buffers()))
    for name in ("summer", "fall"):
        after = units[name].state()
        unchanged = {key for key in before[name] if torch.equal(before[name][key], after[key])}
        # A head's last layer has one output: its singular vector is 1, and its bias is neither for nor against fakes.
        unchanged -= {key for key in unchanged if re.search(r"heads\.\d\.4\.(left|bias)", key)}
        assert unchanged == set(), f"{name}: {unchanged}"
        assert {"heads", "style"} < set(losses[name])


def test_pairs_that_see_features_give_the_same_bits_at_the_same_time(tiny):
    settings, names = tiny.changed({**SEEING, "networks.kind": "skip"}), ("summer", "fall", "winter", "spring")
    one, parallel = domains(settings, *names), domains(settings, *names)
    pairs = [("summer", "fall"), ("winter", "spring")]
    for iteration, (a, b) in enumerate(pairs):
        train(settings, one[a], one[b], iteration)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(train, settings, parallel[a], parallel[b], i) for i, (a, b) in enumerate(pairs)]
        [job.result() for job in jobs]
    for name in names:
        assert same(one[name].state(), parallel[name].state())


def test_what_features_show_is_filed_under_the_domain_it_is_of(tiny):
    settings = tiny.changed(SEEING)
    objective, units = building.objective(settings), domains(settings, "a", "b")
    a, b, x, y = units["a"], units["b"], image(0), image(100)
    with torch.no_grad():
        fake_b = b.decode(a.encode(x))
        b.heads.requires_grad_(False)  # as while generators are trained: its singular vectors stay
        scores = b.heads(objective.features.mixed(objective.features(fake_b)))
        wanted = {
            "heads": -torch.stack([one.mean() for one in scores]).mean(),
            "style": style(objective.features(fake_b), objective.features(y), numbers(0, "style", 0, "b")),
        }
    losses = train(settings, a, b, 0)
    assert losses["b"]["heads"] == pytest.approx(wanted["heads"].item(), rel=1e-4)
    assert losses["b"]["style"] == pytest.approx(wanted["style"].item(), rel=1e-4)


def test_heads_learn_to_tell_real_images_from_translations(tiny):
    settings = tiny.changed({"losses.heads": 1.0, "optimizer.rate": 1e-3})
    units, objective = domains(settings, "a", "b"), building.objective(settings)

    def told_apart():
        with torch.no_grad():
            made = units["b"].decode(units["a"].encode(image(0)))
            real, fake = (
                [m.mean() for m in units["b"].heads(objective.features.mixed(objective.features(shown)))]
                for shown in (image(100), made)
            )
        return sum(real) - sum(fake)

    before = told_apart()
    for group in ("a", "b"):
        units[group].generator_group.update = lambda rate: None
    for _ in range(10):
        train(settings, units["a"], units["b"], 0)
    assert told_apart() > before + 1


def test_r1_makes_a_discriminator_less_steep_at_real_images(tiny):
    found = {}
    for weight in (0.0, 1e4):
        settings = tiny.changed({"losses.r1": weight})
        units = domains(settings, "a", "b")
        for iteration in range(24):
            train(settings, units["a"], units["b"], iteration)
        found[weight] = r1_penalty(units["a"].discriminator, image(0)).item()
    assert found[1e4] < found[0.0] / 2


def test_some_parts_are_computed_at_every_second_update_and_count_twice(tiny):
    settings = tiny.changed({**SEEING, "losses.latent": 0.0, "losses.every": 2})
    objective, units = building.objective(settings), domains(settings, "a", "b")
    found = [set(train(settings, units["a"], units["b"], iteration)["a"]) for iteration in range(4)]
    always = found[0] & found[1]
    assert found[0] == found[2] == always | {"identity", "style"}
    assert found[1] == found[3] == always | {"cycle"}
    losses, part = settings.losses, torch.tensor(3.0)
    assert objective.total({"cycle": part}) == 2 * losses.cycle * part
    assert objective.total({"identity": part}) == 2 * losses.identity * part
    assert objective.total({"style": part}) == 2 * losses.style * part
    assert building.objective(tiny).total({"identity": part}) == losses.identity * part


@pytest.mark.parametrize("every", [2, 3, 4])
def test_cycle_and_identity_loss_take_turns(tiny, every):
    settings = tiny.changed({"losses.every": every})
    units = domains(settings, "a", "b")
    found = [train(settings, units["a"], units["b"], iteration)["a"].keys() for iteration in range(12)]
    assert sum("cycle" in parts for parts in found) == sum("identity" in parts for parts in found) == 12 // every
    assert not any({"cycle", "identity"} <= parts for parts in found)


def test_cyclegan_identity_sends_the_targets_image_through_the_translation(tiny):
    settings = tiny.changed({"losses.identity_kind": "cyclegan"})
    units = domains(settings, "a", "b")
    a, b, x, y = units["a"], units["b"], image(0), image(1)
    _, parts = there_and_back(a, b, x, y, building.objective(settings))
    wanted = (b.decode(a.encode(y)) - y).abs().mean()
    assert parts["identity"].item() == pytest.approx(wanted.item(), rel=1e-5)


def test_averages_follow_the_weights_with_a_warm_up(tiny):
    unit = domains(tiny, "a")["a"]
    name, weight = next(unit.generator_group.networks.named_parameters())
    average = unit.generator_group.state()[f"average/{name}"]
    wanted = average.clone()
    for update in range(1, 4):
        for parameter in unit.generator_group.networks.parameters():
            parameter.grad = torch.ones_like(parameter)
        unit.generator_group.update(1e-2)
        decay = min(0.9, (1 + update) / (10 + update))
        wanted = decay * wanted + (1 - decay) * weight.detach()
        assert torch.allclose(average, wanted, atol=1e-7)


def test_a_batch_larger_than_one_is_normalised_picture_by_picture(tiny):
    units = domains(tiny, "a", "b")
    x = torch.cat([image(0), image(1)])
    with torch.no_grad():
        together = units["b"].decode(units["a"].encode(x))
        alone = torch.cat([units["b"].decode(units["a"].encode(part)) for part in x.split(1)])
    assert torch.allclose(together, alone, atol=1e-5)

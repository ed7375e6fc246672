"""The same data gives the same losses, gradients and weights: six published iterations from imported checkpoints."""

import numpy as np
import pytest
import torch
from published import FIXTURES, THINNED, TRAINED, Published, domains_of, group_of, thin

from combogan.published.checkpoint import read_combogan
from combogan.runs.from_published import settings_of
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.schedule import course
from combogan.training.step import discriminator_loss, step, there_and_back

NAMES = ["a", "b", "c"]

# The published program's own rounding errors, where they are above the bar (fixtures/README.md).
GRADIENTS = {"vanilla": 5e-3}
TRANSLATIONS = {"release": 4e-3}


class Training:
    """Our step on the images of the six published iterations."""

    def __init__(self, name, dtype, iterations=6):
        self.published = Published(name)
        self.names = NAMES[: self.published.count]
        self.domains, settings = domains_of(self.published, self.names, dtype)
        self.dtype, self.losses = dtype, []
        for iteration, given in enumerate(self.published.card["steps"][:iterations]):
            a, b = (self.domains[self.names[number]] for number in given["pair"])
            found = step(
                a,
                b,
                self.published.image(f"step{iteration}_A", dtype),
                self.published.image(f"step{iteration}_B", dtype),
                objective=building.objective(settings),
                rate=settings.optimizer.rate,
                precision=torch.float32,
                chance=lambda purpose, domain, iteration=iteration: numbers(0, purpose, iteration, domain),
            )
            self.losses.append(as_published(found[a.name], found[b.name]))
            if not iteration:
                self.gradients = self._gradients(settings.optimizer.betas[0])

    def _gradients(self, beta):
        """Gradients of the first iteration from Adam's moments; all of a network in one vector."""
        found = {}
        for network in self.published.card["largest_gradient"]:
            group, part = group_of(self.domains, self.names, network)
            moments = [v for k, v in group.state().items() if k.startswith(f"exp_avg/{part}.")]
            found[network] = torch.cat([value.flatten() for value in moments]) / (1 - beta)
        return found

    def loss_errors(self, wanted):
        """The largest relative error of each iteration."""
        for found, expected in zip(self.losses, wanted, strict=False):
            yield max(abs(found[name] - value) / abs(value) for name, value in expected.items() if name != "pair")

    @torch.no_grad()
    def translations(self):
        for i, source in enumerate(self.names):
            latent = self.domains[source].encode(self.published.image("images", self.dtype)[i : i + 1])
            for j, target in enumerate(self.names):
                yield f"trained_translate_{i}_{j}", self.domains[target].decode(latent)


def as_published(a, b):
    """Our losses by the published names: in the fixtures, disc_B scores B, gan_A_to_B the fake in B."""
    found = {"gan_A_to_B": b["gan"], "gan_B_to_A": a["gan"], "disc_A": a["discriminator"], "disc_B": b["discriminator"]}
    for name in ("cycle", "identity", "forward", "latent"):
        if name in a:
            found |= {f"{name}_A": a[name], f"{name}_B": b[name]}
    return {name: value.item() for name, value in found.items()}


@pytest.fixture(scope="module", params=TRAINED)
def exact(request):
    return request.param, Training(request.param, torch.float64)


def test_in_exact_arithmetic_the_step_is_the_published_one(exact):
    _, training = exact
    published = training.published
    assert max(training.loss_errors(published.card["exact_losses"])) < 1e-10
    for network, largest in published.card["largest_gradient"].items():
        found = thin(training.gradients[network], 2 * THINNED)
        assert np.abs(found - published.exact[f"grad_{network}"]).max() < 1e-10 * largest
    for name, found in training.translations():
        assert np.abs(thin(found, 2 * THINNED) - published.exact[name]).max() < 1e-10


def test_losses_of_six_iterations_are_the_published_ones(exact):
    _, training = exact
    assert all(
        set(found) | {"pair"} == set(given)
        for found, given in zip(training.losses, training.published.card["steps"], strict=True)
    )
    errors = list(training.loss_errors(training.published.card["steps"]))
    assert len(errors) == 6
    assert max(errors[:2]) < 1e-4
    assert max(errors[2:]) < 1e-3


def test_gradients_of_the_first_iteration_are_the_published_ones(exact):
    name, training = exact
    for network, largest in training.published.card["largest_gradient"].items():
        bar = GRADIENTS.get(name, 1e-4) if network == "encoder_0" else 1e-4
        assert training.published.apart(training.gradients[network], f"grad_{network}") < bar * largest


def test_weights_after_six_iterations_are_the_published_ones(exact):
    _, training = exact
    for network, (total, absolute, _) in training.published.card["weights_after_steps_sum_abs_sq"].items():
        group, part = group_of(training.domains, training.names, network)
        weights = torch.cat([weight.detach().flatten() for weight in group.networks[part].parameters()])
        assert abs(weights.sum().item() - total) < 1e-3 * absolute
        assert abs(weights.abs().sum().item() - absolute) < 1e-3 * absolute


def test_translations_after_six_iterations_are_the_published_ones(exact):
    name, training = exact
    for expected, found in training.translations():
        apart = np.abs(thin(found) - training.published.numbers[expected]).mean()
        assert apart < TRANSLATIONS.get(name, 1e-3)


@pytest.mark.parametrize("name", TRAINED)
def test_in_float32_as_runs_train_the_first_losses_are_the_published_ones(name):
    training = Training(name, torch.float32, iterations=2)
    assert max(training.loss_errors(training.published.card["steps"])) < 1e-4


def test_shared_blocks_learn_with_every_pair():
    training = Training("shared", torch.float32, iterations=2)
    assert training.domains["a"].shared.generator_group.updates == 2


def test_the_cyclegan_preset_has_the_losses_of_cyclegan():
    settings = Settings.load("cyclegan", {"networks.width": 2, "discriminator.width": 2})
    a, b = (building.new_domain(name, settings, torch.device("cpu")) for name in "ab")
    x, y = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    objective = building.objective(settings)
    fake_b, parts = there_and_back(a, b, x, y, objective)
    rec_a, same_b = a.decode(b.encode(fake_b)), b.decode(a.encode(y))
    (scores,) = b.discriminator(fake_b)
    expected = ((scores - 1) ** 2).mean() + 10 * (rec_a - x).abs().mean() + 10 * 0.5 * (same_b - y).abs().mean()
    torch.testing.assert_close(objective.total(parts), expected)
    (real,), (fake,) = b.discriminator(y), b.discriminator(fake_b)
    expected = (((real - 1) ** 2).mean() + (fake**2).mean()) / 2
    torch.testing.assert_close(discriminator_loss(b, y, fake_b, objective.gan_loss), expected)


def test_the_cyclegan_preset_trains_200_epochs_half_of_them_with_a_falling_rate():
    chosen = Settings.load("cyclegan").schedule
    given = course(50, batch=1, epochs=chosen.epochs, decay_from=chosen.decay_from, iterations=None, domains=2)
    assert given.epochs == 200
    assert given.decay_from == 100


def test_the_original_preset_has_the_networks_of_the_last_published_checkpoints():
    original, found = Settings.load("original"), settings_of(read_combogan(FIXTURES / "shared", NAMES))
    alike = {"kind", "layers", "activation", "padding"}
    assert original.discriminator.model_dump(include=alike) == found.discriminator.model_dump(include=alike)
    assert original.networks.activation == found.networks.activation
    assert original.losses == found.losses

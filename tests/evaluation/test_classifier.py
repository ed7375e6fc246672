"""A classifier on disk gives what it gave before, and nothing else is taken for one."""

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from combogan.errors import PackError
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.classifier import CLASSIFIER, classifier_of, read_classifier, taken, write_classifier
from combogan.evaluation.image_features import VALUES, image_features
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry

COLOURS = {"red": (200, 40, 30), "green": (40, 180, 60), "blue": (30, 40, 190)}


def picture(name, seed, size=(40, 40)):
    """A noisy picture of mostly one colour."""
    noise = torch.randint(-25, 25, (size[1], size[0], 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray((torch.tensor(COLOURS[name]) + noise).clamp(0, 255).byte().numpy())


@pytest.fixture(scope="module")
def arrival():
    """A classifier of colours."""
    pooled, labels = [], []
    for label, name in enumerate(COLOURS):
        for seed in range(4):
            image = torch.tensor(list(picture(name, seed).tobytes())).view(1, 40, 40, 3).permute(0, 3, 1, 2)
            pooled.append(image_features(image / 127.5 - 1).pooled)
            labels.append(label)
    return Arrival.fitted(tuple(COLOURS), torch.cat(pooled), torch.tensor(labels), size=40)


def test_a_picture_is_taken_for_the_domain_it_is_of(arrival):
    assert arrival.weights["mean"].shape == (VALUES,)
    for name in COLOURS:
        found = taken(arrival, picture(name, 9, (70, 50)), COLOURS)
        assert found.domain == name
        assert 0.5 < found.chance <= 1
        assert str(found) == f"taken for {name} ({found.chance:.0%})"
    assert taken(arrival, picture("red", 9), ["green", "blue"]).domain != "red"
    assert taken(arrival, picture("blue", 9, (20_000, 9)), COLOURS).domain == "blue"


def test_a_file_gives_the_same_classifier(arrival, tmp_path):
    write_classifier(tmp_path / CLASSIFIER, arrival)
    again = read_classifier(tmp_path / CLASSIFIER)
    assert (again.domains, again.size, again.largest) == (arrival.domains, arrival.size, arrival.largest)
    assert again.weights.keys() == arrival.weights.keys()
    assert all(torch.equal(again.weights[name], weight) for name, weight in arrival.weights.items())
    assert (tmp_path / CLASSIFIER).stat().st_size < 50_000


def test_what_is_no_classifier_of_these_features_is_one_sentence(arrival, tmp_path):
    file = tmp_path / CLASSIFIER
    write_classifier(file, arrival)
    whole, weights = file.read_bytes(), load_file(file)

    def refusal():
        with pytest.raises(PackError) as refused:
            read_classifier(file)
        assert str(refused.value).endswith("; `combogan evaluate RUN` writes a new one.")
        return str(refused.value)

    for content in (
        b"",
        whole[:-1],
        b"no classifier at all",
        whole.replace(b"combogan-classifier", b"combogan-classifiex"),
    ):
        file.write_bytes(content)
        assert "is damaged, or of a newer combogan" in refusal()
    file.write_bytes(whole.replace(b"efficientnet-lite2", b"efficientnet-lite0"))
    assert "was fitted to the features of another network (efficientnet-lite0)" in refusal()
    with open(file, "wb") as made:
        made.truncate(17 << 20)
    assert "it has more than 16 MiB" in refusal()
    file.unlink()
    assert "cannot be read (No such file or directory)" in refusal()
    save_file(weights, file, {"card": "{}"})
    assert "is damaged" in refusal()
    write_classifier(file, Arrival(arrival.domains, weights | {"bias": weights["bias"][:2].clone()}, size=40))
    assert "holds other weights than its card describes" in refusal()


def test_the_newest_classifier_that_knows_all_domains_is_taken(arrival, tmp_path):
    torch.manual_seed(0)

    def new(name, space, date):
        halves = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
        return NewPack(name, *halves, (space, space), 16, {"date": date})

    for run, names, space, date in (
        ("old", "red green", "0a", "2025-01-01"),
        ("new", "blue green", "0b", "2026-01-01"),
    ):
        publish(tmp_path / run, [new(name, space, date) for name in names.split()])
    registry = Registry.open(tmp_path)
    with pytest.raises(
        PackError, match="no classifier says whether a picture is of blue or green or red; `combogan eva"
    ):
        classifier_of(registry)
    write_classifier(tmp_path / "new" / CLASSIFIER, Arrival(("green", "blue"), two(arrival), size=40))
    with pytest.raises(PackError, match="no classifier knows all of blue, green, red, .* --registry RUN"):
        classifier_of(registry)
    assert classifier_of(Registry.open(tmp_path / "new")).domains == ("green", "blue")
    assert classifier_of(registry, targets=["blue"]).domains == ("green", "blue")  # red is in another space
    write_classifier(tmp_path / "old" / CLASSIFIER, arrival)
    assert classifier_of(registry).domains == tuple(COLOURS)


def test_a_classifier_of_no_finite_numbers_is_refused(arrival, tmp_path):
    bad = arrival.weights | {"bias": torch.full_like(arrival.weights["bias"], torch.nan)}
    write_classifier(tmp_path / CLASSIFIER, Arrival(arrival.domains, bad, size=40))
    with pytest.raises(PackError, match="holds other weights"):
        read_classifier(tmp_path / CLASSIFIER)


def two(arrival):
    """The weights for two of three domains."""
    weights = arrival.weights
    return weights | {"weight": weights["weight"][:, :2].clone(), "bias": weights["bias"][:2].clone()}

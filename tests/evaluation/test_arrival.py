"""A classifier of domains whose answers are known."""

from collections.abc import Sequence

import pytest
import torch
from PIL import Image
from torch import Tensor

from combogan.evaluation.arrival import Arrival
from combogan.evaluation.colour_matching import ColourMatch
from combogan.evaluation.image_features import ImageFeatures, image_features
from combogan.scenery.scene import draw


class Drawn:
    """Sixty scenes of a season, drawn once."""

    def __init__(self, season: str, seed: int) -> None:
        self.names: Sequence[str] = [str(index) for index in range(60)]
        self._pictures = [Image.fromarray(draw(season, seed, index, 32)) for index in range(60)]
        pixels = torch.stack([torch.frombuffer(bytearray(one.tobytes()), dtype=torch.uint8) for one in self._pictures])
        self.images: Tensor = pixels.view(60, 32, 32, 3).permute(0, 3, 1, 2).float() / 127.5 - 1

    def __len__(self) -> int:
        return 60

    def picture(self, index: int, size: int) -> Image.Image:
        return self._pictures[index]

    def fingerprint(self) -> str:
        return ""


SEASONS = ("summer", "winter", "fall")


def share(arrival: Arrival, images: Tensor, domain: str) -> float:
    """The share of images that are taken for the domain."""
    return arrival.taken(images, domain).double().mean().item()


@pytest.fixture(scope="module")
def train() -> dict[str, Drawn]:
    return {season: Drawn(season, number) for number, season in enumerate(SEASONS)}


@pytest.fixture(scope="module")
def arrival(train: dict[str, Drawn]) -> Arrival:
    return Arrival.train(train, 32)


def test_new_real_pictures_arrive_and_copies_of_other_domains_do_not(arrival: Arrival) -> None:
    for season in SEASONS:
        images = Drawn(season, 7).images
        shares = {target: share(arrival, images, target) for target in SEASONS}
        assert shares[season] > 0.85
        assert sum(shares.values()) == pytest.approx(1)


def test_shifted_colours_do_not_arrive(arrival: Arrival, train: dict[str, Drawn]) -> None:
    shares = []
    for source in SEASONS:
        for target in set(SEASONS) - {source}:
            matched = ColourMatch.fit(train[target].images)(Drawn(source, 7).images)
            shares.append(share(arrival, matched, target))
    assert sum(shares) / len(shares) < 0.05


def test_without_borrowed_colours_the_colours_alone_would_tell(train: dict[str, Drawn]) -> None:
    found = [image_features(one.images).pooled for one in train.values()]
    labels = torch.arange(3).repeat_interleave(60)
    plain = Arrival.fitted(SEASONS, torch.cat(found), labels, size=32, largest=64)
    matched = ColourMatch.fit(train["fall"].images)(Drawn("summer", 7).images)
    assert share(plain, matched, "fall") > 0.5


def test_points_on_a_line_are_parted_in_their_middle_however_many_each_domain_has() -> None:
    left, right = torch.full((50, 1), -1.0), torch.full((5, 1), 3.0)
    labels = torch.tensor([0] * 50 + [1] * 5)
    arrival = Arrival.fitted(("left", "right"), torch.cat([left, right]), labels, size=32, largest=64)
    points = ImageFeatures([], torch.tensor([[0.9], [1.1]]))
    assert arrival.takes(points, "right").tolist() == [False, True]
    assert arrival.takes(points, "left").tolist() == [True, False]


def test_larger_images_are_classified_by_what_they_show(arrival: Arrival) -> None:
    images = torch.nn.functional.interpolate(Drawn("winter", 7).images, scale_factor=2, mode="bilinear")
    assert share(arrival, images, "winter") > 0.85


def test_the_same_seed_gives_the_same_classifier_whatever_chance_was_drawn(train: dict[str, Drawn]) -> None:
    images = Drawn("fall", 7).images
    both = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        with torch.no_grad():
            one = Arrival.train({name: train[name] for name in ("fall", "winter")}, 32)
        assert torch.equal(before, torch.get_rng_state())
        both.append(one._logits(one.features(images)))
    assert torch.equal(*both)


def test_one_domain_cannot_be_told_from_nothing(train: dict[str, Drawn]) -> None:
    with pytest.raises(ValueError, match="two domains or more"):
        Arrival.train({"summer": train["summer"]}, 32)

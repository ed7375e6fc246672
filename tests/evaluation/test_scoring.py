"""Scores of translators whose scores are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from combogan.data.catalog import DomainPictures
from combogan.data.pictures import FolderPictures
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.colour_matching import colour_matches
from combogan.evaluation.metrics import BEST_PSNR
from combogan.evaluation.scores import Scores
from combogan.evaluation.scoring import ALONE, NO_OTHER, score
from combogan.scenery.scene import draw

SIZE = 32
NAMES = tuple(f"scene-{index}.png" for index in range(10))
SEASONS = ("summer", "winter", "fall")


def drawn(folder: Path, season: str, *, truth: str | None = "drawn", names: Sequence[str] = NAMES) -> DomainPictures:
    """Ten scenes of a season as files: the first named are the test set, and all are the training set."""
    (folder / season).mkdir(parents=True)
    for index, name in enumerate(NAMES):
        Image.fromarray(draw(season, 1, index, SIZE)).save(folder / season / name)
    train, test = FolderPictures(folder / season, NAMES), FolderPictures(folder / season, tuple(names))
    return DomainPictures(season, str(folder / season), train, test, season, truth)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[DomainPictures]:
    folder = tmp_path_factory.mktemp("drawn")
    return [drawn(folder, season) for season in SEASONS]


@pytest.fixture(scope="module")
def arrival(sources: list[DomainPictures]) -> Arrival:
    return Arrival.train({source.name: source.train for source in sources}, SIZE)


def copy(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
    return dict.fromkeys(targets, images)


class Oracle:
    """The perfect translator: finds pictures by their pixels, gives their truths, and counts what it translates."""

    def __init__(self, sources: Sequence[DomainPictures]) -> None:
        self.seen: dict[tuple[str, int], int] = {}
        self.answers = {}
        for source in sources:
            for index, name in enumerate(source.test.names):
                others = {o.name: self.image(o, list(o.test.names).index(name)) for o in sources if o is not source}
                self.answers[source.name, self.key(self.image(source, index))] = others

    @staticmethod
    def image(source: DomainPictures, index: int) -> Tensor:
        pixels = torch.from_numpy(np.array(source.test.picture(index, SIZE)))
        return pixels.permute(2, 0, 1).float() / 127.5 - 1

    @staticmethod
    def key(image: Tensor) -> bytes:
        return ((image + 1) * 127.5).round().byte().numpy().tobytes()

    def __call__(self, source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        way = (source, len(targets))
        self.seen[way] = self.seen.get(way, 0) + len(images)
        known = [self.answers[source, self.key(image)] for image in images]
        return {target: torch.stack([answer[target] for answer in known]) for target in targets}


def test_a_perfect_translator_has_the_best_scores(sources: list[DomainPictures], arrival: Arrival) -> None:
    scores = score(Oracle(sources), sources, SIZE, arrival=arrival)
    for pair in scores.pairs:
        assert pair.truth is not None
        assert pair.truth.translation.psnr == pytest.approx(BEST_PSNR)
        assert pair.truth.translation.ssim == pytest.approx(1, abs=1e-5)
        assert pair.truth.over_colour_matching > 50
        assert pair.truth.over_copying > 50
        assert pair.cycle == pytest.approx(BEST_PSNR)
        assert pair.translation.texture == (0, 0)
        assert pair.translation.kid is not None
        assert pair.colour_matching.kid is not None
        assert pair.translation.kid < 0 < pair.colour_matching.kid  # the unbiased distance of a set from itself
        assert 0 < pair.colour_matching.content < pair.translation.content < 1
        assert min(pair.colour_matching.texture) > 20
        assert pair.translation.arrival == scores.classifier[pair.target]
        assert 0.3 < pair.translation.edges < pair.colour_matching.edges <= 1
        assert 0 < pair.more_than_colour < 1


def test_a_copying_translator_changes_nothing_and_does_not_arrive(
    sources: list[DomainPictures], arrival: Arrival
) -> None:
    scores = score(copy, sources, SIZE, arrival=arrival)
    for pair in scores.pairs:
        assert pair.truth is not None
        assert pair.truth.translation == pair.truth.copying
        assert pair.translation.edges == pytest.approx(1)
        assert pair.translation.content == pytest.approx(0, abs=1e-6)
        assert pair.cycle == BEST_PSNR
        assert pair.more_than_colour == pytest.approx(0, abs=1e-9)
    assert scores.translation is not None
    assert scores.translation.arrival < 0.2
    assert scores.accuracy is not None
    assert scores.accuracy > 0.8


def test_a_translator_that_matches_colours_is_exactly_that_baseline(
    sources: list[DomainPictures], arrival: Arrival
) -> None:
    matches = colour_matches(sources, SIZE)

    def translate(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        return {target: matches[target](images) for target in targets}

    for pair in score(translate, sources, SIZE, arrival=arrival).pairs:
        assert pair.truth is not None
        assert pair.truth.translation == pair.truth.colour_matching
        assert pair.translation == pair.colour_matching
        assert pair.more_than_colour < 0.1


def test_a_constant_translator_keeps_nothing(sources: list[DomainPictures], arrival: Arrival) -> None:
    def grey(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        return dict.fromkeys(targets, torch.zeros_like(images))

    for pair in score(grey, sources, SIZE, arrival=arrival).pairs:
        assert pair.translation.edges == 0
        assert pair.translation.content > 0.6
        assert pair.translation.arrival in (0, 1)
        assert pair.more_than_colour == pytest.approx(0, abs=1e-6)
        assert pair.translation.texture > pair.colour_matching.texture
        assert pair.cycle is not None
        assert pair.cycle < 15


def test_real_pictures_of_the_target_in_any_order_arrive_and_keep_little(
    sources: list[DomainPictures], arrival: Arrival
) -> None:
    oracle = Oracle(sources)

    def shuffled(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        return {target: made.roll(1, 0) for target, made in oracle(source, targets, images).items()}

    perfect, mixed = score(oracle, sources, SIZE, arrival=arrival), score(shuffled, sources, SIZE, arrival=arrival)
    for right, wrong in zip(perfect.pairs, mixed.pairs, strict=True):
        assert wrong.translation.arrival == right.translation.arrival
        assert wrong.translation.edges < right.translation.edges - 0.1
        assert wrong.translation.content > right.translation.content + 0.1
        assert wrong.translation.kid == pytest.approx(right.translation.kid)
        assert wrong.truth is not None
        assert wrong.truth.translation.psnr < 20
        assert max(wrong.translation.texture) < 100  # by chance: other patches of the same pictures
        assert sum(wrong.translation.texture) < sum(wrong.colour_matching.texture)


def test_copying_is_scored_as_the_mean_over_pictures_of_what_numpy_finds(
    sources: list[DomainPictures], arrival: Arrival
) -> None:
    pair = score(copy, sources[:2], SIZE, arrival=arrival).pairs[0]
    errors = []
    for index in range(len(NAMES)):
        x, y = (np.asarray(source.test.picture(index, SIZE)).astype(float) / 127.5 - 1 for source in sources[:2])
        errors.append(10 * np.log10(4 / ((x - y) ** 2).mean()))
    assert (pair.source, pair.target, pair.pictures) == ("summer", "winter", 10)
    assert pair.truth is not None
    assert pair.truth.copying.psnr == pytest.approx(np.mean(errors), abs=1e-3)


def test_every_ordered_pair_is_scored_once_and_every_picture_encoded_once_for_all(
    sources: list[DomainPictures], arrival: Arrival
) -> None:
    oracle = Oracle(sources)
    scores = score(oracle, sources, SIZE, arrival=arrival)
    assert [(pair.source, pair.target) for pair in scores.pairs] == [(a, b) for a in SEASONS for b in SEASONS if a != b]
    assert oracle.seen == {(season, 2): 10 for season in SEASONS} | {(season, 1): 20 for season in SEASONS}


def test_a_limit_scores_the_same_scenes_of_every_domain(sources: list[DomainPictures], arrival: Arrival) -> None:
    oracle = Oracle(sources)
    scores = score(oracle, sources, SIZE, pictures=3, arrival=arrival)
    assert {pair.pictures for pair in scores.pairs} == {3}
    assert oracle.seen["summer", 2] == 3
    assert max(max(pair.translation.texture) for pair in scores.pairs) == 0


def test_test_pictures_meet_by_name_whatever_their_order(
    sources: list[DomainPictures], arrival: Arrival, tmp_path: Path
) -> None:
    backwards = drawn(tmp_path, "winter", names=[*reversed(NAMES[2:]), "scene-0.png"])
    both = [sources[0], backwards]
    pair = score(Oracle([sources[0], sources[1]]), both, SIZE, arrival=arrival).pairs[0]
    assert pair.truth is not None
    assert pair.truth.translation.psnr == pytest.approx(BEST_PSNR)


def test_domains_without_truth_are_scored_too(sources: list[DomainPictures], arrival: Arrival, tmp_path: Path) -> None:
    other = drawn(tmp_path, "winter", truth=None)
    scores = score(copy, [sources[0], other, sources[2]], SIZE, arrival=arrival)
    assert {(pair.source, pair.target) for pair in scores.pairs if pair.truth} == {
        ("summer", "fall"),
        ("fall", "summer"),
    }
    assert len(scores.pairs) == 6
    assert scores.truth is not None
    assert scores.unscored == {}


def test_only_what_composes_is_translated(sources: list[DomainPictures], arrival: Arrival) -> None:
    scores = score(copy, sources, SIZE, arrival=arrival, composes=lambda *way: way == ("summer", "winter"))
    assert [(pair.source, pair.target, pair.cycle) for pair in scores.pairs] == [("summer", "winter", None)]
    assert scores.unscored == {"fall": ALONE}


def test_a_single_domain_has_no_scores(sources: list[DomainPictures]) -> None:
    assert score(copy, sources[:1], SIZE) == Scores(SIZE, unscored={"summer": NO_OTHER})


def test_scoring_remembers_no_gradient_and_changes_no_generator_of_chance(sources: list[DomainPictures]) -> None:
    weight = torch.ones((), requires_grad=True)
    seen = []

    def translate(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        seen.append((images * weight).requires_grad)
        return dict.fromkeys(targets, images * weight)

    before = torch.get_rng_state()
    few = Arrival.train({source.name: source.train for source in sources}, SIZE)
    score(translate, sources[:2], SIZE, pictures=1, arrival=few)
    assert not any(seen)
    assert len(seen) == 4
    assert torch.equal(before, torch.get_rng_state())


def test_pictures_of_any_shape_are_compared_by_their_middle(tmp_path: Path) -> None:
    both = []
    for name, shift in (("here", 0), ("there", 51)):
        pixels = np.full((80, 200, 3), 255, np.uint8)
        pixels[:, 60:140] = 51 + shift
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "wide.png")
        pictures = FolderPictures(tmp_path / name, ("wide.png",))
        both.append(DomainPictures(name, str(tmp_path / name), pictures, pictures, name, "flat"))
    arrival = Arrival.train({source.name: source.train for source in both}, 40)
    truth = score(copy, both, 40, arrival=arrival).pairs[0].truth
    # The middle is flat, and a fifth of the range apart, but for what scaling mixes in at its sides.
    assert truth is not None
    assert truth.copying.psnr == pytest.approx(20 * np.log10(5), abs=0.5)

"""Scores of translators whose scores are known, and of runs on disk."""

import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

from combogan.data.catalog import Domain
from combogan.data.pictures import FolderPictures
from combogan.data.scenes import draw
from combogan.errors import RunError
from combogan.evaluation.metrics import BEST_PSNR
from combogan.evaluation.report import colour_matches, evaluate, truth_scores
from combogan.evaluation.scores import Comparison, PairScores, Quality, Scores
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.registry.pack import write_pack
from combogan.settings import Settings

SIZE = 32
NAMES = tuple(f"scene-{index}.png" for index in range(10))


def drawn(folder: Path, season: str, *, truth: str | None = "drawn", names: Sequence[str] = NAMES) -> Domain:
    """Ten scenes of a season as files: the first named are the test set, and all are the training set."""
    (folder / season).mkdir(parents=True)
    for index, name in enumerate(NAMES):
        Image.fromarray(draw(season, 1, index, SIZE)).save(folder / season / name)
    train, test = FolderPictures(folder / season, NAMES), FolderPictures(folder / season, tuple(names))
    return Domain(season, str(folder / season), train, test, season, truth)


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> list[Domain]:
    folder = tmp_path_factory.mktemp("drawn")
    return [drawn(folder, season) for season in ("summer", "winter", "fall")]


def copy(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
    return dict.fromkeys(targets, images)


class Oracle:
    """The perfect translator: knows every picture of every domain by its pixels, and counts what it encodes."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self.encoded = 0
        self.answers = {}
        for source in domains:
            for index, name in enumerate(source.test.names):
                key = self.key(self.image(source, index))
                others = {o.name: self.image(o, list(o.test.names).index(name)) for o in domains if o is not source}
                self.answers[source.name, key] = others

    @staticmethod
    def image(domain: Domain, index: int) -> Tensor:
        pixels = torch.from_numpy(np.array(domain.test.picture(index, SIZE)))
        return pixels.permute(2, 0, 1).float() / 127.5 - 1

    @staticmethod
    def key(image: Tensor) -> bytes:
        return ((image + 1) * 127.5).round().byte().numpy().tobytes()

    def __call__(self, source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        self.encoded += len(images)
        known = [self.answers[source, self.key(image)] for image in images]
        return {target: torch.stack([answer[target] for answer in known]) for target in targets}


def test_a_perfect_translator_has_the_best_scores_and_beats_the_baselines(domains: list[Domain]) -> None:
    scores = truth_scores(Oracle(domains), domains, SIZE)
    for pair in scores.pairs:
        assert pair.scores.translation.psnr == pytest.approx(BEST_PSNR)
        assert pair.scores.translation.ssim == pytest.approx(1, abs=1e-5)
        assert pair.scores.over_colour_matching > 50
        assert pair.scores.over_copying > 50


def test_a_copying_translator_is_exactly_as_good_as_copying(domains: list[Domain]) -> None:
    scores = truth_scores(copy, domains, SIZE)
    for pair in scores.pairs:
        assert pair.scores.translation == pair.scores.copying
        assert pair.scores.over_copying == 0


def test_a_translator_that_matches_colours_is_exactly_as_good_as_that_baseline(domains: list[Domain]) -> None:
    matches = colour_matches(domains, SIZE)
    scores = truth_scores(lambda _, targets, x: {t: matches[t](x) for t in targets}, domains, SIZE, matches=matches)
    for pair in scores.pairs:
        assert pair.scores.translation == pair.scores.colour_matching
        assert pair.scores.over_colour_matching == 0


def test_copying_is_scored_as_the_mean_over_pictures_of_what_numpy_finds(domains: list[Domain]) -> None:
    pair = truth_scores(copy, domains[:2], SIZE).pairs[0]
    errors = []
    for index in range(len(NAMES)):
        x, y = (np.asarray(domain.test.picture(index, SIZE)).astype(float) / 127.5 - 1 for domain in domains[:2])
        errors.append(10 * np.log10(4 / ((x - y) ** 2).mean()))
    assert (pair.source, pair.target, pair.pictures) == ("summer", "winter", 10)
    assert pair.scores.copying.psnr == pytest.approx(np.mean(errors), abs=1e-3)


def test_every_ordered_pair_is_scored_once_and_every_picture_encoded_once(domains: list[Domain]) -> None:
    oracle = Oracle(domains)
    scores = truth_scores(oracle, domains, SIZE)
    pairs = [(pair.source, pair.target) for pair in scores.pairs]
    assert pairs == [(a.name, b.name) for a in domains for b in domains if a is not b]
    assert oracle.encoded == len(domains) * len(NAMES)


def test_a_limit_scores_only_so_many_pictures(domains: list[Domain]) -> None:
    oracle = Oracle(domains)
    scores = truth_scores(oracle, domains, SIZE, pictures=3)
    assert {pair.pictures for pair in scores.pairs} == {3}
    assert oracle.encoded == 9


def test_test_pictures_meet_by_name_whatever_their_order(domains: list[Domain], tmp_path: Path) -> None:
    backwards = drawn(tmp_path, "winter", names=[*reversed(NAMES[2:]), "scene-0.png"])
    both = [domains[0], backwards]
    scores = truth_scores(Oracle([domains[0], domains[1]]), both, SIZE)
    assert scores.pairs[0].pictures == 9
    assert scores.pairs[0].scores.translation.psnr == pytest.approx(BEST_PSNR)


def test_domains_without_truth_have_no_score_and_are_named(domains: list[Domain], tmp_path: Path) -> None:
    other, alone = drawn(tmp_path, "spring", truth=None), drawn(tmp_path / "x", "winter", truth="another")
    scores = truth_scores(copy, [domains[0], other, alone, domains[2]], SIZE)
    assert {(pair.source, pair.target) for pair in scores.pairs} == {("summer", "fall"), ("fall", "summer")}
    assert scores.notes() == ["No score for spring, winter: there is no truth to compare with."]


def test_where_nothing_has_truth_there_are_no_scores_and_no_mean(tmp_path: Path) -> None:
    scores = truth_scores(copy, [drawn(tmp_path, season, truth=None) for season in ("summer", "winter")], SIZE)
    assert scores.pairs == ()
    assert scores.mean is None
    assert json.loads(scores.json())["mean"] is None


def test_scoring_remembers_no_gradient_and_changes_no_generator_of_chance(domains: list[Domain]) -> None:
    weight = torch.ones((), requires_grad=True)
    seen = []

    def translate(source: str, targets: Sequence[str], images: Tensor) -> Mapping[str, Tensor]:
        seen.append((images * weight).requires_grad)
        return dict.fromkeys(targets, images * weight)

    before = torch.get_rng_state()
    truth_scores(translate, domains[:2], SIZE, pictures=1)
    assert seen == [False, False]
    assert torch.equal(before, torch.get_rng_state())


def test_pictures_of_any_shape_are_compared_by_their_middle(tmp_path: Path) -> None:
    both = []
    for name, shift in (("here", 0), ("there", 51)):
        pixels = np.full((80, 200, 3), 255, np.uint8)
        pixels[:, 60:140] = 51 + shift
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "wide.png")
        pictures = FolderPictures(tmp_path / name, ("wide.png",))
        both.append(Domain(name, str(tmp_path / name), pictures, pictures, name, "flat"))
    scores = truth_scores(copy, both, 40)
    # The middle is flat, and a fifth of the range apart, but for what scaling mixes in at its sides.
    assert scores.pairs[0].scores.copying.psnr == pytest.approx(20 * np.log10(5), abs=0.5)


def quality(psnr: float) -> Quality:
    return Quality(psnr, psnr / 100)


EXAMPLE = Scores(
    size=64,
    pairs=(
        PairScores("spring", "winter", 40, Comparison(quality(20.5), quality(17), quality(11))),
        PairScores("winter", "spring", 40, Comparison(quality(19.5), quality(18), quality(11))),
    ),
    unscored={
        "monet": "there is no truth to compare with",
        "photo": "there is no truth to compare with",
        "cat": "it is gone.",
    },
)


def test_the_mean_counts_every_pair_the_same() -> None:
    mean = EXAMPLE.mean
    assert mean is not None
    assert mean.translation.psnr == pytest.approx(20)
    assert mean.translation.ssim == pytest.approx(0.2)
    assert mean.over_colour_matching == pytest.approx(2.5)
    assert mean.over_copying == pytest.approx(9)


def test_the_table_shows_pairs_mean_and_baselines_in_80_columns() -> None:
    shown = StringIO()
    Console(file=shown, width=80).print(EXAMPLE.table())
    rows = [" ".join(line.replace("│", " ").split()) for line in shown.getvalue().splitlines()]
    assert "spring -> winter 20.50 0.205 +3.50 +9.50 17.00 0.170 11.00 0.110" in rows
    assert "Against the truth: 40 pictures per pair, at 64 x 64 pixels; PSNR in dB" in rows
    assert "mean of 2 20.00 0.200 +2.50 +9.00 17.50 0.175 11.00 0.110" in rows


def test_json_holds_all_that_was_measured() -> None:
    content = json.loads(EXAMPLE.json())
    assert content["size"] == 64
    assert content["mean"]["over_colour_matching"] == pytest.approx(2.5)
    assert content["pairs"][0] == {
        "source": "spring",
        "target": "winter",
        "pictures": 40,
        "psnr": 20.5,
        "ssim": 0.205,
        "over_colour_matching": 3.5,
        "over_copying": 9.5,
        "colour_matching": {"psnr": 17, "ssim": 0.17},
        "copying": {"psnr": 11, "ssim": 0.11},
    }
    assert set(content["unscored"]) == {"monet", "photo", "cat"}


def test_domains_without_scores_are_named_once_per_reason() -> None:
    assert EXAMPLE.notes() == [
        "No score for monet, photo: there is no truth to compare with.",
        "No score for cat: it is gone.",
    ]


def publish(run: Path, name: str, *, about: Mapping[str, str] | None = None) -> None:
    """A pack of an untrained, tiny domain."""
    torch.manual_seed(0)
    encoder, decoder = Encoder(width=2, blocks=1), Decoder(width=2, blocks=1)
    write_pack(
        run / "packs" / name,
        domain=name,
        encoder=encoder,
        decoder=decoder,
        spaces=("0a1b2c3d", "0a1b2c3d"),
        image_size=SIZE,
        about=about or {},
        shared=None,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Summer, and photographs; winter was added later, and so was a domain whose folder is gone; a pack is damaged."""
    folder = tmp_path_factory.mktemp("run")
    photographs = drawn(folder / "domains", "fall").origin
    settings = Settings(domains={"summer": "scenes/summer", "photo": photographs})
    settings = settings.changed({"images.size": SIZE, "images.load": SIZE})
    (folder / "settings.toml").write_text(settings.toml())
    publish(folder, "summer")
    publish(folder, "photo")
    publish(folder, "winter", about={"origin": "scenes/winter"})
    publish(folder, "lost", about={"origin": str(folder / "nowhere")})
    publish(folder, "alps/fall")
    (folder / "packs" / "alps" / "fall" / "pack.json").write_text("{")
    return folder


def test_a_run_is_scored_with_domains_added_later(run: Path) -> None:
    scores = evaluate(run)
    assert [(pair.source, pair.target) for pair in scores.pairs] == [("summer", "winter"), ("winter", "summer")]
    assert scores.size == SIZE
    assert {pair.pictures for pair in scores.pairs} == {40}
    assert set(scores.unscored) == {"photo", "lost", "alps/fall"}
    assert "nowhere" in scores.unscored["lost"]
    assert "damaged" in scores.unscored["alps/fall"]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a run: it has no settings\.toml; give"):
        evaluate(tmp_path)
    with pytest.raises(RunError, match="is not a run: there is no such folder"):
        evaluate(tmp_path / "nowhere")


def test_a_run_that_published_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(Settings().toml())
    with pytest.raises(RunError, match="has no packs yet"):
        evaluate(tmp_path)

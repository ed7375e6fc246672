"""The words of `combogan translate --from any`."""

from functools import partial

import pytest
import torch
from PIL import Image

from combogan.cli import translate_any
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.classifier import CLASSIFIER, Taken, write_classifier
from combogan.evaluation.image_features import VALUES
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A run of three domains, two pictures and a broken one."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    (tmp_path / "runs" / "seasons").mkdir(parents=True)
    (tmp_path / "runs" / "seasons" / "settings.toml").write_text("")
    halves = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
    new = [NewPack(name, *halves, ("0a", "0a"), 16, {"date": "2026-01-01"}) for name in ("fall", "summer", "winter")]
    publish(tmp_path / "runs" / "seasons" / "packs", new)
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        Image.new("RGB", (21, 13), "teal").save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "broken.jpg").write_text("no picture")
    return tmp_path


@pytest.fixture
def say(here, called):
    return partial(called, "translate", "--device", "cpu", "--from", "any")


def written(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_each_picture_is_translated_from_what_it_is_taken_for(here, say):
    weights = {"mean": torch.zeros(VALUES), "deviation": torch.ones(VALUES)}
    weights |= {"weight": torch.zeros(VALUES, 3).double(), "bias": torch.tensor([0.0, 2, 1]).double()}
    write_classifier(here / "runs" / "seasons" / CLASSIFIER, Arrival(("winter", "summer", "fall"), weights, size=16))
    code, out, err = say("--to", "all", "in")
    assert code == 1
    assert out.splitlines() == [
        "in/one.png is taken for summer (67%).",
        "in/two.png is taken for summer (67%).",
        "4 pictures written to translated/any-to-all.",
    ]
    assert "Using latent space 0a" in err
    assert "'in/broken.jpg' is no JPEG" in err
    names = [f"summer/{target}/{name}.png" for target in ("fall", "winter") for name in ("one", "two")]
    assert written(here / "translated" / "any-to-all") == names
    (here / "in" / "broken.jpg").unlink()
    code, out, _ = say("--to", "summer", "in", "-o", "out")
    assert code == 0
    assert "Not translated, because already of summer: in/one.png, in/two.png." in out
    assert written(here / "out") == []
    code, _, _ = say("--to", "summer,winter", "in/one.png", "-o", "out", "--tile")
    assert code == 0
    assert written(here / "out") == ["summer/one.png"]


def test_a_domain_with_one_target_left_has_a_folder_for_it_as_the_others_have(here, say, monkeypatch):
    def by_colour(arrival, rgb, among):
        return Taken("summer" if rgb.getpixel((0, 0))[0] else "winter", 1.0)

    monkeypatch.setattr(translate_any, "classifier_of", lambda registry, device, targets: None)
    monkeypatch.setattr(translate_any, "taken", by_colour)
    Image.new("RGB", (21, 13), "tomato").save(here / "in" / "two.png")
    code, out, _ = say("--to", "winter,fall", "in/one.png", "in/two.png", "-o", "out")
    assert code == 0
    assert out.splitlines()[:2] == ["in/one.png is taken for winter (100%).", "in/two.png is taken for summer (100%)."]
    assert written(here / "out") == ["summer/fall/two.png", "summer/winter/two.png", "winter/fall/one.png"]


def test_what_is_missing_is_one_sentence(here, say):
    assert say("--to", "winter", "in")[::2] == (
        2,
        "Error: no classifier says whether a picture is of fall or summer or winter; `combogan evaluate RUN` writes "
        "one into a run, or name the domain.\n",
    )
    assert "no pack of a domain 'nosuch'" in say("--to", "nosuch", "in")[2]
    assert say("--to", "winter")[::2] == (2, "Error: --from any says of which domain pictures are; name some.\n")


@pytest.mark.parametrize("words", [["--from", "any,summer", "--to", "winter"], ["--to", "any"], ["--to", "fall,any"]])
def test_any_beside_other_words_is_refused_before_packs_and_pictures_are_looked_for(say, words):
    refusal = "Error: 'any' stands alone and in --from only; name domains instead, or --from any.\n"
    assert say(*words, "nowhere", "--registry", "nowhere")[::2] == (2, refusal)

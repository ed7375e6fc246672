"""Aligned domains: what pairs up, and that both images of a pair get the same crop."""

import numpy as np
import pytest
import torch
from PIL import Image

from combogan.data.alignment import alignments, common_name, refuse_other_sizes, sentences, why_not
from combogan.data.batches import Batches
from combogan.data.catalog import DomainPictures, resolve
from combogan.data.pictures import FolderPictures
from combogan.data.scenes import ScenePictures
from combogan.data.validation_split import hold_out
from combogan.errors import PictureError


def save(folder, name, pixels):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def noise(seed, width=40, height=24):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def sets(tmp_path):
    """Label pictures, and photos that are their negatives; one of each has no partner."""
    for number in range(6):
        save(tmp_path / "label", f"{number}_A.png", noise(number))
        save(tmp_path / "photo", f"{number + 1}_B.png", 255 - noise(number + 1))
    names = {name: sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("label", "photo")}
    return {name: FolderPictures(tmp_path / name, tuple(some)) for name, some in names.items()}


def batches(sets, **changes):
    about = {"size": 8, "load": 12, "resize": "short-side", "flip": True, "batch": 3, "seed": 0}
    return Batches(sets, **{**about, "aligned": alignments(sets), **changes})


def test_names_pair_up_without_their_endings_and_sides():
    assert common_name("val/12_A.jpg") == common_name("val/12_B.png") == common_name("val/12.webp") == "val/12"


def test_pictures_without_a_partner_are_named(sets):
    found = alignments(sets)
    assert set(found) == {("label", "photo"), ("photo", "label")}
    assert [(sets["label"].names[a][0], sets["photo"].names[b][0]) for a, b in found["label", "photo"].indices] == [
        (str(number), str(number)) for number in range(1, 6)
    ]
    said = ["'label' and 'photo': 5 training pictures pair up by name; without a partner: 0, 6."]
    assert list(sentences(found, sets)) == said


def test_names_that_nearly_pair_up_are_said(sets):
    def said(*names):
        some = {"label": sets["label"], "photo": sets["photo"].named(names)}
        return list(sentences(alignments(some), some))

    capitals = "'label' and 'photo' do not pair up by name: 'a/1' and 'A/1' differ in capital letters."
    upper = {"label": sets["label"].named(["a/1.png", "a/2.png"]), "photo": sets["photo"].named(["A/1.png", "A/2.png"])}
    assert list(sentences(alignments(upper), upper)) == [capitals]
    several = "without what follows the last dot, several pictures are called '3'"
    assert said("0_B.png", "1_B.png", "2_B.png", "3_B.001", "3_B.002") == [
        f"'label' and 'photo': 3 training pictures pair up by name; without a partner: 3, 4, 5 ({several})."
    ]
    assert said("x.png", "y.png", "1.001", "1.002") == []


def test_it_is_said_how_many_names_would_be_needed(sets):
    some = sets["photo"].named(["0_B.png", "x.png", "y.png"])
    assert why_not(sets["label"], some) == ("only 1 names are in both, and half of the 3 of the smaller set are needed")
    assert why_not(sets["label"], some.named(["x.png"])).endswith("'x.png', for example")


def test_a_few_equal_names_are_chance_and_double_names_are_no_pairs(sets):
    few = {"label": sets["label"], "photo": sets["photo"].named(["1_B.png", "2_B.png", "a.png", "b.png", "c.png"])}
    assert alignments(few) == {}
    twice = {"label": sets["label"], "photo": sets["photo"].named([*sets["photo"].names, "1_B.jpg"])}
    names = [sets["label"].names[one] for one, _ in alignments(twice)["label", "photo"].indices]
    assert names == [f"{number}_A.png" for number in range(2, 6)]


def test_pairs_of_different_sizes_are_named_before_training(sets):
    refuse_other_sizes(sets, alignments(sets))
    save(sets["photo"].folder, "3_B.png", noise(3, width=41))
    with pytest.raises(PictureError, match=r"3_A\.png' \(40 x 24 pixels\) and '.*3_B\.png' \(41 x 24\) are a pair"):
        refuse_other_sizes(sets, alignments(sets))


def test_both_pictures_of_a_pair_are_held_out(sets):
    sources = {}
    for name, end in (("label", "_A.jpg"), ("photo", "_B.png")):
        many = FolderPictures(sets[name].folder, tuple(f"{number}{end}" for number in range(40)))
        sources[name] = DomainPictures(name, "", many, many, name, "their names")
    held = hold_out(sources, 0)
    kept = {name: [common_name(one) for one in source.validation.names] for name, source in held.items()}
    assert kept["label"] == kept["photo"]
    assert len(kept["label"]) == 4


def test_unpaired_scenes_share_no_name_and_paired_ones_all():
    unpaired = {one.name: one.train for one in resolve(["summer", "winter"])}
    assert alignments(unpaired) == {}
    paired = {one.name: one.train for one in resolve(["a=scenes-paired/summer", "b=scenes-paired/winter"])}
    assert len(alignments(paired)["a", "b"].indices) == 300
    for season in ("summer", "winter", "spring", "fall"):
        assert not set(ScenePictures(season, "train").indices) & set(paired["a"].indices)


def test_both_images_of_a_pair_show_the_same_place(sets):
    source = batches(sets)
    for iteration in range(20):
        x, y = source.pair(iteration, "label", "photo")
        assert x.shape == (3, 3, 8, 8)
        assert (x + y).abs().max() < 0.02  # the photo is the label's negative
        other, one = source.pair(iteration, "photo", "label")
        assert torch.equal(one, x)
        assert torch.equal(other, y)


def test_domains_that_are_not_aligned_are_drawn_as_before(sets):
    source = batches(sets, aligned=None)
    x, y = source.pair(3, "label", "photo")
    assert torch.equal(x, source.images("label", 3))
    assert torch.equal(y, source.images("photo", 3))
    assert (x + y).abs().max() > 0.5


def test_a_pair_of_different_shapes_is_named(sets):
    for number in range(1, 6):
        save(sets["photo"].folder, f"{number}_B.png", noise(number, width=30))
    with pytest.raises(PictureError, match=r"_A\.png' of 'label' and '\d_B\.png' of 'photo' are a pair, but of diff"):
        batches(sets).pair(0, "label", "photo")

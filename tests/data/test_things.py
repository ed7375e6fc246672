"""The drawn things as domains: found by name, disjoint in training, alike in testing."""

import numpy as np
import pytest

from combogan.data.catalog import reopen, resolve
from combogan.data.things import ThingPictures
from combogan.data.validation_split import hold_out
from combogan.errors import DomainError
from combogan.scenery.figure import THINGS


def test_things_are_domains_with_a_common_truth():
    house, conifer = resolve(["things/house", "mine=things/conifer"])
    assert (house.origin, conifer.name, conifer.truth) == ("things/house", "mine", house.truth)
    assert house.truth != resolve(["summer"], needed=1)[0].truth
    assert house.test.names == conifer.test.names
    assert not {*house.train.names} & {*conifer.train.names}
    assert reopen("mine", "things/conifer").fingerprint() == conifer.fingerprint()


def test_a_name_without_its_collection_is_enough():
    assert resolve(["boulder"], needed=1)[0].origin == "things/boulder"


def test_sets_differ_in_their_fingerprints():
    sets = [(thing, split) for thing in THINGS for split in ("train", "test")]
    assert len({ThingPictures(*one).fingerprint() for one in sets}) == len(sets)


def test_pictures_are_the_figures_of_their_names():
    train = ThingPictures("tree", "train")
    few = train.named(train.names[3:5])
    assert few.names == train.names[3:5]
    assert few.picture(0, 32).tobytes() == train.picture(3, 32).tobytes()
    assert few.pose(1) == train.pose(4)
    assert few.picture(0, 8).size == (16, 16)


def test_figures_that_are_held_out_are_held_out_of_every_thing_and_of_no_season():
    sources = {one.name: one for one in resolve(["house", "conifer", "summer", "winter"])}
    held = hold_out(sources, 0)
    assert held["house"].validation.names == held["conifer"].validation.names
    assert held["summer"].validation.names == held["winter"].validation.names
    assert len(held["house"].validation) == 16
    pictures = [np.asarray(held[name].validation.picture(0, 32)) for name in ("house", "conifer")]
    assert not np.array_equal(*pictures)


def test_mistakes_are_said():
    with pytest.raises(DomainError, match="no domain of 'things' is called 'hose'. Did you mean 'house'"):
        resolve(["things/hose"], needed=1)
    with pytest.raises(DomainError, match="have no split 'validation'"):
        ThingPictures("house", "validation")

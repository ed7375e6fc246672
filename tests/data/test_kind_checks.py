"""Domains of one kind, and the sentences for others."""

import numpy as np
import pytest
from gray_samples import sixteen_bits, values, write_domain
from PIL import Image

from combogan.data.catalog import resolve
from combogan.data.checking import usable
from combogan.errors import DomainError


def eight_bits(**size):
    return (values(**size) * 255).astype(np.uint8)


@pytest.fixture
def domains(tmp_path):
    write_domain(tmp_path / "ct", sixteen_bits, ".png")
    write_domain(tmp_path / "mr", sixteen_bits, ".tif")
    write_domain(tmp_path / "float", values, ".tif")
    write_domain(tmp_path / "eight", eight_bits, ".png")
    write_domain(tmp_path / "mixed", sixteen_bits, ".png")
    Image.fromarray(eight_bits()).save(tmp_path / "mixed" / "1.png")
    return tmp_path


def used(domains, *names, channels=1, depth=16, told=None):
    found = resolve(names, data=domains)
    return usable(found, crop=32, channels=channels, depth=depth, tell=(told if told is not None else []).append)


def test_pictures_of_one_kind_are_read_in_one_channel(domains):
    sources = used(domains, "ct", "mr")
    assert sources["ct"].train.picture(0, 32).mode == "F"
    assert sources["mr"].test.named(sources["mr"].test.names).picture(0, 32).mode == "F"
    eight = used(domains, "eight", "other=" + str(domains / "eight" / ".."), channels=3, depth=8)
    assert eight["eight"].train.picture(0, 32).mode == "RGB"


@pytest.mark.parametrize(
    ("names", "depth", "told"),
    [
        (("ct", "mixed"), 16, "'mixed' are of different kinds: '[02].png' is 16-bit gray and '1.png' is 8-bit gray"),
        (("ct", "float"), 16, "pictures of 'ct' are 16-bit gray and those of 'float' float gray"),
        (("ct", "scenes/summer"), 16, "'ct' are 16-bit gray and those of 'scenes/summer' 8-bit colour"),
        (("ct", "mr"), 8, "'ct' are 16-bit gray, but .*; set images.channels = 1 and images.depth = 16"),
        (("summer", "winter"), 8, "'summer' are 8-bit colour, but images.channels is 1"),
    ],
)  # fmt: skip
def test_other_kinds_are_refused_in_a_sentence_that_names_them(domains, names, depth, told):
    with pytest.raises(DomainError, match=told):
        used(domains, *names, depth=depth)


def test_in_8_bit_colour_all_kinds_are_read_as_ever_and_what_is_lost_is_told(domains):
    told = []
    sources = used(domains, "ct", "mixed", channels=3, depth=8, told=told)
    assert sources["mixed"].train.picture(0, 32).mode == "RGB"
    assert any("16-bit gray are trained on in 8-bit colour; --set images.channels=1" in line for line in told)


def test_dark_pictures_are_told(tmp_path):
    write_domain(tmp_path / "a", lambda seed: sixteen_bits(seed=seed) // 16, ".png")
    write_domain(tmp_path / "b", sixteen_bits, ".png")
    told = []
    used(tmp_path, "a", "b", told=told)
    assert [line for line in told if "no value is above 6.2% of white" in line]

import pytest
import torch
from drawn_films import frames
from PIL import Image

from combogan.data.pictures import to_image
from combogan.registry.registry import Registry
from combogan.scenery.scene import draw
from combogan.translation.frames import Flicker, FrameTranslator
from combogan.translation.motion import difference, motion
from combogan.translation.translator import Translator


def window(left, top, size=(96, 72)):
    large = Image.fromarray(draw("summer", 1, 3, 160))
    box = (left, top, left + size[0], top + size[1])
    return to_image(large.resize(size, Image.Resampling.BICUBIC, box=box)).unsqueeze(0)


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, -2), (8, 5), (0.5, 0.25), (-6.5, 4)])
def test_a_known_movement_is_found(right, down):
    before, after = window(20, 30), window(20 + right, 30 + down)
    flow = motion(before, after)
    found = flow[0].flatten(1).median(1).values
    assert torch.allclose(found, torch.tensor([right, down], dtype=torch.float32), atol=0.1)
    unmoved = difference(before, after, torch.zeros_like(flow))
    assert difference(before, after, flow) <= max(1.0, unmoved / 3)
    assert unmoved > 2 or right == 0


def test_two_parts_move_on_their_own():
    one, other = window(20, 30), window(23, 30)
    after = torch.cat([one[..., :48], other[..., 48:]], -1)
    flow = motion(one, after)
    assert abs(float(flow[0, 0, 20:50, 8:36].median())) < 0.3
    assert abs(float(flow[0, 0, 20:50, 60:88].median()) - 3) < 0.3


def test_what_motion_does_not_explain_is_measured_in_levels():
    image = window(0, 0)
    still = motion(image, image)
    assert difference(image, image + 2 / 127.5, still) == pytest.approx(2, abs=0.01)
    assert difference(image, image, torch.full_like(still, 1000)) == 0  # nothing was inside


def test_flicker_of_the_identity_is_the_sources_own():
    class Identity:
        device = torch.device("cpu")

        def translate(self, source, targets, image):
            return dict.fromkeys(targets, image)

    translated = FrameTranslator(Identity(), "a", ["b", "c"], keep=0)
    pictures = list(frames(4))
    for picture in pictures:
        translated(to_image(Image.fromarray(picture)))
    assert translated.flicker.pairs == 3
    assert translated.flicker.translated == pytest.approx(translated.flicker.source)
    translated(to_image(Image.fromarray(255 - pictures[-1])))  # a cut: no pair is measured across it
    assert translated.flicker.pairs == 3


def test_flicker_reads_as_a_sentence():
    assert str(Flicker()) == "not measured, because no two neighbours show the same scene"
    assert str(Flicker(4, 8.0, 8.8)) == "1.10 times the source's (2.20 of 255 levels, its own 2.00)"
    assert str(Flicker(4, 8.0, 8.8, 2, 4.0, 6.0)).endswith(", 1.50 without --steady")
    assert str(Flicker(4, 0.0, 4.0)) == "1.00 of 255 levels, its own 0.00"


def test_a_steady_translation_carries_what_motion_explains_and_nothing_else():
    class Noise(Translator):
        """Gray noise of deviation 0.1, drawn anew for every frame."""

        def __init__(self):
            super().__init__(Registry([]), precision="float32")
            self.chance = torch.Generator().manual_seed(0)

        def translate(self, source, targets, image):
            return {target: torch.randn(image.shape, generator=self.chance) / 10 for target in targets}

    def deviation(first, second):
        translator = Noise()
        frames = FrameTranslator(translator, "a", ["b"], keep=0.9)
        frames._steady = {"": translator}
        return [frames(image[0])["b", False].std() for image in (first, second)][1]

    still, other = window(20, 30), window(20, 30) + 0.14
    assert deviation(still, still) < 0.09  # the root of 0.2^2 + 0.8^2 is 0.82
    assert deviation(still, other) > 0.09

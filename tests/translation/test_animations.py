"""Animated GIF and WebP stay what they are."""

import numpy as np
import pytest
import torch
from drawn_films import frames
from PIL import Image, ImageSequence

from combogan.data.animation import Animation
from combogan.errors import PictureError
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.files import Job, check_outputs, translate_files
from combogan.translation.sources import gather
from combogan.translation.translator import Translator

DURATIONS = [100, 40, 250]


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    torch.manual_seed(0)
    halves = [(name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)) for name in "ab"]
    publish(folder, [NewPack(*half, ("0a", "0a"), 16) for half in halves])
    return Translator(Registry.open(folder))


def animate(path, *, alpha=False, **options):
    pictures = [Image.fromarray(picture) for picture in frames(3, (36, 28), step=6)]
    if alpha:
        for number, picture in enumerate(pictures):
            mask = np.full((28, 36), 255, np.uint8)
            mask[:8, : 6 + 6 * number] = 0
            picture.putalpha(Image.fromarray(mask))
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=DURATIONS, **options)
    return path


def translate(translator, path, out, **options):
    job = Job("a", ("b",), gather([path], out=out), out)
    check_outputs([job])
    outcome = translate_files(translator, job, **options)
    assert outcome.failures == []
    return outcome


def read(path):
    with Image.open(path) as image:
        found = []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            found.append((frame.info["duration"], frame.convert("RGBA")))
        return image.format, image.info.get("loop"), found


@pytest.mark.parametrize(("name", "format"), [("x.gif", "GIF"), ("x.webp", "WEBP")])
@pytest.mark.parametrize("loop", [0, 3])
def test_durations_and_loop_are_kept(translator, tmp_path, name, format, loop):
    outcome = translate(translator, animate(tmp_path / name, loop=loop, disposal=2), tmp_path / "out", rows=1)
    found, repeats, pictures = read(tmp_path / "out" / name)
    assert (found, repeats, [duration for duration, _ in pictures]) == (format, loop, DURATIONS)
    assert all(picture.size == (36, 28) for _, picture in pictures)
    assert [note.split(": flicker ")[0] for note in outcome.notes] == [str(tmp_path / name)]
    assert [row.picture.size for row in outcome.rows] == [(36, 28)]


def test_a_gif_that_is_shown_once_is_shown_once(translator, tmp_path):
    translate(translator, animate(tmp_path / "x.gif"), tmp_path / "out")
    assert read(tmp_path / "out" / "x.gif")[1] is None


@pytest.mark.parametrize("name", ["x.gif", "x.webp"])
def test_transparency_is_kept_frame_by_frame(translator, tmp_path, name):
    options = {"lossless": True} if name == "x.webp" else {"disposal": 2}
    path = animate(tmp_path / name, alpha=True, loop=0, **options)
    translate(translator, path, tmp_path / "out", steady=0)
    before, after = read(path)[2], read(tmp_path / "out" / name)[2]
    for (_, one), (_, other) in zip(before, after, strict=True):
        assert np.array_equal(np.asarray(one)[..., 3], np.asarray(other)[..., 3])
    expected = np.asarray(translator("a", "b", before[1][1]).convert("RGBA")).astype(int)
    shown = np.asarray(after[1][1])
    clear = shown[..., 3] == 0
    assert clear.sum() == 8 * 12
    assert np.abs(shown.astype(int) - expected)[~clear].mean() < 20  # of few colours, or compressed


def test_size_scales_all_frames(translator, tmp_path):
    translate(translator, animate(tmp_path / "x.gif", loop=0), tmp_path / "out", size=14)
    assert [picture.size for _, picture in read(tmp_path / "out" / "x.gif")[2]] == [(18, 14)] * 3


def test_a_frame_that_cannot_be_read_is_named_and_repeats_the_one_before(translator, tmp_path):
    path = animate(tmp_path / "x.gif", loop=0)
    path.write_bytes(path.read_bytes()[:-200])
    *_, before, last = Animation(path).frames()
    assert (before.readable, last.readable, last.milliseconds) == (True, False, 250)
    assert np.array_equal(np.asarray(before.rgb), np.asarray(last.rgb))
    notes = translate(translator, path, tmp_path / "out").notes
    assert notes[0] == f"{path}: a frame could not be read, and the one before is repeated: 0.14 s."
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(PictureError, match=r"(first frame of )?'.*x.gif' is broken or truncated"):
        list(Animation(path).frames())


def test_a_gif_that_is_cut_inside_a_frame_stays_an_animation(translator, tmp_path):
    path = animate(tmp_path / "x.gif", loop=0)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"!\xf9\x04") + 400])  # inside the third
    assert [frame.readable for frame in Animation(path).frames()] == [True, True, False]
    notes = translate(translator, path, tmp_path / "out").notes
    assert notes[0] == f"{path}: a frame could not be read, and the one before is repeated: 0.14 s."
    assert sum(shown for shown, _ in read(tmp_path / "out" / "x.gif")[2]) == 180


def test_pictures_that_do_not_move_are_translated_as_pictures(translator, tmp_path):
    Image.fromarray(next(frames(1))).save(tmp_path / "x.gif")
    assert translate(translator, tmp_path / "x.gif", tmp_path / "out").notes == []
    assert Animation(tmp_path / "x.gif").count == 1

"""Films keep their times, sound, turn and colours; what was stopped goes on; what is damaged is named."""

import importlib.util
import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_films import frames, make, sound
from PIL import Image

from combogan.errors import PictureError
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.files import Job, check_outputs, translate_files
from combogan.translation.film import Film
from combogan.translation.films import film_size, translate_film
from combogan.translation.segments import Segment, join
from combogan.translation.sources import gather
from combogan.translation.translator import Translator

pytest.importorskip("av", reason="the extra `video` is not installed")

LATE = [0, 100, 130, 290, 1010, 1020, 2500]
"""Times in milliseconds: not regular, with a second in which nothing is shown."""


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """Three untrained domains of one latent space."""
    folder = tmp_path_factory.mktemp("packs")
    torch.manual_seed(0)
    publish(
        folder,
        [
            NewPack(name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1), ("0a", "0a"), 16)
            for name in "abc"
        ],
    )
    return Translator(Registry.open(folder))


def translate(translator, path, out, **options):
    film = Film.open(path)
    options = {"film": film, "size": film.size, "keep": 0.9} | options
    return translate_film(translator, "a", {("b", False): out}, **options)


def apart(one, other):
    """Mean difference of pictures of 64 x 48, seen in squares of 8 pixels, as films store colours coarsely."""
    one, other = (picture.reshape(6, 8, 8, 8, 3).mean((1, 3)) for picture in (one, other))
    return np.abs(one - other).mean()


def seconds(film):
    return [float((time - film.times[0]) * film.unit) for time in film.times]


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_times_and_sound_are_kept_also_where_times_are_not_regular(translator, tmp_path, ending):
    path = make(tmp_path / f"walk{ending}", frames(len(LATE)), times=LATE)
    translate(translator, path, tmp_path / f"out{ending}")
    before, after = Film.open(path), Film.open(tmp_path / f"out{ending}")
    assert seconds(before) == [time / 1000 for time in LATE]
    assert seconds(after) == seconds(before)
    assert after.size == before.size
    assert ending == ".mkv" or sum(after.durations.values()) * after.unit == Fraction(26, 10)  # the last one 0.1 s
    assert len(sound(path)) > 100
    assert sound(tmp_path / f"out{ending}") == sound(path)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_webm_stays_webm(translator, tmp_path):
    path = make(tmp_path / "walk.webm", frames(3), codec="libvpx")
    translate(translator, path, tmp_path / "out.webm")
    assert seconds(Film.open(tmp_path / "out.webm")) == [0, 0.1, 0.2]
    assert sound(tmp_path / "out.webm") == sound(path)


@pytest.mark.parametrize("colours", [(1, 1), (2, 1), (1, 5), (2, 5), (0, 2)])
def test_colours_and_their_range_are_kept(tmp_path, colours):
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :24], picture[:16, 24:], picture[16:, :24], picture[16:] = 255, (200, 30, 60), (20, 160, 40), 0
    path = make(tmp_path / "in.mp4", [picture] * 2, colours=colours, tone=False)
    film = Film.open(path)
    assert (film.colours.range, film.colours.matrix) == colours
    with Segment(tmp_path / "0.nut", film, film.size, ".mp4") as segment:
        for frame in film.frames():
            segment.add(frame.time, frame.picture)
    join([tmp_path / "0.nut"], film, tmp_path / "out.mp4", tmp_path / "partial.mp4")
    after = Film.open(tmp_path / "out.mp4")
    assert after.colours == film.colours
    for written in (film, after):
        shown = next(written.frames()).picture
        for row, column in ((8, 12), (8, 36), (24, 12), (24, 36)):
            assert np.abs(shown[row, column].astype(int) - picture[row, column]).max() <= 6


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_film_on_its_side_is_translated_upright_and_stored_as_it_was(translator, tmp_path, rotation):
    upright = list(frames(2))
    stored = [np.rot90(picture, -rotation // 90) for picture in upright]
    film = Film.open(make(tmp_path / "in.mp4", stored, rotation=rotation))
    shown = next(film.frames()).picture
    assert film.size == (64, 48)
    assert np.abs(shown.astype(int) - upright[0]).mean() < 6
    translate(translator, film.path, tmp_path / "out.mp4", keep=0.0)
    after = Film.open(tmp_path / "out.mp4")
    assert (after.stored, after.matrix, after.quarter_turns) == (film.stored, film.matrix, film.quarter_turns)
    expected = np.asarray(translator("a", "b", shown))
    assert apart(next(after.frames()).picture, expected) < 3
    assert apart(np.rot90(next(after.frames()).picture, 2), expected) > 10


def test_a_stopped_film_goes_on_at_the_last_whole_second_and_ends_the_same(translator, tmp_path):
    path = make(tmp_path / "in.mp4", frames(27))
    translate(translator, path, tmp_path / "whole.mp4")
    done = []

    def stop(number, total):
        done.append((number, total))
        if number == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate(translator, path, tmp_path / "out.mp4", progress=stop)
    assert done == [(number, 27) for number in range(1, 16)]
    assert not (tmp_path / "out.mp4").exists()
    assert [file.name for file in (tmp_path / ".out.mp4.parts").glob("*.nut")] == ["0-000000.nut"]
    shutil.copytree(tmp_path / ".out.mp4.parts", tmp_path / ".other.mp4.parts")
    done.clear()
    notes = translate(translator, path, tmp_path / "out.mp4", resume=True, progress=lambda *frame: done.append(frame))
    assert done[0] == (11, 27)
    pictures = [
        np.stack([frame.picture for frame in Film.open(tmp_path / name).frames()]) for name in ("whole.mp4", "out.mp4")
    ]
    assert np.array_equal(*pictures)
    assert sound(tmp_path / "out.mp4") == sound(path)
    assert len(notes) == 1
    assert not (tmp_path / ".out.mp4.parts").exists()
    finished = (tmp_path / "out.mp4").stat()
    assert translate(translator, path, tmp_path / "out.mp4", resume=True) == (f"{path}: finished before.",)
    assert (tmp_path / "out.mp4").stat() == finished


def test_going_on_with_other_options_or_damaged_parts_is_refused(translator, tmp_path):
    path = make(tmp_path / "in.mp4", frames(12), tone=False)
    parts = tmp_path / ".out.mp4.parts"

    def stop(number, total):
        if number == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate(translator, path, tmp_path / "out.mp4", progress=stop)
    with pytest.raises(
        PictureError, match="options have changed since its translation was stopped; leave out --resume"
    ):
        translate(translator, path, tmp_path / "out.mp4", resume=True, keep=0.5)
    for content in ("{", "[]", json.dumps(json.loads((parts / "progress.json").read_text()) | {"flicker": {"x": 1}})):
        (parts / "progress.json").write_text(content)
        with pytest.raises(PictureError, match=r"what was done of '.*in.mp4' is damaged"):
            translate(translator, path, tmp_path / "out.mp4", resume=True)
    translate(translator, path, tmp_path / "out.mp4")
    assert len(Film.open(tmp_path / "out.mp4").times) == 12


def damaged(path, number, key):
    """Overwrite the bytes of one frame of a film; `key` frames need no other."""
    import av

    with av.open(str(path)) as container:
        found = [(p.pos, p.size) for p in container.demux(video=0) if p.pts is not None and p.is_keyframe == key]
    content = bytearray(path.read_bytes())
    start, size = found[number]
    content[start + 8 : start + size] = bytes(size - 8)
    path.write_bytes(content)


def test_a_frame_that_cannot_be_read_is_named_and_repeats_the_one_before(translator, tmp_path):
    path = make(tmp_path / "in.mkv", frames(6), codec="mpeg4", tone=False)
    pictures = [frame.picture for frame in Film.open(path).frames()]
    damaged(path, 2, False)
    film = Film.open(path)
    found = list(film.frames())
    assert [frame.readable for frame in found].count(False) >= 1
    first = next(number for number, frame in enumerate(found) if not frame.readable)
    assert np.array_equal(found[first].picture, found[first - 1].picture)
    assert np.array_equal(found[0].picture, pictures[0])
    assert [frame.time for frame in found] == list(film.times)
    notes = translate(translator, path, tmp_path / "out.mkv")
    assert notes[0].startswith(f"{path}: ")
    assert f"{first / 10:.2f} s" in notes[0]
    assert len(Film.open(tmp_path / "out.mkv").times) == 6


def test_what_is_no_film_is_one_sentence(tmp_path):
    import av

    (tmp_path / "text.mp4").write_text("no film " * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    with av.open(str(tmp_path / "tone.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 48_000
        out.mux(stream.encode(silence))
        out.mux(stream.encode())
    whole = make(tmp_path / "whole.mp4", frames(3), tone=False)
    (tmp_path / "half.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for name, sentence in (
        ("text.mp4", r"text.mp4' is no film that can be read \(.*\); convert or remove it.$"),
        ("empty.mp4", r"empty.mp4' is no film that can be read \(.*\); convert or remove it.$"),
        ("half.mp4", r"half.mp4' is no film that can be read \(.*\); convert or remove it.$"),
        ("gone.mp4", r"gone.mp4' is no film that can be read \(No such file or directory\)"),
        ("tone.mp4", r"tone.mp4' is a film without pictures; leave it out.$"),
    ):
        with pytest.raises(PictureError, match=sentence):
            Film.open(tmp_path / name)


def test_without_pyav_films_are_refused_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "x.mp4").write_bytes(b"")
    monkeypatch.setattr("combogan.translation.film.find_spec", lambda name: None)
    job = Job("a", ("b",), gather([tmp_path / "x.mp4"], out=tmp_path), tmp_path / "out")
    with pytest.raises(
        PictureError, match=r"by PyAV, which is not installed; install it with `pip install 'combogan\[vid"
    ):
        check_outputs([job])
    assert not (tmp_path / "out").exists()


def test_films_among_pictures_behave_as_pictures_do(translator, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    make(folder / "deep" / "walk.avi", frames(4), codec="mpeg4", tone=False)
    make(folder / "walk.mp4", frames(4))
    (folder / "broken.mov").write_text("no film")
    Image.fromarray(next(frames(1))).save(folder / "one.png")
    out = tmp_path / "out"
    job = Job("a", ("b", "c"), gather([folder], out=out), out, reconstruct=True)
    check_outputs([job])
    seen = []
    outcome = translate_files(translator, job, size=33, rows=9, progress=lambda *frame: seen.append(frame))
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    names = ("deep/walk.mkv", "deep/walk-rec.mkv", "one.png", "one-rec.png", "walk.mp4", "walk-rec.mp4")
    assert written == sorted(f"{target}/{name}" for target in "bc" for name in names)
    assert [str(failure).split("'")[1] for failure in outcome.failures] == [str(folder / "broken.mov")]
    assert Film.open(out / "b" / "walk.mp4").size == (44, 32)
    assert [row.name for row in outcome.rows] == ["deep/walk.mkv", "one.png", "walk.mp4"]
    assert all(set(row.translations) == {"b", "c", "b > a", "c > a"} for row in outcome.rows)
    assert len(outcome.notes) == 2
    assert (str(folder / "walk.mp4"), 4, 4) in seen


def test_sides_of_scaled_films_are_even():
    film = Film(Path("x"), (0,), {}, Fraction(1), Fraction(1), (1920, 1080), 1, None, None, None)
    assert film.size == (1080, 1920)
    assert film_size(film, None) == (1080, 1920)
    assert film_size(film, 255) == (256, 454)


def test_the_extra_is_imported_by_no_module_at_its_start():
    assert importlib.util.find_spec("av") is not None
    for name in ("film", "segments", "films", "frames", "moving"):
        lines = Path(importlib.util.find_spec(f"combogan.translation.{name}").origin).read_text().splitlines()
        assert not [line for line in lines if line.startswith(("import av", "from av"))]

"""The words of `combogan translate`."""

import subprocess
import sys

import drawn_films
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from combogan.cli.translate import command
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish


def make_run(path, space, names, table="", date="2025-01-01", **about):
    torch.manual_seed(0)
    path.mkdir(parents=True)
    (path / "settings.toml").write_text(table)
    about |= {"date": date}
    publish(
        path / "packs",
        [
            NewPack(n, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1), (space, space), 16, about)
            for n in names
        ],
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with two runs, a picture and a broken one."""
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs" / "seasons", "7f3a", ["summer", "winter", "fall"])
    make_run(tmp_path / "runs" / "painters", "91c0", ["monet", "summer"], date="2024-01-01")
    Image.new("RGB", (21, 13), "teal").save("one.png")
    (tmp_path / "broken.jpg").write_text("no picture")
    return tmp_path


def run(*words):
    """The program itself, as a person calls it: exit code, stdout, stderr."""
    return CliRunner().invoke(command, [*words, "--device", "cpu"], catch_exceptions=False)


def written(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_one_picture_goes_to_a_folder_named_after_the_domains(here):
    done = run("--from", "summer", "--to", "winter", "one.png")
    assert done.exit_code == 0
    assert done.stderr == "Using latent space 7f3a (runs/seasons).\n"
    assert done.stdout == "1 picture written to translated/summer-to-winter.\n"
    with Image.open(here / "translated/summer-to-winter/one.png") as picture:
        assert picture.size == (21, 13)


def test_several_targets_and_all_get_a_folder_each(here):
    assert run("--from", "summer", "--to", "winter,fall", "one.png").exit_code == 0
    assert written(here / "translated/summer-to-winter+fall") == ["fall/one.png", "winter/one.png"]
    assert run("--from", "summer", "--to", "all", "--grid", "--autoencode", "--reconstruct", "one.png").exit_code == 0
    assert written(here / "translated/summer-to-all") == sorted(
        ["grid.png", *(f"{name}/one{end}.png" for name in ("fall", "summer", "winter") for end in ("", "-rec"))]
    )


def test_a_grid_has_as_many_rows_as_can_be_looked_at(here):
    (here / "many").mkdir()
    for number in range(14):
        Image.new("RGB", (16, 16), "teal").save(here / "many" / f"{number}.png")
    assert run("--from", "summer", "--to", "winter", "--grid", "many").exit_code == 0
    assert len(written(here / "translated/summer-to-winter")) == 14 + 1
    with Image.open(here / "translated/summer-to-winter/grid.png") as sheet:
        assert sheet.height // 132 == 12


def test_the_newest_space_with_all_names_is_taken_and_said(here):
    make_run(here / "runs" / "older", "0001", ["summer", "winter"], date="2023-01-01")
    done = run("--from", "summer", "--to", "winter", "one.png")
    assert done.stderr == "Using latent space 7f3a (runs/seasons), the newest of 2 that hold these domains.\n"
    done = run("--from", "summer", "--to", "winter", "--registry", "runs/older", "one.png")
    assert done.stderr == "Using latent space 0001 (runs/older).\n"


def test_a_broken_picture_is_named_the_others_are_done_and_the_code_is_1(here, called):
    words = ["--from", "summer", "--to", "winter", "broken.jpg", "one.png", "--device", "cpu", "-o", "out"]
    code, stdout, stderr = called("translate", *words)
    assert code == 1
    assert stdout == "1 picture written to out.\n"
    assert "Error: 'broken.jpg' is no JPEG, PNG, WebP, BMP, TIFF or GIF" in stderr
    assert stderr.endswith("1 could not be translated.\n")
    assert written(here / "out") == ["one.png"]


def test_a_name_too_long_to_write_is_said_the_others_are_done_and_the_code_is_1(here, called):
    long = "x" * 255  # with the ending of a format that we write, more than file systems take
    (here / "one.png").rename(here / long)
    Image.new("RGB", (21, 13), "teal").save("two.png")
    words = ["--from", "summer", "--to", "winter", long, "two.png", "--device", "cpu", "-o", "out"]
    for _ in range(2):  # the second time, the folder is there when names are looked at
        code, stdout, stderr = called("translate", *words)
        assert code == 1
        assert stdout == "1 picture written to out.\n"
        assert f"Error: the translation of '{long}' cannot be written, because its name would be too long" in stderr
        assert written(here / "out") == ["two.png"]


def test_a_film_with_a_name_too_long_for_its_parts_does_not_stop_the_others(here, called):
    pytest.importorskip("av")
    film = f"{'f' * 247}.mp4"
    drawn_films.make(here / film, drawn_films.frames(2))
    words = ["--from", "summer", "--to", "winter", film, "one.png", "--device", "cpu", "-o", "out"]
    code, stdout, stderr = called("translate", *words)
    assert code == 1
    assert stdout == "1 picture written to out.\n"
    assert "its name would be too long" in stderr
    assert written(here / "out") == ["one.png"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "monet"], None),
        (["--to", "wintr"], "there is no pack of a domain 'wintr'. Did you mean 'winter'? `combogan packs list` shows"),
        (["--to", "winter", "gone.png"], "there is no file or folder 'gone.png'; check its name."),
        (["--to", "winter", "x" * 300], "there is no file or folder 'xxx"),
        (["--to", "winter", "one.png", "-o", "x" * 300], "cannot be written (File name too long); check the folder."),
        (["--to", "winter", ""], "it is empty; give a path, or . for the current folder."),
        (["--to", "winter", "empty"], "the folder 'empty' holds no picture; give one that does."),
        (["--to", "winter", "one.png", "-o", "."], "'one.png' would be overwritten by a translation; choose another"),
        (["--to", "winter", "one.png", "--size", "0"], "Invalid value for '--size'"),
        (["--to", "winter", "one.png", "--memory", "0"], "Invalid value for '--memory'"),
        (["--to", "winter", "one.png", "--memory", "nan"], "'nan' is no number; give one such as 2.5."),
        (["--to", "winter", "one.png", "--memory", "inf"], "Invalid value for '--memory'"),
        (["--to", "winter", "one.png", "--steady", "nan"], "'nan' is no number"),
        (
            ["--to", "winter", "one.png", "--registry", "no"],
            "there is no folder no; give a run, a packs folder or a pack",
        ),
        (["--to", "winter", "one.png", "-o", "one.png"], "-o names a folder, and 'one.png' looks like a file; give"),
        (["--to", "winter", "one.png", "-o", "new/two.MP4"], "give a folder, such as new/two."),
        (["--to", ","], "no domain was named; `combogan packs list` shows all."),
    ],
)
def test_mistakes_are_one_sentence_and_code_2(here, words, sentence, called):
    (here / "empty").mkdir()
    source = "winter" if sentence is None else "summer"
    code, stdout, stderr = called("translate", "--from", source, *words, "--device", "cpu")
    assert (code, stdout) == (2, "")
    errors = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert (sentence or "") in errors[0]
    if sentence is None:
        assert errors[0] == (
            "Error: 'winter' belongs to latent space 7f3a (runs/seasons), 'monet' to 91c0 (runs/painters); "
            "they were not trained together, and `combogan bridge RUN_A RUN_B` connects two runs."
        )


def test_without_cuda_asking_for_it_is_an_error(here, called):
    if torch.cuda.is_available():
        pytest.skip("there is CUDA")
    words = ["--from", "summer", "--to", "winter", "--device", "cuda", "one.png"]
    code, _, stderr = called("translate", *words)
    assert code == 2
    assert stderr == "Error: --device cuda: PyTorch finds no CUDA device here; use --device cpu.\n"


def test_far_above_the_training_size_there_is_one_hint(here):
    Image.new("RGB", (60, 50)).save("large.png")
    Image.new("RGB", (60, 52)).save("larger.png")
    done = run("--from", "summer", "--to", "winter", "large.png", "larger.png")
    assert done.stderr.splitlines()[1:] == [
        "Hint: pictures of up to 52 px were translated by networks trained at 16 px; --size 32 may look better."
    ]


def test_tiles_and_memory_are_words_of_the_command(here):
    assert run("--from", "summer", "--to", "winter", "one.png", "-o", "whole").exit_code == 0
    assert (
        run("--from", "summer", "--to", "winter", "one.png", "-o", "tiles", "--tile", "--memory", "0.3").exit_code == 0
    )
    whole, tiles = (np.asarray(Image.open(here / name / "one.png")).astype(int) for name in ("whole", "tiles"))
    assert abs(whole - tiles).max() <= 1
    done = run("--from", "summer", "--to", "winter", "one.png", "-o", "none", "--memory", "0.01")
    assert done.exit_code == 1
    assert (
        "Error: 'one.png' is too large: at 21 x 13 pixels it needs about 0.1 GB of memory even in tiles" in done.stderr
    )


def test_without_pictures_the_test_pictures_of_the_run_are_taken(here):
    for part in ("train", "test"):
        (here / "photographs" / part).mkdir(parents=True)
        Image.new("RGB", (17, 9)).save(here / "photographs" / part / f"{part}.png")
    make_run(here / "runs" / "own", "0c", ["photo", "x"], f'[domains]\nphoto = "{here / "photographs"}"\n')
    assert run("--from", "photo", "--to", "x").exit_code == 0
    assert written(here / "translated/photo-to-x") == ["test.png"]


def test_without_a_run_the_card_of_the_pack_says_where_they_are(here, called):
    make_run(here / "runs" / "own", "0c", ["photo", "x"], origin=str(here / "gone"))
    code, _, stderr = called("translate", "--from", "photo", "--to", "x", "--device", "cpu")
    assert code == 2
    assert "Error: the test pictures of 'photo' cannot be had (" in stderr
    assert stderr.endswith("; name pictures to translate.\n")
    (here / "gone").mkdir()
    for index in range(3):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(here / "gone" / f"{index}.png")
    assert run("--from", "photo", "--to", "x").exit_code == 0
    assert len(written(here / "translated/photo-to-x")) == 1


def test_drawn_pictures_are_drawn_at_the_training_size_or_as_asked(here):
    assert run("--from", "summer", "--to", "winter").exit_code == 0
    names = written(here / "translated/summer-to-winter")
    assert len(names) == 40
    with Image.open(here / "translated/summer-to-winter" / names[0]) as picture:
        assert picture.size == (16, 16)
    assert run("--from", "summer", "--to", "winter", "--size", "36", "-o", "larger").exit_code == 0
    with Image.open(here / "larger" / names[0]) as picture:
        assert picture.size == (36, 36)


def test_the_matrix_of_all_domains_takes_their_own_pictures_and_has_a_diagonal(here):
    table = "[domains]\n"
    for name in ("x", "y"):
        (here / name / "test").mkdir(parents=True)
        (here / name / "train").mkdir()
        for file in ("train/a.png", f"test/{name}1.png", f"test/{name}2.png"):
            Image.new("RGB", (16, 16), (9, ord(name), len(file))).save(here / name / file)
        table += f'{name} = "{here / name}"\n'
    make_run(here / "runs" / "xy", "0c", ["x", "y"], table)
    done = run("--from", "all", "--to", "all", "--grid", "--registry", "runs/xy")
    assert (done.exit_code, done.stdout) == (0, "8 pictures written to translated/all-to-all.\n")
    pictures = [f"{a}/{b}/{a}{number}.png" for a in "xy" for b in "xy" for number in (1, 2)]
    assert written(here / "translated/all-to-all") == ["grid.png", *pictures]
    with Image.open(here / "translated/all-to-all/grid.png") as sheet:
        assert any(colour == (30, 160, 70) for _, colour in sheet.getcolors(2**20))


def test_pictures_of_several_domains_at_once_are_refused(here, called):
    code, _, stderr = called("translate", "--from", "all", "--to", "all", "one.png")
    assert code == 2
    assert "Error: pictures are of one domain, but --from names several; leave them out, or name one.\n" in stderr


def test_the_help_does_not_import_torch():
    code = "import sys; from combogan.cli.translate import command\n"
    code += "command.main(['--help'], standalone_mode=False); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_labels_and_classes_of_a_folder_lie_beside_its_translations(here):
    """Sub-folders and names stay, so that what belongs to a picture belongs to its translation."""
    names = ["mine/train/birch/1.png", "mine/train/birch/2.png", "mine/train/oak/1.png"]
    for name in names:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), "green").save(here / name)
    assert run("--from", "summer", "--to", "winter", "mine/train", "-o", "as-winter/train").exit_code == 0
    assert written(here / "as-winter") == written(here / "mine")
    assert run("--from", "summer", "--to", "winter,fall", "mine", "-o", "both").exit_code == 0
    assert written(here / "both" / "winter") == written(here / "both" / "fall") == written(here / "mine")

"""`combogan domains`: what it prints, and how it exits."""

import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gray_samples import sixteen_bits, write_domain
from PIL import Image

from combogan.cli.domains import command
from combogan.data.cards import collection


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home and an empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")


def paint(folder: Path, count: int, side: int = 64) -> Path:
    """`count` different pictures of noise in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.merge("RGB", [Image.effect_noise((side, side), 50) for _ in "RGB"]).save(folder / f"{index}.png")
    return folder


def run(*words: str) -> Result:
    """The command within this process; a mistake stays an exception in `result.exception`."""
    return CliRunner().invoke(command, [str(word) for word in words])


def whole(*words: str) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it."""
    main = [sys.executable, "-c", "from combogan.cli.main import main; main()", "domains"]
    return subprocess.run([*main, *words], capture_output=True, text=True, check=False, env=os.environ)


def test_list_shows_every_name_its_pictures_and_where_they_are(tmp_path: Path) -> None:
    paint(Path("domains/local"), 20)
    paint(tmp_path / "data" / "given" / "train", 3)
    (tmp_path / "data" / "empty").mkdir()
    result = run("list", "--data", tmp_path / "data")
    lines = {line.split()[0]: line.split("  ") for line in result.output.splitlines()}
    cells = {name: [cell.strip() for cell in line if cell.strip()] for name, line in lines.items()}
    assert cells["domain"] == ["domain", "train / test", "what they show", "where"]
    assert cells["summer"] == ["summer", "300 / 40", "drawn landscapes in summer", "drawn"]
    assert cells["local"] == ["local", "18 / 2", "local", str(Path("domains/local").resolve())]
    assert cells["given"] == ["given", "2 / 1", "given", str(tmp_path / "data" / "given")]
    assert cells["empty"][1] == "no pictures"
    fetch = "combogan domains fetch"
    assert cells["monet2photo/monet"][1:] == ["not fetched", "paintings by Claude Monet", f"{fetch} monet2photo"]
    assert cells["alps/?"][1:] == ["not fetched", "The Alps in four seasons, 4 domains", f"{fetch} alps"]
    assert result.exit_code == 0


def test_list_cuts_no_name_where_there_is_no_terminal() -> None:
    name = "a-name-that-is-long-" * 4
    paint(Path("domains") / name[:-1], 2)
    assert f"\n{name[:-1]}  " in "\n" + run("list").output


def test_show_tells_what_the_card_knows() -> None:
    lines = [line.split(maxsplit=1) for line in run("show", "monet2photo/monet").output.splitlines()]
    assert lines[0] == ["monet2photo/monet", "paintings by Claude Monet"]
    told = dict(lines)
    assert told["train"] == "/ test       not fetched"
    assert told["where"] == "combogan domains fetch monet2photo"
    assert told["collection"] == "monet2photo: Monet's paintings and landscape photographs"
    assert told["address"] == "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/monet2photo.zip"
    assert told["licence"].startswith("unknown; see the source")
    assert told["citation"].endswith("ICCV 2017, arXiv 1703.10593")


def test_show_takes_a_collection_and_a_folder_too() -> None:
    assert "domains   summer, winter\n" in run("show", "summer2winter_yosemite").output
    assert "domains   4, called as their folders once they are fetched\n" in run("show", "alps").output
    folder = paint(Path("pictures"), 20).resolve()
    assert run("show", "mine=pictures").output == f"mine          mine\ntrain / test  18 / 2\nwhere         {folder}\n"


def test_check_says_that_nothing_is_wrong() -> None:
    folder = paint(Path("pictures"), 20).resolve()
    result = run("check", "mine=pictures", "--size", "64")
    assert result.output == (
        f"mine ({folder}): 18 pictures to train on, 2 to test with.\n"
        "Pixels: 64 x 64 (smallest), 64 x 64 (median), 64 x 64 (largest). Formats: 20 PNG.\n"
        "Nothing is wrong with the files.\n"
    )
    assert result.exit_code == 0


def test_check_names_every_finding_and_fails_only_for_unreadable_pictures() -> None:
    train, test = paint(Path("pictures/train"), 5), paint(Path("pictures/test"), 2)
    (test / "again.png").write_bytes((train / "0.png").read_bytes())
    paint(Path("small"), 1, side=40).joinpath("0.png").rename(train / "small.png")
    result = run("check", "mine=pictures", "--size", "64")
    assert result.output.splitlines()[1] == (
        "few: a run with fewer than 10 pictures of a domain to train on has no validation."
    )
    assert result.output.splitlines()[3:] == [
        "small: 'train/small.png' is 40 x 40 pixels, below the crop of 64; it is scaled up.",
        "duplicate: 'test/again.png' shows the same as 'train/0.png'; keep one of them.",
        "Found: 1 small, 1 duplicate.",
    ]
    assert result.exit_code == 0
    (train / "broken.png").write_bytes((train / "1.png").read_bytes()[:200])
    result = run("check", "mine=pictures")
    assert "unreadable: 'train/broken.png' is broken or truncated" in result.output
    assert result.output.splitlines()[-1] == "Found: 1 unreadable, 1 duplicate."
    assert result.exit_code == 1


def test_check_takes_domains_with_spaces_or_commas_between_them() -> None:
    for name in ("a", "b"):
        paint(Path("data") / name, 20)
    assert run("check", "a,b", "--data", "data").output == run("check", "a", "b", "--data", "data").output


def test_check_of_drawn_scenes_has_nothing_to_open() -> None:
    result = run("check", "winter")
    assert result.output == (
        "winter (scenes/winter): 300 pictures to train on, 40 to test with.\n"
        "They are drawn when they are needed, so there are no files to check.\n"
    )
    assert result.exit_code == 0


def test_a_mistake_is_one_sentence_and_exit_code_2() -> None:
    done = whole("check", "wintr")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: no domain is called 'wintr'. Did you mean 'winter'? `combogan domains list` shows all.\n"
    )
    done = whole("fetch", "monet2photo", "--url", "file:///etc/passwd")
    assert done.returncode == 2
    assert done.stderr == (
        "Error: 'file:///etc/passwd' is no address to fetch from; it must begin with http:// or https://.\n"
    )


def test_fetch_says_what_came_and_how_to_name_what_nobody_named(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with zipfile.ZipFile(tmp_path / "served" / "alps.zip", "w") as archive:
        for file in sorted(paint(tmp_path / "some", 2).iterdir()):
            for folder in ("train0", "train1", "train2", "train3", "test0"):
                archive.write(file, f"alps_seasons/{folder}/{file.name}")
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    folder = collection("alps").folder
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=tmp_path / "served")) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        url = f"http://127.0.0.1:{server.server_port}/alps.zip"
        result = run("fetch", "alps_seasons", "--url", url)
        server.shutdown()
    there = (
        f"The domains of 'alps' are in {folder}:\n"
        "  alps/0: 2 pictures to train on, 2 to test with\n"
        "  alps/1: 1 picture to train on, 1 to test with\n"
        "  alps/2: 1 picture to train on, 1 to test with\n"
        "  alps/3: 1 picture to train on, 1 to test with\n"
        f"Which folder shows what is not published; look at {folder / 'contact-sheet.png'}, then name them, either for "
        f"good, by renaming the folders, such as {folder / '0'} to {folder / 'NAME'}, or when they are used, such as "
        "--domains NAME=alps/0\n"
    )
    card = collection("alps")
    head = f"Fetching alps from {url}\nLicence: {card.licence}\nPlease cite: {card.citation}\n"
    assert result.output == head + there
    assert (folder / "contact-sheet.png").is_file()
    again = run("fetch", "alps")
    assert again.output == f"'alps' is already fetched; remove {folder} to fetch it again.\n" + there
    assert (result.exit_code, again.exit_code) == (0, 0)


def test_fetch_cuts_pictures_of_two_domains_which_then_pair_up(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    whole = paint(tmp_path / "whole", 3)
    with tarfile.open(tmp_path / "served" / "facades.tar.gz", "w:gz") as archive:
        for part in ("train", "val", "test"):
            archive.add(whole, f"facades/{part}")
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    folder = collection("facades-paired").folder
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=tmp_path / "served")) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        result = run("fetch", "facades-paired", "--url", f"http://127.0.0.1:{server.server_port}/facades.tar.gz")
        server.shutdown()
    assert result.exit_code == 0
    assert result.output.endswith(
        f"The domains of 'facades-paired' are in {folder}:\n"
        "  facades-paired/labels: 3 pictures to train on, 3 to test with\n"
        "  facades-paired/photo: 3 pictures to train on, 3 to test with\n"
    )
    checked = run("check", "photo=facades-paired/photo", "labels=facades-paired/labels")
    assert "Pixels: 32 x 64 (smallest)" in checked.output
    assert checked.output.endswith("'labels' and 'photo': 3 training pictures pair up by name.\n")


def test_check_says_what_kind_deep_pictures_are_and_refuses_a_mix(tmp_path: Path) -> None:
    folder = write_domain(tmp_path / "ct", sixteen_bits, ".png")
    result = run("check", f"ct={folder}")
    assert (
        "They are 16-bit gray; --set images.channels=1 --set images.depth=16 trains on them as such.\n" in result.output
    )
    assert result.exit_code == 0
    Image.new("RGB", (48, 40), "red").save(folder / "9.png")
    result = run("check", f"ct={folder}")
    assert "mixed: '" in result.output
    assert "'9.png' is 8-bit colour" in result.output
    assert "is 16-bit gray" in result.output
    assert result.exit_code == 1


def test_check_says_that_domains_are_of_different_kinds(tmp_path: Path) -> None:
    write_domain(tmp_path / "ct", sixteen_bits, ".png")
    paint(tmp_path / "photo", 3)
    result = run("check", "ct", "photo", "--data", str(tmp_path))
    differ = "mixed: 'ct' is 16-bit gray, 'photo' is 8-bit colour; they can only be trained on together in 8-bit colour"
    assert f"{differ}." in result.output.splitlines()
    assert result.exit_code == 1
    assert "mixed" not in run("check", "photo", "summer", "--data", str(tmp_path)).output


def test_fetch_of_drawn_scenes_has_nothing_to_do() -> None:
    assert run("fetch", "scenes").output == "'scenes' is drawn by combogan; there is nothing to fetch.\n"


def test_every_command_has_an_example_and_listing_imports_no_torch() -> None:
    for name in ("list", "show", "check", "fetch"):
        assert f"  combogan domains {name}" in run(name, "--help").output
    code = "import sys\nfrom combogan.cli.domains import command\ncommand(['list'], standalone_mode=False)\n"
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_export_writes_pictures_and_labels_that_data_finds(tmp_path: Path) -> None:
    result = run("export", "scenes-small/winter", "-o", "pictures", "--labels", "--size", "32")
    assert result.exit_code == 0
    assert result.output == (
        "scenes-small/winter: 40 + 40 pictures (train + test) to pictures/winter, "
        "their labels to pictures/winter-labels\n"
    )
    assert "winter (" in run("check", "winter", "--data", "pictures").output
    assert Path("pictures/winter-labels/classes.csv").is_file()
    again = whole("export", "scenes-small/winter", "-o", "pictures")
    assert again.returncode == 2
    assert again.stderr == (
        "Error: pictures/winter exists already, and nothing is overwritten; give another folder with -o.\n"
    )


def test_export_refuses_labels_of_pictures_whose_classes_are_not_known() -> None:
    paint(Path("mine"), 3)
    done = whole("export", "mine=mine", "-o", "out", "--labels")
    assert done.returncode == 2
    assert done.stderr == (
        "Error: 'mine' has no labels, because only drawn scenes know what their pixels show; leave out --labels.\n"
    )
    assert not Path("out").exists()
    assert run("export", "mine=mine", "-o", "out").output == "mine: 2 + 1 pictures (train + test) to out/mine\n"

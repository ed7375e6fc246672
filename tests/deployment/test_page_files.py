import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from combogan.deployment.page_files import LEAST, LONGEST, PageFiles, safe_name


@pytest.fixture
def files():
    made = PageFiles(bound=3 * LEAST)
    yield made
    made.close()


def write(files, name, size=1):
    path = files.new(name, size)
    path.write_bytes(b"x" * size)
    return path


def test_only_files_of_the_page_are_held_however_the_path_is_written(files, tmp_path):
    path = write(files, "one.png")
    other = tmp_path / "other.png"
    other.write_bytes(b"x")
    (files.folder / "link.png").symlink_to(other)
    assert files.holds(str(path))
    assert files.holds(f"{path.parent}/../{path.parent.name}/one.png")
    outside = [str(other), f"{files.folder}/../../etc/passwd", "/etc/passwd", "etc/passwd", "", "/", str(files.folder)]
    for wrong in [*outside, str(path.parent), f"{files.folder}/link.png", "a\0b", "http://a/b.png", f"file://{path}"]:
        assert not files.holds(wrong), wrong


def test_the_oldest_go_where_there_is_no_room_and_what_is_kept_stays(files):
    kept = files.keep("preview.png")
    kept.write_bytes(b"x")
    one, two, three, four = (write(files, f"{number}.png") for number in range(4))
    assert [path.exists() for path in (kept, one, two, three, four)] == [True, False, True, True, True]
    large = write(files, "large.png", 3 * LEAST)
    assert [path.exists() for path in (kept, two, three, four, large)] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("one.png", "one.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\système.jpg", "système.jpg"),
        ("..", "picture"),
        (".hidden", "hidden"),
        ("", "picture"),
        ("a\0b\n\x1b[31m.png", "ab[31m.png"),
        ("<img src=x onerror=alert(1)>.png", "img src=x onerror=alert(1).png"),
        ("$(reboot) `x`.png", "(reboot) x.png"),
        ("x.png/", "picture"),
    ],
)
def test_a_name_is_what_is_harmless_of_it(given, safe):
    assert safe_name(given) == safe


def test_a_long_name_keeps_its_ending():
    assert safe_name("é" * 500 + ".jpeg") == "é" * 57 + ".jpeg"
    assert len(safe_name("x" * 5000).encode()) == LONGEST


@pytest.mark.skipif(os.name != "posix", reason="there is no kill -9 here")
def test_the_folder_ends_with_the_process_also_after_a_kill():
    code = "import time; from combogan.deployment.page_files import PageFiles; print(PageFiles().folder, flush=True)\n"
    process = subprocess.Popen([sys.executable, "-c", code + "time.sleep(60)"], stdout=subprocess.PIPE, text=True)
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for _ in range(100):
        if not folder.exists():
            return
        time.sleep(0.1)
    pytest.fail(f"{folder} is still there")

"""Nothing in a downloaded zip is trusted."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from combogan.data.cards import Collection, DomainCard
from combogan.data.unpacking import unpack
from combogan.errors import FetchError

CARD = Collection(
    name="toy",
    title="Toys",
    layout="named",
    licence="none",
    citation="none",
    domains={"a": DomainCard("a", "trainA", "testA")},
)


def archive(folder: Path, *members: str | zipfile.ZipInfo, content: bytes = b"picture") -> Path:
    """A zip with `trainA/0.png` and the members given."""
    path = folder / "toy.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for member in ("trainA/0.png", *members):
            opened.writestr(member, content)
    return path


def refused(path: Path) -> str:
    """The refusal; nothing may have been written anywhere."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(FetchError) as caught:
        unpack(path, CARD, path.parent / "out")
    assert sorted(path.parent.rglob("*")) == before
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "trainA/../../evil.png", "/evil.png", "C:/evil.png", "c:evil.png", "..\\evil.png", "\\evil.png"],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(archive(tmp_path, name)) == (
        f"the zip of 'toy' has a path that leaves the folder in it, '{name}'; nothing of it was unpacked."
    )


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("trainA/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert refused(archive(tmp_path, link, content=b"/etc/passwd")) == (
        "the zip of 'toy' has a link or device in it, 'trainA/link.png'; nothing of it was unpacked."
    )


def test_a_zip_with_a_far_too_large_unpacked_size_is_refused(tmp_path: Path) -> None:
    message = refused(archive(tmp_path, "trainA/1.png", content=bytes(5_000_000)))
    assert message.startswith("the zip of 'toy' would unpack from ")
    assert message.endswith(" to 10,000,000 bytes, which no set of pictures does; nothing of it was unpacked.")


def test_files_outside_the_named_folders_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    path = archive(
        tmp_path, "toy/testA/sub/1.png", "trainB/2.png", "__MACOSX/trainA/3.png", "trainA/.DS_Store", "x.txt"
    )
    unpack(path, CARD, tmp_path / "out")
    found = sorted(file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.*"))
    assert found == ["a/test/sub/1.png", "a/train/0.png"]


def test_what_an_earlier_attempt_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "out" / "a" / "train").mkdir(parents=True)
    (tmp_path / "out" / "a" / "train" / "half.png").write_bytes(b"half")
    unpack(archive(tmp_path), CARD, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out" / "a" / "train").iterdir()] == ["0.png"]


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "the zip of 'toy' is damaged" in refused(path)
    path.write_bytes(io.BytesIO(b"PK").getvalue())
    assert "run the same command to fetch it anew" in refused(path)


def test_a_zip_with_an_undecodable_name_is_damaged(tmp_path: Path) -> None:
    path = archive(tmp_path, "trainA/\N{LATIN SMALL LETTER E WITH ACUTE}.png")
    path.write_bytes(path.read_bytes().replace(b"\xc3\xa9", b"\xc3\x28"))
    assert "the zip of 'toy' is damaged" in refused(path)


def test_a_zip_whose_stream_is_broken_is_damaged(tmp_path: Path) -> None:
    path = archive(tmp_path, content=b"picture" * 20)
    whole = path.read_bytes()
    start = 30 + len("trainA/0.png")  # after the local header
    path.write_bytes(whole[:start] + b"\xff" * 4 + whole[start + 4 :])
    with pytest.raises(FetchError, match="the zip of 'toy' is damaged"):
        unpack(path, CARD, tmp_path / "out")


def test_an_unusual_packing_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("trainA/1.png")
    member.compress_type = zipfile.ZIP_LZMA
    assert "a file that is packed in an unusual way in it, 'trainA/1.png'" in refused(archive(tmp_path, member))

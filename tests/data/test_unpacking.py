"""Nothing in a downloaded zip or tar.gz is trusted."""

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from combogan.data.archives import open_archive
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


BOTH = Collection(
    name="both",
    title="Toys and their shadows",
    layout="side-by-side",
    licence="none",
    citation="none",
    domains={"shadow": DomainCard("shadows", half="right"), "toy": DomainCard("toys", half="left")},
)


def archive(folder: Path, *members: str | zipfile.ZipInfo, content: bytes = b"picture") -> Path:
    """A zip with `trainA/0.png` and the members given."""
    path = folder / "toy.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for member in ("trainA/0.png", *members):
            opened.writestr(member, content)
    return path


def refused(path: Path, card: Collection = CARD) -> str:
    """The refusal; nothing may have been written anywhere."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(FetchError) as caught:
        unpack(path, card, path.parent / "out")
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
    path = archive(tmp_path, "trainA/1.png", content=bytes(5_000_000))
    packed = path.stat().st_size
    assert refused(path) == (
        f"the zip of 'toy' would unpack from {packed:,} to more than {100 * packed:,} bytes, which no set of pictures "
        "does; nothing of it was unpacked."
    )


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


def side_by_side(width: int = 16) -> bytes:
    """A picture whose left half is red and whose right half is black."""
    picture = Image.new("RGB", (width, 8), "black")
    picture.paste("red", (0, 0, width // 2, 8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def tarred(folder: Path, *members: str | tarfile.TarInfo, content: bytes | None = None) -> Path:
    """A tar.gz with `set/train/0.png`, a picture of two halves, and the members given with the same content."""
    path = folder / "both.tar.gz"
    content = side_by_side() if content is None else content
    with tarfile.open(path, "w:gz") as opened:
        for member in ("set/train/0.png", *members):
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content) if info.isreg() else 0
            opened.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpacked(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_pictures_side_by_side_are_cut_into_the_domains_of_the_card(tmp_path: Path) -> None:
    path = tarred(tmp_path, "set/val/1.png", "set/val/sub/2.png", "set/.DS_Store", "set/train/notes.txt", "readme")
    unpack(path, BOTH, tmp_path / "out")
    for domain, colour in (("toy", (255, 0, 0)), ("shadow", (0, 0, 0))):
        assert unpacked(tmp_path / "out" / domain) == ["test/1.png", "test/sub/2.png", "train/0.png"]
        with Image.open(tmp_path / "out" / domain / "train" / "0.png") as half:
            assert half.size == (8, 8)
            assert half.getcolors() == [(64, colour)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["shadow", "toy"]


def test_a_test_folder_is_the_test_set_and_val_stays_beside_it(tmp_path: Path) -> None:
    unpack(tarred(tmp_path, "set/test/0.png", "set/val/0.png"), BOTH, tmp_path / "out")
    assert unpacked(tmp_path / "out" / "toy") == ["test/0.png", "train/0.png", "val/0.png"]


def test_a_zip_of_pictures_side_by_side_is_cut_too_and_a_tar_of_folders_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as opened:
        opened.writestr("train/0.png", side_by_side())
    unpack(tmp_path / "both.zip", BOTH, tmp_path / "out")
    assert unpacked(tmp_path / "out") == ["shadow/train/0.png", "toy/train/0.png"]
    unpack(tarred(tmp_path, "trainA/0.png", "testA/1.png"), CARD, tmp_path / "out")
    assert unpacked(tmp_path / "out") == ["a/test/1.png", "a/train/0.png"]
    assert (tmp_path / "out" / "a" / "train" / "0.png").read_bytes() == side_by_side()


@pytest.mark.parametrize(
    ("dangerous", "found"),
    [
        ("../evil.png", "a path that leaves the folder"),
        ("set/train/../../../evil.png", "a path that leaves the folder"),
        ("/evil.png", "a path that leaves the folder"),
        ("C:/evil.png", "a path that leaves the folder"),
        ("..\\evil.png", "a path that leaves the folder"),
        (member("../folder", tarfile.DIRTYPE), "a path that leaves the folder"),
        (member("set/train/1.png", tarfile.SYMTYPE, "/etc/passwd"), "a link or device"),
        (member("set/train/1.png", tarfile.SYMTYPE, "0.png"), "a link or device"),
        (member("set/train/1.png", tarfile.LNKTYPE, "set/train/0.png"), "a link or device"),
        (member("set/train/1.png", tarfile.CHRTYPE), "a link or device"),
        (member("set/train/1.png", tarfile.BLKTYPE), "a link or device"),
        (member("set/train/1.png", tarfile.FIFOTYPE), "a link or device"),
    ],
)
def test_dangerous_members_of_a_tar_are_refused(tmp_path: Path, dangerous: str | tarfile.TarInfo, found: str) -> None:
    name = dangerous if isinstance(dangerous, str) else dangerous.name
    assert refused(tarred(tmp_path, dangerous), BOTH) == (
        f"the tar of 'both' has {found} in it, '{name}'; nothing of it was unpacked."
    )


def test_a_sparse_file_in_a_tar_is_refused(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("set/train/1.png")
    sparse.pax_headers = {"GNU.sparse.map": "0,8", "GNU.sparse.size": "1000000000"}
    assert "has a file that is packed in an unusual way in it" in refused(tarred(tmp_path, sparse), BOTH)


def test_a_tar_with_a_far_too_large_unpacked_size_is_refused(tmp_path: Path) -> None:
    message = refused(tarred(tmp_path, content=bytes(5_000_000)), BOTH)
    assert message.startswith("the tar of 'both' would unpack from ")
    assert message.endswith("bytes, which no set of pictures does; nothing of it was unpacked.")
    many = [member(f"set/{number}", tarfile.DIRTYPE) for number in range(30_000)]
    for folder in many:
        folder.name = "set"
    assert "which no set of pictures does" in refused(tarred(tmp_path, *many), BOTH)


def crafted(folder: Path, *blocks: bytes) -> Path:
    """A tar.gz of these blocks."""
    path = folder / "both.tar.gz"
    path.write_bytes(gzip.compress(b"".join(blocks) + bytes(1024)))
    return path


def header(name: str, kind: bytes, size: int) -> bytes:
    info = member(name, kind)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "blocks",
    [
        [header("x", tarfile.XHDTYPE, 1 << 33)],
        [header("x", tarfile.GNUTYPE_LONGNAME, 1 << 33)],
        [header("a", tarfile.REGTYPE, 0), header("set/train/1.png", tarfile.REGTYPE, -1024)],
        [header("x", tarfile.GNUTYPE_LONGNAME, 512) + b"a" * 512] * 3000,
        [header("set/train/1.png", tarfile.REGTYPE, 0), b"broken" * 200],
        [header("set/train/1.png", tarfile.REGTYPE, 0), bytes(1024), bytes(3 << 20)],
        [header("set/train/1.png", tarfile.REGTYPE, 4096), b"short"],
        [header("set/train/\udcff.png", tarfile.REGTYPE, 0)],
    ],
    ids=["huge header", "huge name", "points back", "headers of headers", "broken", "padding", "short", "no UTF-8"],
)
def test_a_crafted_tar_is_damaged(tmp_path: Path, blocks: list[bytes]) -> None:
    assert "the tar of 'both' is damaged" in refused(crafted(tmp_path, *blocks), BOTH)


def test_a_tar_cut_short_or_changed_is_damaged(tmp_path: Path) -> None:
    path = tarred(tmp_path, *(f"set/train/{number}.png" for number in range(1, 9)))
    whole = path.read_bytes()
    for cut in (whole[:-4], whole[:-12], whole[: len(whole) // 2], whole[:12]):
        path.write_bytes(cut)
        assert "the tar of 'both' is damaged" in refused(path, BOTH)
    path.write_bytes(whole[:60] + b"\xff" * 4 + whole[64:])
    assert "run the same command to fetch it anew" in refused(path, BOTH)
    path.write_bytes(whole[:-8] + bytes(4) + whole[-4:])  # another checksum
    assert "the tar of 'both' is damaged" in refused(path, BOTH)


def test_pictures_that_cannot_be_cut_are_named(tmp_path: Path) -> None:
    path = tarred(tmp_path, content=side_by_side(width=17))
    with pytest.raises(FetchError) as caught:
        unpack(path, BOTH, tmp_path / "out")
    assert str(caught.value) == (
        "the tar of 'both' has a picture that cannot be cut: 'set/train/0.png' is 17 pixels wide, which cannot be "
        "halved; another address can be given with --url."
    )
    with pytest.raises(FetchError, match=r"'set/train/0\.png' is broken or truncated"):
        unpack(tarred(tmp_path, content=side_by_side()[:40]), BOTH, tmp_path / "out")


def test_another_set_in_a_tar_is_refused(tmp_path: Path) -> None:
    path = tarred(tmp_path, "set/train/0.jpg")
    assert refused(path, BOTH) == (
        "the tar of 'both' is not the set that was expected: 'train/0.png' and 'train/0.jpg' would both become "
        "train/0.png; rename one of them."
    )
    assert refused(tarred(tmp_path), CARD) == (
        "the tar of 'toy' is not the set that was expected: looked for folders trainA, found set, train; "
        "another address can be given with --url."
    )
    (tmp_path / "text").write_text("text")
    assert open_archive(tmp_path / "text") is None

"""Downloads from a real local server that can break off, ignore ranges, change its file or send something else."""

import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from combogan.data import fetching
from combogan.data.cards import Collection, collection
from combogan.data.catalog import resolve
from combogan.data.fetching import SHEET, download, fetch
from combogan.errors import DomainError, FetchError, StorageError


@dataclass
class Server:
    """What is served under every path, how, and the requests so far."""

    content: bytes = b""
    tag: str = '"one"'
    break_after: int | None = None
    """Bytes of the body after which the connection is closed, once."""
    ranges: bool = True
    says_length: bool = True
    status: int = 200
    send_on: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(dict(request.headers))
        if self.send_on:
            request.send_response(302)
            request.send_header("Location", self.send_on)
            self.send_on = ""
            request.end_headers()
            return
        if self.status != 200:
            request.send_error(self.status)
            return
        start = self.wanted(request)
        if start > 0 and start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if self.tag:
            request.send_header("ETag", self.tag)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.says_length:
            request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        end, self.break_after = self.break_after, None
        request.wfile.write(self.content[start : end if end is not None else None])

    def wanted(self, request: BaseHTTPRequestHandler) -> int:
        """The first byte to send: as requested, if the file is still the same."""
        span = request.headers.get("Range", "")
        same = request.headers.get("If-Range", self.tag) == self.tag
        return int(span.removeprefix("bytes=").rstrip("-")) if self.ranges and span and same else 0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        served.url = f"http://127.0.0.1:{http.server_port}/set.zip"
        yield served
        http.shutdown()
        thread.join()


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((32, 32), shade + 1).convert("RGB").save(file, "PNG")
    return file.getvalue()


def zipped(*folders: str, inside: str = "set/", each: int = 3) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for index in range(each):
                archive.writestr(f"{inside}{folder}/{index}.png", picture(index))
    return file.getvalue()


MONET = zipped("trainA", "trainB", "testA", "testB", inside="monet2photo/")


def monet() -> Collection:
    return collection("monet2photo")


def refused(card: Collection, url: str) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(card, url=url)
    assert not card.folder.exists()
    return str(caught.value)


def test_a_fetched_set_lies_in_a_folder_per_domain_and_can_be_used(server: Server) -> None:
    server.content = MONET
    progress: list[tuple[str, int, int | None]] = []
    assert fetch(monet(), url=server.url, progress=lambda *done: progress.append(done))
    sources = resolve(["monet", "monet2photo/photo"])
    assert [(len(source.train), len(source.test)) for source in sources] == [(3, 3), (3, 3)]
    assert monet().folder.joinpath("monet", "train", "0.png").read_bytes() == zip_member("trainA/0.png")
    assert monet().folder.joinpath("photo", "test", "2.png").read_bytes() == zip_member("testB/2.png")
    assert ("fetching", len(MONET), len(MONET)) in progress
    what, done, total = progress[-1]
    assert (what, done) == ("unpacking", total)
    assert [path.name for path in (monet().folder.parent / ".fetching").iterdir()] == []


def zip_member(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(MONET)) as archive:
        return archive.read(f"monet2photo/{name}")


def test_what_is_fetched_is_not_fetched_again(server: Server) -> None:
    server.content = MONET
    assert fetch(monet(), url=server.url)
    assert not fetch(monet(), url=server.url)
    assert len(server.asked) == 1


def test_a_broken_transfer_is_resumed(server: Server) -> None:
    server.content, server.break_after = MONET, 1000
    message = refused(monet(), server.url)
    assert message == "the transfer broke off after 0.0 of 0.0 MB; run the same command again to take it up."
    assert fetch(monet(), url=server.url)
    first, second = server.asked
    assert "Range" not in first
    assert (second["Range"], second["If-Range"]) == ("bytes=1000-", '"one"')
    assert monet().folder.joinpath("photo", "test", "2.png").read_bytes() == zip_member("testB/2.png")


def test_a_transfer_can_break_off_twice(server: Server, tmp_path: Path) -> None:
    server.content = bytes(range(256)) * 20
    for stop in (1000, 3000):
        server.break_after = stop
        with pytest.raises(FetchError, match="broke off"):
            download(server.url, tmp_path / "it.zip")
        assert (tmp_path / "it.zip.part").stat().st_size == stop
    download(server.url, tmp_path / "it.zip")
    assert [asked.get("Range") for asked in server.asked] == [None, "bytes=1000-", "bytes=3000-"]
    assert (tmp_path / "it.zip").read_bytes() == server.content
    assert [path.name for path in tmp_path.iterdir()] == ["it.zip"]


@pytest.mark.parametrize("case", ["changed", "ranges ignored", "changed without a tag", "another address", "shrunk"])
def test_bytes_of_another_file_are_never_joined(server: Server, tmp_path: Path, case: str) -> None:
    old, new = b"old" * 1000, b"newer" * 1000
    server.content, server.break_after = old, 1500
    server.tag = "" if case in ("changed without a tag", "shrunk") else '"one"'
    with pytest.raises(FetchError, match="broke off"):
        download(server.url, tmp_path / "it.zip")
    server.content = {"ranges ignored": old, "shrunk": new[:700]}.get(case, new)
    server.tag = '"two"' if case == "changed" else server.tag
    server.ranges = case != "ranges ignored"
    url = server.url + "?other" if case == "another address" else server.url
    download(url, tmp_path / "it.zip")
    assert (tmp_path / "it.zip").read_bytes() == server.content


def test_a_complete_part_file_is_not_sent_again(server: Server, tmp_path: Path) -> None:
    server.content, server.break_after = b"whole" * 100, 300
    with pytest.raises(FetchError, match="broke off"):
        download(server.url, tmp_path / "it.zip")
    (tmp_path / "it.zip.part").write_bytes(server.content)
    download(server.url, tmp_path / "it.zip")
    assert server.asked[-1]["Range"] == "bytes=500-"
    assert (tmp_path / "it.zip").read_bytes() == server.content


def test_without_a_length_the_transfer_ends_when_the_server_ends_it(server: Server) -> None:
    server.content, server.says_length = MONET, False
    assert fetch(monet(), url=server.url)


def test_a_weak_tag_does_not_identify_a_range(server: Server, tmp_path: Path) -> None:
    server.content, server.break_after, server.tag = b"whole" * 100, 300, 'W/"one"'
    with pytest.raises(FetchError, match="broke off"):
        download(server.url, tmp_path / "it.zip")
    download(server.url, tmp_path / "it.zip")
    assert "If-Range" not in server.asked[-1]
    assert (tmp_path / "it.zip").read_bytes() == server.content


def test_a_missing_file_is_an_error(server: Server) -> None:
    server.status = 404
    assert refused(monet(), server.url) == (
        f"there is no file at {server.url} (the server answered 404); another address can be given with --url."
    )
    server.status = 503
    assert refused(monet(), server.url) == (
        f"127.0.0.1 did not send {server.url} (it answered 503); run the same command again later."
    )


def test_an_unreachable_server_is_an_error(server: Server) -> None:
    assert refused(monet(), "http://127.0.0.1:9/set.zip") == (
        "127.0.0.1 cannot be reached (Connection refused); check the network, then run the same command again."
    )


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/set.zip", "set.zip", "http://", "http://[/"])
def test_an_address_must_begin_with_http(server: Server, url: str) -> None:
    assert refused(monet(), url) == (f"'{url}' is no address to fetch from; it must begin with http:// or https://.")


def test_redirects_elsewhere_than_http_are_refused(server: Server) -> None:
    server.send_on = "file:///etc/passwd"
    assert "did not send" in refused(monet(), server.url)
    server.send_on = "ftp://127.0.0.1/set.zip"
    assert "sends on to 'ftp://127.0.0.1/set.zip', which is neither http" in refused(monet(), server.url)


def test_redirects_to_http_are_followed(server: Server) -> None:
    server.content, server.send_on = MONET, server.url + "?moved"
    assert fetch(monet(), url=server.url)


def test_what_is_no_zip_is_an_error_and_not_kept(server: Server) -> None:
    server.content = b"<html>Please sign in</html>"
    assert refused(monet(), server.url) == (
        "what was sent for 'monet2photo' is neither a zip nor a tar.gz (it begins with b'<html>Please sig'); "
        "another address can be given with --url."
    )
    server.content = MONET
    assert fetch(monet(), url=server.url)


def test_a_damaged_zip_is_fetched_anew(server: Server) -> None:
    server.content = bytearray(MONET)
    server.content[200:260] = bytes(60)
    assert "is damaged" in refused(monet(), server.url)
    server.content = MONET
    assert fetch(monet(), url=server.url)


def test_another_set_is_an_error(server: Server) -> None:
    server.content = zipped("trainA", "images")
    assert refused(monet(), server.url) == (
        "the zip of 'monet2photo' is not the set that was expected: looked for folders trainA, trainB, "
        "found images, set, trainA; another address can be given with --url."
    )


def test_a_file_that_is_a_folder_too_is_no_set_and_not_kept(server: Server) -> None:
    file = io.BytesIO(zipped("trainA", "trainB", "testA", "testB"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("set/trainA/a.png", picture(1))
        archive.writestr("set/trainA/a.png/b.png", picture(2))
    server.content = file.getvalue()
    assert "the archive of 'monet2photo' has other folders and files than the set" in refused(monet(), server.url)
    server.content = MONET
    assert fetch(monet(), url=server.url)


def test_folders_of_an_unnamed_collection_keep_their_names_and_get_a_contact_sheet(server: Server) -> None:
    alps = collection("alps")
    server.content = zipped("train0", "train1", "train2", "train_x", "test0", "test1", "test2", "test_x", inside="")
    assert fetch(alps, url=server.url)
    assert alps.names() == ["0", "1", "2", "x"]
    with Image.open(alps.folder / SHEET) as sheet:
        assert sheet.width > 3 * 128
        assert sheet.height > 4 * 128
    assert [source.origin for source in resolve(["alps/0", "alps/x"])] == ["alps/0", "alps/x"]


def test_a_full_disk_is_an_error_before_anything_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = MONET
    usage = fetching.shutil.disk_usage("/")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(StorageError, match=r"is too full: 0\.0 MB are needed, 0\.0 MB are free; make room"):
        fetch(monet(), url=server.url)


def test_a_folder_that_cannot_be_written_is_an_error(server: Server, tmp_path: Path) -> None:
    server.content = MONET
    (tmp_path / ".combogan").write_text("a file, where a folder should be")
    with pytest.raises(StorageError, match=r"'monet2photo' could not be stored in .*\.combogan.domains: "):
        fetch(monet(), url=server.url)


def test_an_incomplete_set_cannot_be_used(server: Server) -> None:
    server.content, server.break_after = MONET, 1000
    refused(monet(), server.url)
    with pytest.raises(DomainError, match="are not fetched yet"):
        resolve(["monet", "summer"])


def pair(index: int) -> bytes:
    """A picture of two halves: noise, and its negative."""
    left = Image.effect_noise((16, 16), 60 + index).convert("RGB")
    picture = Image.new("RGB", (32, 16))
    picture.paste(left, (0, 0))
    picture.paste(left.point(lambda value: 255 - value), (16, 0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def tarred(*folders: str, each: int = 3) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for number, name in enumerate(f"{folder}/{index + 1}.png" for folder in folders for index in range(each)):
            content, info = pair(number), tarfile.TarInfo(f"facades/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


FACADES = tarred("train", "val")


def facades() -> Collection:
    return collection("facades-paired")


def test_a_fetched_set_of_pictures_side_by_side_is_two_aligned_domains(server: Server) -> None:
    server.content = FACADES
    progress: list[tuple[str, int, int | None]] = []
    assert fetch(facades(), url=server.url, progress=lambda *done: progress.append(done))
    photo, labels = resolve(["photo=facades-paired/photo", "labels=facades-paired/labels"])
    assert photo.train.names == labels.train.names == ("1.png", "2.png", "3.png")
    assert photo.test.names == labels.test.names == ("1.png", "2.png", "3.png")
    assert photo.truth == labels.truth == "facades-paired"
    for split in ("train", "test"):
        one, other = (getattr(domain, split).picture(1, 16).tobytes() for domain in (photo, labels))
        assert bytes(255 - value for value in one) == other
    what, done, total = progress[-1]
    assert (what, done) == ("unpacking", total)
    assert [path.name for path in (facades().folder.parent / ".fetching").iterdir()] == []
    assert (facades().folder / SHEET).is_file()


def test_a_broken_transfer_of_a_tar_is_resumed(server: Server) -> None:
    server.content, server.break_after = FACADES, 1000
    assert "broke off" in refused(facades(), server.url)
    assert fetch(facades(), url=server.url)
    assert [asked.get("Range") for asked in server.asked] == [None, "bytes=1000-"]
    assert len(resolve(["facades-paired/photo"], needed=1)[0].train) == 3


def test_a_damaged_tar_is_fetched_anew_and_another_set_is_an_error(server: Server) -> None:
    server.content = FACADES[: len(FACADES) // 2]
    assert "the tar of 'facades-paired' is damaged" in refused(facades(), server.url)
    server.content = tarred("trainA", "trainB")
    assert refused(facades(), server.url) == (
        "the tar of 'facades-paired' is not the set that was expected: looked for folders train, found facades, "
        "trainA, trainB; another address can be given with --url."
    )
    server.content = FACADES
    assert fetch(facades(), url=server.url)

"""Download published collections: a broken transfer is resumed; a collection appears whole or not at all."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from PIL import Image

from combogan.data.cards import Collection, fetched_folder
from combogan.data.pictures import list_pictures, read_picture, save_picture
from combogan.data.sheets import grid
from combogan.data.unpacking import unpack
from combogan.errors import DomainError, FetchError, PictureError, StorageError

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, the bytes done, and the bytes in all (None where the server does not say)."""

TIMEOUT = 30.0
"""Seconds without a byte after which a transfer counts as broken."""

SHEET = "contact-sheet.png"
"""The file beside the domains of a fetched collection that shows some pictures of each."""

_CHUNK = 1 << 18
_AGAIN = "run the same command again to take it up"


def fetch(card: Collection, *, url: str = "", progress: Progress = lambda *_: None) -> bool:
    """Fetch and unpack a collection into `card.folder`; False where it was there already.

    `url` is another address of the same archive. FetchError: no network, no such file, a transfer that broke off
    (calling again resumes it), or something that is not the set. StorageError: no room, or a folder that cannot be
    written.
    """
    if card.is_fetched:
        return False
    unpacked = fetched_folder() / ".fetching" / card.name
    archive = unpacked.with_name(card.name + card.ending)
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        download(url or card.url, archive, progress=progress)
        _unpacked(archive, card, unpacked, progress)
        os.replace(unpacked, card.folder)
        archive.unlink()
    except FetchError:
        # A whole file that is not the set is useless; a broken transfer is a `.part` file and stays.
        archive.unlink(missing_ok=True)
        shutil.rmtree(unpacked, ignore_errors=True)
        raise
    except OSError as error:
        raise StorageError(f"'{card.name}' could not be stored in {card.folder.parent}: {error.strerror}.") from error
    return True


def _unpacked(archive: Path, card: Collection, folder: Path, progress: Progress) -> None:
    """Unpack an archive that has arrived. FetchError where it is not the set."""
    try:
        unpack(archive, card, folder, progress=progress)
        _draw_sheet(folder)
    except (DomainError, FileExistsError, NotADirectoryError) as error:
        raise FetchError(
            f"the archive of '{card.name}' has other folders and files than the set ({error}); another address can be "
            "given with --url."
        ) from error


def download(url: str, target: Path, *, progress: Progress = lambda *_: None) -> None:
    """Download `url` to the file `target`; a broken transfer leaves `target.part`, from which it is resumed."""
    if not re.match(r"https?://[\w.:-]+(/|$)", url):
        raise FetchError(f"'{url}' is no address to fetch from; it must begin with http:// or https://.")
    if target.is_file():
        return
    part = _Part.beside(target)
    answer = _connect(url, part)
    if answer is not None:
        with answer.body:
            _refuse_full_disk(part.file.parent, answer)
            part.remember(url, answer)
            done = _receive(answer, part.file, lambda done: progress("fetching", done, answer.total))
        if answer.total is not None and done != answer.total:
            raise FetchError(f"the transfer broke off after {_mega(done)} of {_mega(answer.total)} MB; {_AGAIN}.")
    os.replace(part.file, target)
    part.note.unlink(missing_ok=True)


def _draw_sheet(folder: Path, columns: int = 8, size: int = 128) -> None:
    """Save a contact sheet with a row of pictures for each domain below `folder`."""
    rows, labels = [], []
    for domain in sorted(path for path in folder.iterdir() if path.is_dir()):
        row: list[Image.Image] = []
        for name in list_pictures(domain / "train")[: 4 * columns]:
            with contextlib.suppress(PictureError):  # `domains check` names it
                row += [read_picture(domain / "train" / name)] if len(row) < columns else []
        rows.append(row)
        labels.append(domain.name)
    save_picture(grid(rows, size=size, row_labels=labels), folder / SHEET)


@dataclass(frozen=True)
class _Answer:
    """What the server sends: bytes from `start` up to `total`, of a file that `validator` identifies."""

    body: http.client.HTTPResponse
    start: int
    total: int | None
    validator: str


@dataclass(frozen=True)
class _Part:
    """An unfinished transfer: the bytes so far, and a note of which file they belong to."""

    file: Path
    note: Path

    @staticmethod
    def beside(target: Path) -> _Part:
        return _Part(target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json"))

    def begun(self, url: str) -> tuple[int, dict[str, Any]]:
        """(number of bytes of `url` so far, the note); 0 where it is not certain to which file they belong."""
        try:
            note = json.loads(self.note.read_text())
            size = self.file.stat().st_size
        except (OSError, ValueError):
            return 0, {}
        same = note.get("url") == url and (note.get("validator") or note.get("total"))
        return (size, note) if same else (0, {})

    def remember(self, url: str, answer: _Answer) -> None:
        if not answer.start:
            self.file.write_bytes(b"")
        self.note.write_text(json.dumps({"url": url, "validator": answer.validator, "total": answer.total}))


def _connect(url: str, part: _Part) -> _Answer | None:
    """Request the missing bytes; None if none are. Starts over where the file changed or ranges are not served."""
    start, note = part.begun(url)
    headers = {"User-Agent": "combogan", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if start and note.get("validator"):
        headers["If-Range"] = note["validator"]
    try:
        body = _ask(url, headers)
    except HTTPError as error:
        error.close()
        if error.code != 416 or not start:
            raise FetchError(_complaint(url, error.code)) from error
        if _total_of(error.headers.get("Content-Range", "")) == start:
            return None
        part.note.unlink()
        return _connect(url, part)
    tag = body.headers.get("ETag", "")
    # Files with the same weak tag may differ in their bytes, so it cannot identify a range.
    validator = tag if tag and not tag.startswith("W/") else body.headers.get("Last-Modified", "")
    if body.status != 206:
        length = body.headers.get("Content-Length", "")
        return _Answer(body, 0, int(length) if length.isdigit() else None, validator)
    span = body.headers.get("Content-Range", "")
    total = _total_of(span)
    if span.startswith(f"bytes {start}-") and total in (note["total"] or total, None):
        return _Answer(body, start, total or note["total"], validator)
    body.close()
    if not start:
        raise FetchError(f"{urlsplit(url).hostname} answered with a range that was not asked for; try again later.")
    part.note.unlink()
    return _connect(url, part)


def _ask(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Open `url`. HTTPError where the server refuses, FetchError where it cannot be reached."""
    host = urlsplit(url).hostname
    opener = urllib.request.build_opener(_WebRedirects)
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError:
        raise
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise FetchError(
            f"{host} cannot be reached ({why}); check the network, then run the same command again."
        ) from error


class _WebRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but only to http:// and https://."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            fp.close()
            raise FetchError(f"{req.host} sends on to '{newurl}', which is neither http:// nor https://.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _receive(answer: _Answer, file: Path, progress: Callable[[int], None]) -> int:
    """Append the body to `file`; gives the size of the file. FetchError where the connection breaks."""
    done = answer.start
    with file.open("r+b") as out:
        out.truncate(done)
        out.seek(done)
        progress(done)
        while True:
            try:
                chunk = answer.body.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise FetchError(f"the transfer broke off after {_mega(done)} MB ({error}); {_AGAIN}.") from error
            if not chunk:
                return done
            out.write(chunk)
            done += len(chunk)
            progress(done)


def _refuse_full_disk(folder: Path, answer: _Answer) -> None:
    """StorageError unless the archive and its unpacked pictures, which are about as large, both fit on the disk."""
    if answer.total is None:
        return
    needed, free = 2 * answer.total - answer.start, shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the disk of {folder} is too full: {_mega(needed)} MB are needed, {_mega(free)} MB are free; "
            f"make room, then run the same command again."
        )


def _total_of(content_range: str) -> int | None:
    """The size of the whole file, from `bytes 5-9/10` or `bytes */10`."""
    found = re.search(r"/(\d+)$", content_range)
    return int(found[1]) if found else None


def _complaint(url: str, code: int) -> str:
    if code in (404, 410):
        return f"there is no file at {url} (the server answered {code}); another address can be given with --url."
    return f"{urlsplit(url).hostname} did not send {url} (it answered {code}); run the same command again later."


def _mega(size: int) -> str:
    return f"{size / 1e6:,.1f}"

"""Attacks the page of `combogan serve` with hostile uploads, and checks that it holds.

python benchmarks/attack_page.py --registry runs/seasons

Bombs, wrong endings, damaged files, names with paths, huge declared sizes, broken-off uploads, messages that name other
files: several at the same time, each translated afterwards as a visitor's browser would ask for it, from any domain if
the run has a classifier. Then a visitor asks for a translation in tiles and leaves. At the end: nothing was written
outside the page's folder, no file of the machine was given out, memory stayed below 2 GiB above rest, and the page
still translates a picture.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from PIL import Image

MOST = 2 * 2**30
"""Bytes above rest."""
AT_ONCE = 8
SECRET = b"\x89PNG\r\n\x1a\nnobody may read this"


def main() -> None:
    """Start a page, attack it, print what was seen; the exit code is 1 where the page does not hold."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--registry", required=True)
    words.add_argument("--uploads", type=int, default=200)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        page = Page(given.registry, home)
        try:
            failures = attack(page, home, given.uploads)
        finally:
            page.end()
        left = list(home.rglob("combogan-page-*"))
        if left:
            failures.append(f"the page's folder is still there: {left}")
    for failure in failures:
        print("FAILED:", failure)
    sys.exit(bool(failures))


def attack(page: Page, home: Path, count: int) -> list[str]:
    """What did not hold."""
    outside = home / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(SECRET)
    assert page.translates("good.png", picture()), "the page does not work before the attack"
    before, rest, started = page.listing(), page.memory(), time.perf_counter()
    watch = Watch(page)
    chance = random.Random(0)
    light, tasks = hostile(), 2 * heavy()
    tasks += [light[number % len(light)] for number in range(count - len(tasks))]
    chance.shuffle(tasks)
    answers: dict[str, int] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for answer in pool.map(lambda task: page.upload_and_translate(*task), tasks):
            answers[answer] = answers.get(answer, 0) + 1
    failures = [f"{path} was given out" for path in page.given_out(outside / "secret.png")]
    page.leave(flat_png(8000, 8000))
    left = time.perf_counter()
    if not page.translates("next.png", picture()):
        failures.append("the page translates no picture after a visitor who has left")
    print(
        f"the next picture after a visitor has left a translation of 64 megapixels: {time.perf_counter() - left:.1f} s"
    )
    page.broken_off()
    page.declared(2**30)
    peak = watch.end()
    failures += [f"{path} was written outside" for path in sorted(page.listing() - before)]
    if not page.translates("good.png", picture()):
        failures.append("the page translates no picture after the attack")
    if peak - rest > MOST:
        failures.append(f"{(peak - rest) / 2**30:.2f} GiB above rest")
    print(f"{count} uploads, {AT_ONCE} at once, in {time.perf_counter() - started:.0f} s")
    print(f"memory: {rest / 2**30:.2f} GiB at rest, {peak / 2**30:.2f} GiB at most, with the processes that decode")
    print(f"slowest answer of the first page meanwhile: {watch.slowest:.1f} s")
    for answer, times in sorted(answers.items(), key=lambda item: -item[1]):
        print(f"{times:4} {answer}")
    return failures


class Page:
    """A served page, asked as a browser asks."""

    def __init__(self, registry: str, home: Path) -> None:
        self.home = home
        (home / "temporary").mkdir()
        command = [sys.executable, "-m", "combogan.cli.main", "serve", "--port", "0", "--device", "cpu"]
        own = {"TMPDIR": str(home / "temporary"), "HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [*command, "--registry", str(Path(registry).resolve())],
            stdout=subprocess.PIPE,
            stderr=(home / "log").open("w"),
            text=True,
            cwd=home,
            env=os.environ | own,
        )
        said = self._process.stdout.readline() if self._process.stdout else ""
        self.address = said.split(" on ")[1].split(" ")[0]
        config = json.loads(self.get("/config"))
        names = {one["id"]: one for one in config["components"]}
        (button,) = (one["id"] for one in config["components"] if one["props"].get("elem_id") == "translate")
        (self._translate,) = (one["id"] for one in config["dependencies"] if [button, "click"] in one["targets"])
        inputs = next(one["inputs"] for one in config["dependencies"] if one["id"] == self._translate)
        self._values = [names[component]["props"].get("value") for component in inputs]

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=120) as answer:
            return answer.read()

    def post(self, path: str, body: bytes, kind: str) -> bytes:
        request = urllib.request.Request(self.address + path, body, {"content-type": kind})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()

    def upload_and_translate(self, name: str, content: bytes) -> str:
        """What the page says in the end, with names and numbers left out."""
        head = f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode("utf-8", "surrogatepass") + content + b"\r\n--edge--\r\n"
        try:
            (path,) = json.loads(self.post("/gradio_api/upload", body, "multipart/form-data; boundary=edge"))
            said = self.translate(path)
        except urllib.error.HTTPError as error:
            said = f"HTTP {error.code}: {error.read().decode()}"
        except OSError as error:
            said = f"no answer ({type(error).__name__})"
        return re.sub(r"\d+", "N", re.sub(r"&#x27;.*?&#x27;|'[^']*'", "NAME", said))[:90]

    def translate(self, path: str) -> str:
        """The first sentence on the page, after asking for a translation of an uploaded file, and waiting for it."""
        session = f"{random.getrandbits(64):x}"
        picture = {"image": {"path": path, "meta": {"_type": "gradio.FileData"}}, "caption": None}
        message = {"data": [[picture], *self._values[1:]], "fn_index": self._translate, "session_hash": session}
        while True:
            try:
                self.post("/gradio_api/queue/join", json.dumps(message).encode(), "application/json")
                break
            except urllib.error.HTTPError as error:
                if error.code != 503:  # more visitors than can wait: come back
                    raise
                time.sleep(1)
        url = f"{self.address}/gradio_api/queue/data?session_hash={session}"
        with urllib.request.urlopen(url, timeout=600) as events:
            for line in events:
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if event["msg"] == "process_completed":
                        if not event["success"]:
                            return f"an error of the page: {event['output']}"
                        said = re.sub("<[^>]*>", "\n", event["output"]["data"][0]).split("\n")
                        return next(filter(None, said), "nothing")
        return "no end"

    def leave(self, content: bytes) -> None:
        """Ask for a translation of a picture as it is, and leave when its first tile is done."""
        head = '--edge\r\nContent-Disposition: form-data; name="files"; filename="long.png"\r\n\r\n'
        body = head.encode() + content + b"\r\n--edge--\r\n"
        (path,) = json.loads(self.post("/gradio_api/upload", body, "multipart/form-data; boundary=edge"))
        session = f"{random.getrandbits(64):x}"
        picture = {"image": {"path": path, "meta": {"_type": "gradio.FileData"}}, "caption": None}
        values = [*self._values[1:4], "as it is", *self._values[5:]]
        message = {"data": [[picture], *values], "fn_index": self._translate, "session_hash": session}
        with urllib.request.urlopen(f"{self.address}/gradio_api/heartbeat/{session}", timeout=600):
            self.post("/gradio_api/queue/join", json.dumps(message).encode(), "application/json")
            url = f"{self.address}/gradio_api/queue/data?session_hash={session}"
            with urllib.request.urlopen(url, timeout=600) as events:
                assert any(b" tiles" in line or b"process_completed" in line for line in events)

    def translates(self, name: str, content: bytes) -> bool:
        return "Using latent space" in self.upload_and_translate(name, content)

    def given_out(self, secret: Path) -> list[str]:
        """Files of the machine that the page gives out, however they are asked for."""
        found = []
        ways = [
            str(secret),
            "/etc/passwd",
            f"../{secret}",
            f"file://{secret}",
            "http://127.0.0.1:1/x",
            "outside/secret.png",
        ]
        for path in [*ways, f"{self.home}/temporary/../outside/secret.png", f"{secret}%00.png", str(self.home / "log")]:
            for prefix in ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/static/", "/assets/", "/svelte/"):
                with_dots = quote(path) if prefix.startswith("/g") else "..%2f" * 12 + quote(path)
                try:
                    if self.get(prefix + with_dots):
                        found.append(f"{path} as {prefix}")
                except (OSError, ValueError):
                    continue
            try:
                self.translate(path)
                found.append(f"{path} in a message")
            except urllib.error.HTTPError:
                continue
        return found

    def broken_off(self) -> None:
        """Uploads that end in the middle of a large picture."""
        for _ in range(10):
            with socket.create_connection(self._place()) as line:
                line.sendall(self._head(30 * 10**6) + b"--edge\r\n" + bytes(10**6))

    def declared(self, size: int) -> None:
        """Uploads that say that they are as large."""
        for _ in range(10):
            with socket.create_connection(self._place()) as line:
                line.sendall(self._head(size))
                assert b" 413 " in line.recv(100)

    def _place(self) -> tuple[str, int]:
        host, _, port = self.address.removeprefix("http://").rpartition(":")
        return host, int(port)

    def _head(self, size: int) -> bytes:
        host = self.address.removeprefix("http://")
        kind = "multipart/form-data; boundary=edge"
        head = f"Host: {host}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
        return f"POST /gradio_api/upload HTTP/1.1\r\n{head}".encode()

    def listing(self) -> set[str]:
        """The files around the page, without those in its own folder."""
        found = {
            str(path) for path in self.home.rglob("*") if not str(path).startswith(f"{self.home}/temporary/combogan-")
        }
        return found | {str(path) for path in Path(tempfile.gettempdir()).glob("gradio*")}

    def memory(self) -> int:
        """Resident bytes of the server and the processes below it."""
        parents, sizes = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)], sizes[int(folder.name)] = int(fields[1]), int(fields[21])
            except OSError:  # it has just ended
                continue
        own = {self._process.pid}
        for process, parent in sorted(parents.items()):
            if parent in own:
                own.add(process)
        return sum(sizes.get(process, 0) for process in own) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate()
        for _ in range(100):
            if not list((self.home / "temporary").glob("combogan-page-*")):
                return
            time.sleep(0.1)


class Watch(threading.Thread):
    """Measures memory, and how fast the first page is answered, until `end`."""

    def __init__(self, page: Page) -> None:
        super().__init__(daemon=True)
        self._page, self._over, self._peak = page, threading.Event(), 0
        self.slowest = 0.0
        self.start()

    def run(self) -> None:
        asked = 0.0
        while not self._over.wait(0.1):
            self._peak = max(self._peak, self._page.memory())
            if time.perf_counter() - asked > 5:
                asked = time.perf_counter()
                self._page.get("/")
                self.slowest = max(self.slowest, time.perf_counter() - asked)

    def end(self) -> int:
        """The largest memory that was seen."""
        self._over.set()
        self.join()
        return self._peak


def hostile() -> list[tuple[str, bytes]]:
    """Names and contents of hostile uploads."""
    good, noise = picture(), random.Random(1).randbytes(200_000)
    jpeg = io.BytesIO()
    Image.effect_noise((300, 200), 60).save(jpeg, "JPEG")
    frames = io.BytesIO()
    more = [Image.new("P", (9, 9), number) for number in range(99)]
    Image.new("P", (9, 9)).save(frames, "GIF", save_all=True, append_images=more)
    return [
        ("bomb.png", flat_png(50_000, 50_000)),
        ("header.png", flat_png(2**31 - 1, 2**31 - 1, rows=1)),
        ("frames.gif", frames.getvalue()),
        ("empty.png", b""),
        ("text.jpg", b"no picture at all"),
        ("page.png", b"<html><script>alert(1)</script>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("program.exe.png", b"MZ" + noise),
        ("archive.png", b"PK\x03\x04" + noise),
        ("noise.png", b"\x89PNG\r\n\x1a\n" + noise),
        ("noise.webp", b"RIFF\xff\xff\xff\x7fWEBPVP8X" + noise),
        ("noise.gif", b"GIF89a\xff\xff\xff\xff\xf7\0\0" + noise),
        ("noise.tif", b"II*\0\x08\0\0\0" + noise),
        ("noise.bmp", b"BM" + bytes(12) + struct.pack("<Iii", 40, 2**30, 2**30) + noise),
        ("cut.jpg", jpeg.getvalue()[:-3000]),
        ("picture.txt", good),
        ("../../../../outside/x.png", good),
        ("/etc/cron.d/x.png", good),
        ("C:\\windows\\x.png", good),
        ("..", good),
        ("a\0b.png", good),
        ("$(touch outside/x) `touch outside/y`;.png", good),
        ("x" * 5000 + ".png", good),
        ("\U0001f600\u202egnp.exe", good),
        ("%2e%2e%2fx.png", good),
        ("<img src=x onerror=alert(1)>.png", b""),
        ("limit.png", good + bytes(32 * 10**6 - len(good))),
        ("above.png", good + bytes(33 * 10**6)),
    ]


def heavy() -> list[tuple[str, bytes]]:
    """Those that take much memory or time, though their sizes are allowed."""
    tiff = io.BytesIO()
    Image.new("F", (7000, 7000)).save(tiff, "TIFF", compression="tiff_lzw")
    return [
        ("largest.png", flat_png(8000, 8000)),
        ("wide.png", flat_png(64_000_000, 1)),
        ("float.tif", tiff.getvalue()),
        ("scans.jpg", progressive(4000, 3000, 2000)),
    ]


def picture() -> bytes:
    """A picture that is none of these."""
    file = io.BytesIO()
    Image.effect_noise((200, 150), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()


def flat_png(width: int, height: int, rows: int | None = None) -> bytes:
    """A PNG of black pixels, or of the first `rows` of them: RGBA where that is possible in little time, else gray."""
    bytes_each = 4 if width * height <= 64_000_000 else 0
    compressor = zlib.compressobj(9)
    row = bytes(1 + (width * bytes_each or width // 8)) if rows is None else b""
    data = b"".join(compressor.compress(row) for _ in range(rows or min(height, 8000))) + compressor.flush()
    head = struct.pack(">IIBBBBB", width, height, 8 if bytes_each else 1, 6 if bytes_each else 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def progressive(width: int, height: int, scans: int) -> bytes:
    """A JPEG whose last scan comes many times: each time, all of its pixels are computed again."""
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    return whole[:-2] + whole[whole.rfind(b"\xff\xda") : -2] * scans + b"\xff\xd9"


if __name__ == "__main__":
    main()

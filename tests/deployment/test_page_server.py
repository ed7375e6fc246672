import asyncio
import json

import pytest

from combogan.deployment import page_server
from combogan.deployment.page_answer import Limits
from combogan.deployment.page_files import PageFiles
from combogan.deployment.page_server import FILE, JOIN, UPLOAD, Gate, bound, is_loopback, refuse_missing
from combogan.errors import ServingError

HERE = {"host": "127.0.0.1:7860"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def test_a_missing_gradio_is_one_sentence_that_names_the_extra(monkeypatch):
    monkeypatch.setattr(page_server, "find_spec", lambda name: None)
    with pytest.raises(ServingError, match=r"not installed; install it with `pip install 'combogan\[web\]'`.$"):
        refuse_missing()


def test_only_addresses_of_this_machine_are_loopback():
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.1.2", "example.org", "127.0.0.1.example.org", ""]))


def test_a_port_that_is_taken_and_a_host_that_is_not_here_are_sentences():
    with bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=f"cannot be served on 127.0.0.1:{port} .*in use"):
            bound("127.0.0.1", port)
    with pytest.raises(ServingError, match="choose another --port or --host"):
        bound("192.0.2.1", 0)


@pytest.fixture
def files():
    made = PageFiles()
    yield made
    made.close()


@pytest.fixture
def ask(files):
    """Asks a gate before an application that answers 299 to whatever passes: status, headers, content."""
    pytest.importorskip("starlette", reason="Gradio, which brings starlette, is not installed")

    async def passed(scope, receive, send):
        body = (await receive())["body"] if scope["method"] == "POST" else b""
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": body})

    gate = Gate(passed, files, Limits(file=1000), only_here=True)

    def request(method, path, body=b"", headers=HERE):
        pieces = [body[i : i + 500] for i in range(0, len(body), 500)] or [b""]
        sent = []

        async def receive():
            if not pieces:  # the visitor waits for the answer
                await asyncio.Event().wait()
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 7860),
            "scheme": "http",
        }
        asyncio.run(gate(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}, content

    return request


def form(*uploads):
    """The body of an upload of (name, content), and its headers."""
    body = b"".join(
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
        % (name.encode(), content)
        for name, content in uploads
    )
    body += b"--edge--\r\n"
    return body, HERE | {"content-type": "multipart/form-data; boundary=edge", "content-length": str(len(body))}


def test_only_what_the_page_asks_for_passes(ask):
    for path in ("/", "/config", "/assets/index.js", "/gradio_api/queue/data", "/gradio_api/heartbeat/abc"):
        status, headers, _ = ask("GET", path)
        assert status == 299
        assert "default-src 'self'" in headers["content-security-policy"]
    gone = ["/gradio_api/file/etc/passwd", "/gradio_api/proxy=https://a.hf.space/", "/gradio_api/info", "/svelte/x"]
    gone += ["/gradio_api/custom_component/x/client/component/a.js", "/gradio_api/stream/x", "/monitoring", "/login"]
    for path in [*gone, "/gradio_api/openapi.json", "/gradio_api/runs", "/docs"]:
        assert ask("GET", path)[0] == 404, path
    for path in ["/", "/gradio_api/run/predict", "/gradio_api/call/x", "/gradio_api/vibe-edit", "/login"]:
        assert ask("POST", path)[0] == 404, path
    assert ask("DELETE", "/")[0] == 404


def test_other_pages_in_the_same_browser_are_refused(ask):
    assert ask("GET", "/", headers={"host": "evil.example"})[0] == 403
    assert ask("GET", "/", headers={"host": "[::1"})[0] == 403
    assert ask("GET", "/", headers={"host": "localhost:7860"})[0] == 299
    body, headers = form(("one.png", PNG))
    assert ask("POST", UPLOAD, body, headers | {"origin": "http://evil.example"})[0] == 403
    assert ask("POST", UPLOAD, body, headers | {"origin": "null"})[0] == 403
    assert ask("POST", UPLOAD, body, headers | {"origin": "http://127.0.0.1:7860"})[0] == 200


def test_uploads_are_kept_in_the_folder_under_harmless_names(ask, files):
    body, headers = form(("../../../one.png", PNG), ("two.html", b"<script>alert(1)</script>"), ("empty.png", b""))
    status, _, content = ask("POST", UPLOAD, body, headers)
    one, two, empty = json.loads(content)
    assert status == 200
    assert all(files.holds(path) for path in (one, two, empty))
    assert one.endswith("/one.png")
    status, headers, content = ask("GET", FILE + one)
    assert (status, headers["content-type"], content) == (200, "image/png", PNG)
    status, headers, _ = ask("GET", FILE + two)
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff"


def test_uploads_are_bounded(ask, files):
    before = list(files.folder.iterdir())
    status, _, content = ask("POST", UPLOAD, *form(("large.png", bytes(1001))))
    assert (status, content) == (
        413,
        b"'large.png' is too large (0.0 MB, at most 0.001 MB are read); scale it down or remove it.",
    )
    body, headers = form(("large.png", bytes(9000)))
    assert ask("POST", UPLOAD, body, headers)[0] == 413
    del headers["content-length"]
    assert ask("POST", UPLOAD, body, headers)[0] == 413
    headers["content-length"] = "1000000000"
    assert ask("POST", UPLOAD, b"", headers)[0] == 413
    assert ask("POST", UPLOAD, *form(*[("x.png", b"x")] * 21))[0] == 400
    assert ask("POST", UPLOAD, b"no form", HERE)[0] == 400
    assert list(files.folder.iterdir()) == before


def test_no_path_of_the_server_can_be_asked_for(ask, files, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG)
    kept = files.keep("one.png")
    kept.write_bytes(PNG)

    def message(path):
        return json.dumps({"data": [[{"image": {"path": path, "meta": {"_type": "gradio.FileData"}}}]]}).encode()

    assert ask("POST", JOIN, message(str(kept))) == (299, ask("POST", JOIN, message(str(kept)))[1], message(str(kept)))
    for path in (str(secret), "/etc/passwd", f"{kept}/../../../etc/passwd", "http://127.0.0.1/x.png", "", 7, ["x"]):
        assert ask("POST", JOIN, message(path))[0] == 403, path
        assert ask("GET", f"{FILE}{path}")[0] == 404, path
    assert ask("POST", JOIN, b"no JSON")[0] == 400
    assert ask("POST", JOIN, b"[" * 100_000)[0] == 400
    assert ask("POST", JOIN, b" " * 1_000_001)[0] == 413

"""Serves the page: what may be asked for, how much may be sent, on which address.

Gradio has many routes and reads any path that it is told; so a gate stands before it. It lets pass what the page itself
asks for, takes uploads and gives out files on its own, and refuses every path that is not one of the page's files.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from importlib.util import find_spec
from ipaddress import ip_address
from shutil import copyfileobj
from typing import Any
from urllib.parse import urlsplit

from combogan.data.decoding import HEADER, kind
from combogan.deployment.page_answer import MOST, Limits
from combogan.deployment.page_files import BOUND, PageFiles, safe_name
from combogan.deployment.page_translator import PageTranslator
from combogan.errors import ServingError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/gradio_api"
UPLOAD, PROGRESS, FILE, JOIN = f"{API}/upload", f"{API}/upload_progress", f"{API}/file=", f"{API}/queue/join"
READ = {"/", "/config", "/theme.css", "/favicon.ico", f"{API}/queue/data", f"{API}/startup-events"}
READ_BELOW = ("/assets/", "/static/", f"{API}/heartbeat/")
WRITTEN = {JOIN, f"{API}/cancel", f"{API}/reset"}
"""What the page asks Gradio for: nothing else is answered."""
MESSAGE = 10**6
"""Bytes of a message that is not an upload."""
TOGETHER = 8
"""An upload of several files may be this many times as large as one."""
CONNECTIONS = 400
"""Open connections; others are told to come back."""
SAFE = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "frame-ancestors 'none'; form-action 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def refuse_missing() -> None:
    """ServingError where Gradio is not installed."""
    if find_spec("gradio") is None:
        raise ServingError(
            "the page needs Gradio, which is not installed; install it with `pip install 'combogan[web]'`."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on an address. ServingError where it cannot be used."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(found[4][:2], family=found[0])
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ServingError(
            f"the page cannot be served on {host}:{port} ({reason}); choose another --port or --host."
        ) from None


def serve(
    translator: PageTranslator, listening: socket.socket, *, only_here: bool, started: Callable[[], None]
) -> None:
    """Serve the page until the process is told to end. ServingError where Gradio is missing."""
    refuse_missing()
    files = translator.files
    tempfile.tempdir = str(files.folder)  # whatever is spooled, by whichever library, ends with the process too
    os.environ |= {
        "GRADIO_TEMP_DIR": str(files.folder),
        "GRADIO_EXAMPLES_CACHE": str(files.folder / "examples"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    import gradio as gr  # here, because it is an extra, slow to import, and reads these variables when it is
    import uvicorn
    from fastapi import FastAPI

    from combogan.deployment.page import PASTE, STYLE, build, theme

    page = build(translator)
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        path="/",
        theme=theme(),
        css=STYLE,
        head=PASTE,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=translator.limits.file,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    page.has_launched = True  # or Gradio reads any path in a message, as the gate forbids too
    config = uvicorn.Config(
        Gate(app, files, translator.limits, only_here=only_here),
        log_level="warning",
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    started()
    uvicorn.Server(config).run(sockets=[listening])


class Gate:
    """An ASGI application before Gradio's; see above."""

    def __init__(self, app: App, files: PageFiles, limits: Limits, *, only_here: bool) -> None:
        """`only_here`: for browsers of this machine, so a page of another name that leads here is refused."""
        self._app, self._files, self._limits, self._only_here = app, files, limits, only_here
        self._incoming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let pass."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # a WebSocket: refused
            return await send({"type": "websocket.close"})
        from starlette.requests import Request

        send = _safely(send)
        request = Request(scope, receive)
        answer = await self._answer(request)
        if answer is not None:
            return await answer(scope, receive, send)
        if scope["method"] == "POST":
            receive = _again(await request.body(), receive)
        await self._app(scope, receive, send)

    async def _answer(self, request: Any) -> App | None:
        """The answer to a request; None where Gradio is to give it."""
        from starlette.responses import PlainTextResponse

        path, method = request.scope["path"], request.method
        if not self._is_own(request):
            return PlainTextResponse("this address is for its own page only", 403)
        if method == "POST" and path == UPLOAD:
            return await self._upload(request)
        if method == "GET" and path == PROGRESS:
            return PlainTextResponse('data: {"msg": "done"}\n\n', media_type="text/event-stream")
        if method in ("GET", "HEAD") and path.startswith(FILE):
            return self._file(path.removeprefix(FILE))
        if method in ("GET", "HEAD") and (path in READ or path.startswith(READ_BELOW)):
            return None
        if method == "POST" and path in WRITTEN:
            return await self._refusal_of_message(request)
        return PlainTextResponse("there is nothing here", 404)

    def _is_own(self, request: Any) -> bool:
        """Whether a request comes from the page itself, and not from another page in the same browser."""
        host = request.headers.get("host", "")
        origin = request.headers.get("origin")
        try:
            if self._only_here and not is_loopback(urlsplit(f"//{host}").hostname or ""):
                return False
            return origin is None or urlsplit(origin).netloc == host
        except ValueError:  # no address at all
            return False

    async def _refusal_of_message(self, request: Any) -> App | None:
        """The refusal of a message that is too long, no JSON, or names a file that the page does not have."""
        from starlette.responses import PlainTextResponse

        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MESSAGE:
                return PlainTextResponse("the message is too long", 413)
        request._body = bytes(body)
        try:
            named = list(_paths(json.loads(body)))
        except (ValueError, RecursionError):
            return PlainTextResponse("the message is no JSON", 400)
        if not all(isinstance(path, str) and self._files.holds(path) for path in named):
            return PlainTextResponse("a picture is not here any more; drop it again", 403)
        return None

    def _file(self, path: str) -> App:
        """One of the page's files: shown where it is a picture, else only saved."""
        from starlette.responses import FileResponse, PlainTextResponse

        if not self._files.holds(path):
            return PlainTextResponse("there is nothing here", 404)
        with open(path, "rb") as file:
            found = kind(file.read(HEADER))
        media = f"image/{found.lower()}" if found else "application/octet-stream"
        shown = "inline" if found else "attachment"
        return FileResponse(path, media_type=media, filename=path.rpartition("/")[2], content_disposition_type=shown)

    async def _upload(self, request: Any) -> App:
        """Keep the uploaded files, and answer with their paths, as Gradio does."""
        from starlette.concurrency import run_in_threadpool
        from starlette.formparsers import MultiPartException, MultiPartParser
        from starlette.responses import JSONResponse, PlainTextResponse

        most = TOGETHER * self._limits.file
        large = f"the upload is too large (at most {most // 10**6} MB are taken at once); scale the pictures down."
        try:
            if int(request.headers.get("content-length", 0)) > most:
                raise _TooMuch(large)
            stream = self._bounded(request.stream(), most, large)
            form = await MultiPartParser(request.headers, stream, max_files=MOST, max_fields=1).parse()
        except (MultiPartException, KeyError, ValueError) as error:
            return PlainTextResponse(f"the upload cannot be read ({error}); try again.", 400)
        except _TooMuch as error:
            return PlainTextResponse(str(error), 413)
        try:
            uploads = [one for one in form.getlist("files") if not isinstance(one, str)]
            for one in uploads:
                if (one.size or 0) > self._limits.file:
                    found = f"{(one.size or 0) / 1e6:.1f} MB, at most {self._limits.file / 1e6:g} MB are read"
                    name = safe_name(one.filename or "")
                    return PlainTextResponse(f"'{name}' is too large ({found}); scale it down or remove it.", 413)
            return JSONResponse([await run_in_threadpool(self._kept, one) for one in uploads])
        finally:
            await form.close()

    async def _bounded(self, stream: Any, most: int, large: str) -> Any:
        """The chunks of an upload. Raises _TooMuch, also where all that come in at this time are too many."""
        seen = 0
        try:
            async for chunk in stream:
                seen += len(chunk)
                self._incoming += len(chunk)
                if seen > most:
                    raise _TooMuch(large)
                if self._incoming > BOUND:
                    raise _TooMuch("too many pictures are coming in at this time; try again in a minute.")
                yield chunk
        finally:
            self._incoming -= seen

    def _kept(self, upload: Any) -> str:
        path = self._files.new(upload.filename or "", upload.size or 0)
        with path.open("wb") as file:
            copyfileobj(upload.file, file)
        return str(path)


class _TooMuch(Exception):
    """More was sent than is taken; the message says so."""


def _paths(message: Any) -> Iterator[Any]:
    """Whatever a message names as a file, at any depth."""
    if isinstance(message, dict):
        yield from (value for key, value in message.items() if key == "path" and value is not None)
        message = list(message.values())
    if isinstance(message, list):
        for one in message:
            yield from _paths(one)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receives a body that was read already, then what follows it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def first() -> MutableMapping[str, Any]:
        return left.pop() if left else await receive()

    return first


def _safely(send: Send) -> Send:
    """Sends with the headers that keep a browser from asking others and from guessing types."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in SAFE.items()]
            message["headers"] = [*message.get("headers", []), *own]
        await send(message)

    return sent

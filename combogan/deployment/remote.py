"""A folder anywhere that fsspec opens: on this computer, or behind http(s)://, s3://, hf://, ssh://."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from combogan.errors import ComboganError, TransferError

CHUNK = 1 << 20
"""Bytes that are read at a time."""
BY_HTTP = {"http", "https"}
WITH_FOLDERS = {"file", "local", "sftp", "ssh", "ftp", "smb"}
"""Protocols in which a folder must be made before a file in it."""


class Remote:
    """A folder by its address: a path, or a URL. Raises TransferError where it cannot be opened."""

    def __init__(self, address: str) -> None:
        self.name = shown(address)
        """The address in messages."""
        protocol = _protocol(address)
        self._makes_folders = protocol in WITH_FOLDERS
        # Without a size fsspec asks for it first, and takes a server that cannot be reached for a missing file.
        self._reading = {"size": 1} if protocol in BY_HTTP else {}
        with self._explained("opened"):
            from fsspec.core import url_to_fs

            self._system, path = url_to_fs(address, **_options(protocol))
            self._system.invalidate_cache()  # fsspec keeps what it has listed
        self._path = path.rstrip("/")

    def read(self, name: str) -> Iterator[bytes]:
        """The file in chunks. FileNotFoundError where there is none; TransferError where the transfer breaks."""
        with self._explained("read"), self._system.open(f"{self._path}/{name}", "rb", **self._reading) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none, or the size is not known."""
        with self._explained("read"):
            try:
                found = self._system.info(f"{self._path}/{name}")["size"]
            except FileNotFoundError:
                return None
        return found if isinstance(found, int) else None

    def write(self, name: str, source: Path) -> Iterator[int]:
        """Copy a file there, which appears when it is whole; yields the number of bytes that were written so far."""
        path, done = f"{self._path}/{name}", 0
        folder, _, last = path.rpartition("/")
        partial = f"{folder}/.{last}.partial" if self._makes_folders else path  # objects appear when they are whole
        with self._explained("written to"):
            if self._makes_folders:
                self._system.makedirs(folder, exist_ok=True)
            with source.open("rb") as file, self._system.open(partial, "wb") as out:
                while chunk := file.read(CHUNK):
                    out.write(chunk)
                    done += len(chunk)
                    yield done
            if partial != path:
                self._system.mv(partial, path)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what a file system raises into a TransferError; each has exceptions of its own.

        A file that is missing where it is read stays a FileNotFoundError.
        """
        try:
            yield
        except ComboganError:
            raise
        except ImportError as error:
            raise TransferError(
                f"{self.name} needs a package that is not installed ({str(error).rstrip('.')}); pip install "
                f'"combogan[hub]" has those for http, s3, hf and ssh.'
            ) from None
        except NotImplementedError:
            raise TransferError(
                f"{self.name} cannot be {what}, because its kind of address cannot; give a folder, s3://, hf:// or "
                f"ssh://."
            ) from None
        except Exception as error:
            if isinstance(error, FileNotFoundError) and what == "read":
                raise
            reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            raise TransferError(
                f"{self.name} cannot be {what} ({reason}); check the address, the network and your credentials, then "
                f"run the same command again."
            ) from error


def is_url(text: str) -> bool:
    """Whether an address is a URL, and not a path."""
    return re.match(r"[a-z][a-z0-9+.-]*(://|::)", text) is not None


def shown(address: str) -> str:
    """An address as it is shown and written down: without a password; of a path, the whole path."""
    if not is_url(address):
        return str(Path(address).expanduser().absolute())
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1@", address)


def _protocol(address: str) -> str:
    return re.split(r"://|::", address)[0] if is_url(address) else "file"


def _options(protocol: str) -> dict[str, Any]:
    """Options of fsspec: by http, files in one stream, as not all servers send ranges, without a limit of time."""
    if protocol not in BY_HTTP:
        return {}
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, sock_connect=30, sock_read=60)
    return {"block_size": 0, "client_kwargs": {"trust_env": True, "timeout": timeout}}

"""A vendor's server on this machine: archives with small scripts as programs, and every way in which it may fail."""

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

from lab.engines.native.install.vendors import VENDORS, Address, Platform


def script(name: str, version: str) -> bytes:
    """A program that knows its version and nothing else; large enough to be cut in pieces, and hard to compress."""
    ballast = "".join(hashlib.sha256(f"{name}{number}".encode()).hexdigest() for number in range(1500))
    return f'#!/bin/sh\necho "{name}, version {version} (branch: none)"\nexit 0\n{ballast}\n'.encode()


def tar(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz; names that end in a slash are folders."""
    buffer = io.BytesIO()
    # Without the time of day: the same files give the same archive.
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            entry.size = len(content)
            entry.mode = 0o755
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def archive_of(name: str, version: str, place: Platform) -> bytes:
    """An archive laid out as the vendor's."""
    members = VENDORS[name].members(place)
    files = {inside: script(PurePosixPath(outside).name, version) for inside, outside in members.items()}
    if name == "loki":
        return zipped(files)
    top = {"prometheus": "prometheus-x/", "alertmanager": "alertmanager-x/", "grafana": "grafana-v9/"}.get(name, "")
    more = {"LICENSE": b"free", "README.md": b"read"}
    if name == "grafana":
        more |= {
            "conf/defaults.ini": b"[paths]",
            "public/views/index.html": b"<html>",
            "bin/grafana-cli": b"#!/bin/sh\n",
        }
    return tar({f"{top}{inside}": content for inside, content in (files | more).items()})


def line(content: bytes, file: str) -> bytes:
    """A line of a checksum file."""
    return f"{hashlib.sha256(content).hexdigest()}  {file}\n".encode()


@dataclass
class Reply:
    """How one path is answered.

    Attributes:
        content: what is there.
        status: other than 200: sent with no content of use.
        failures: so many requests are answered with 503 first.
        location: redirect there.
        cut: so many requests end after a third of what they asked for.
        hangs: so many requests stop after a third, and the connection stays open.
        ranges: whether parts can be asked for.
        tag: its ETag; empty: none.
    """

    content: bytes = b""
    status: int = 200
    failures: int = 0
    location: str = ""
    cut: int = 0
    hangs: int = 0
    ranges: bool = True
    tag: str = '"one"'


@dataclass
class Request:
    """What was asked for: path, headers in lower case, and how much was sent."""

    path: str
    headers: Mapping[str, str]
    sent: int = 0


@dataclass
class ArchiveServer:
    """A running server: set `replies` by path, look at `requests`."""

    address: str
    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def mirror(self) -> str:
        """For PROGRAM_MIRROR."""
        return f"{self.address}/mirror"

    def path(self, url: str) -> str:
        """Path of a vendor's URL below the mirror."""
        return "/mirror/" + url.removeprefix("https://")

    def offer(self, address: Address, content: bytes) -> Reply:
        """Serve an archive with its right checksum; returns its reply, to be made worse."""
        sums = line(content, address.file)
        if not address.sidecar:
            sums = line(b"something else", "other.tar.gz") + sums
        self.replies[self.path(address.checksums)] = Reply(sums)
        self.replies[self.path(address.archive)] = Reply(content)
        return self.replies[self.path(address.archive)]

    def asked(self, ending: str) -> list[Request]:
        """Requests for paths that end so."""
        return [request for request in self.requests if request.path.endswith(ending)]


@contextmanager
def serving() -> Iterator[ArchiveServer]:
    """An archive server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(server, self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = ArchiveServer(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()


def _answer(server: ArchiveServer, handler: BaseHTTPRequestHandler) -> None:
    headers = {key.lower(): value for key, value in handler.headers.items()}
    request = Request(handler.path, headers)
    server.requests.append(request)
    reply = server.replies.get(handler.path, Reply(status=404))
    if reply.failures:
        reply.failures -= 1
        return _status(handler, 503)
    if reply.location:
        return _status(handler, 302, reply.location)
    if reply.status != 200:
        return _status(handler, reply.status)
    start = _start(reply, headers)
    if start > len(reply.content) - 1 and start:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(reply.content)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return None
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(reply.content) - 1}/{len(reply.content)}")
    if reply.tag:
        handler.send_header("ETag", reply.tag)
    handler.send_header("Content-Length", str(len(reply.content) - start))
    handler.end_headers()
    rest = reply.content[start:]
    if reply.cut or reply.hangs:
        rest = rest[: max(len(rest) // 3, 1)]
        handler.close_connection = True
    handler.wfile.write(rest)
    request.sent = len(rest)
    if reply.cut:
        reply.cut -= 1
    elif reply.hangs:
        reply.hangs -= 1
        server.released.wait(30)
    return None


def _start(reply: Reply, headers: Mapping[str, str]) -> int:
    wanted = headers.get("range", "")
    if not wanted or not reply.ranges or headers.get("if-range", reply.tag) != reply.tag:
        return 0
    return int(wanted.removeprefix("bytes=").rstrip("-"))


def _status(handler: BaseHTTPRequestHandler, status: int, location: str = "") -> None:
    handler.send_response(status)
    if location:
        handler.send_header("Location", location)
    handler.send_header("Content-Length", "0")
    handler.end_headers()

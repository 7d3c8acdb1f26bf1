"""A small real HTTP server whose answers a test writes down."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any] | Callable[[dict[str, Any]], tuple[int, Any]]


class StubServer:
    """Answers by method and path; an answer may be a function of the request. Remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Any, status: int = 200) -> None:
        self.answers[method, path] = (status, body)

    def react(self, method: str, path: str, reaction: Callable[[dict[str, Any]], tuple[int, Any]]) -> None:
        self.answers[method, path] = reaction

    def asked_for(self, method: str, path: str) -> list[dict[str, Any]]:
        return [one for one in self.asked if (one["method"], one["path"]) == (method, path)]

    def reply(self, request: dict[str, Any]) -> tuple[int, Any]:
        answer = self.answers.get((request["method"], request["path"]), (404, {"detail": "no such thing"}))
        return answer(request) if callable(answer) else answer


@contextmanager
def serving() -> Iterator[StubServer]:
    """Serve a stand-in on a free port."""
    stub_server = StubServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: two of them wait 40 ms for each other (Nagle's algorithm and delayed ACKs).
        wbufsize = -1

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            request = {
                "method": self.command,
                "path": parts.path,
                "params": {key: values[0] for key, values in parse_qs(parts.query).items()},
                "headers": dict(self.headers),
                "body": self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(),
            }
            stub_server.asked.append(request)
            status, body = stub_server.reply(request)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_any)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stub_server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield stub_server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()

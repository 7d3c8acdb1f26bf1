"""A model server that sends the answers of a test: OpenAI chat completions over real HTTP."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@dataclass
class Answer:
    """One answer of the stub: a status and a body; `wait` is set by the test to let a hanging one go.

    A `cut` one ends in its middle, and the connection with it.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait: threading.Event | None = None
    cut: bool = False


@dataclass
class OpenAiStub:
    """Answers in the order in which the test queued; with an empty queue it says `Hello.`."""

    url: str = ""
    queue: deque[Answer] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    # Instead of the queue: the answer follows from the request.
    brain: Callable[[dict[str, Any]], Answer] | None = None

    def say(self, text: str) -> None:
        self.queue.append(said(text))

    def call(self, tool: str, **arguments: Any) -> None:
        self.queue.append(called((tool, arguments)))

    def fail(self, status: int, times: int = 1, **headers: str) -> None:
        for _ in range(times):
            self.queue.append(Answer(status, b'{"error": {"message": "no"}}', headers))

    def raw(self, body: bytes) -> None:
        self.queue.append(Answer(200, body))

    def cut(self, times: int = 1) -> None:
        for _ in range(times):
            self.queue.append(Answer(200, said("Half of this is sent.").body, cut=True))

    def hang(self) -> threading.Event:
        event = threading.Event()
        self.queue.append(Answer(200, said("late").body, wait=event))
        return event

    def answer(self, request: dict[str, Any], headers: dict[str, str]) -> Answer:
        self.requests.append(request)
        self.headers.append(headers)
        if self.brain is not None:
            return self.brain(request)
        return self.queue.popleft() if self.queue else said("Hello.")

    @property
    def last_tool_result(self) -> dict[str, Any]:
        """What the assistant's tool answered, as the model saw it last."""
        message = next(m for m in reversed(self.requests[-1]["messages"]) if m["role"] == "tool")
        result: dict[str, Any] = json.loads(message["content"])
        return result


def said(text: str) -> Answer:
    return _completion({"role": "assistant", "content": text}, "stop")


def called(*calls: tuple[str, dict[str, Any] | str]) -> Answer:
    """Tool calls; arguments as a text are sent as they are."""
    made = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(calls)
    ]
    return _completion({"role": "assistant", "content": None, "tool_calls": made}, "tool_calls")


def _completion(message: dict[str, Any], finish: str) -> Answer:
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": USAGE,
    }
    return Answer(200, json.dumps(document).encode())


@contextmanager
def running_stub() -> Iterator[OpenAiStub]:
    """A stub on a free port."""
    stub = OpenAiStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = stub.answer(json.loads(body), dict(self.headers))
            if answer.wait is not None:
                answer.wait.wait(30)
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
                self.close_connection = answer.cut
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()

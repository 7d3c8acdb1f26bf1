"""Our services under gunicorn: spans that reach a Collector, Collectors that are away, bad bytes, and the end."""

import json
import re
import signal
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, until

# A stop may take 5 s (graceful_timeout); the rest is the machine's.
STOP_SECONDS = 7

ATTRIBUTES = "service.namespace=lab,service.version=1.2.3,deployment.environment.name=test"


class Sink:
    """A Collector that keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def spans(self) -> list:
        return [
            span
            for request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class BlackHole:
    """A Collector that takes connections and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers = []

    def make(**environment: str) -> Server:
        (port,) = free_ports(1)
        server = Server(
            "shop",
            f"http://127.0.0.1:{port}",
            "/ready",
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                "services/web/gunicorn.py",
                "tests.support.servers.sample_service:app",
            ],
            tmp_path,
            **{
                "LISTEN": f"127.0.0.1:{port}",
                "OTEL_SERVICE_NAME": "shop",
                "OTEL_RESOURCE_ATTRIBUTES": ATTRIBUTES,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
                "LOG_DIR": str(tmp_path / "logs"),
                "LOG_STDOUT": "false",
                **environment,
            },
        )
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def sink() -> Iterator[Sink]:
    server_sink = Sink()
    yield server_sink
    server_sink.close()


def stop_seconds(server: Server) -> float:
    """How long the stop took; it must have ended by itself and without complaint."""
    process = server._process
    assert process is not None
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_SECONDS) == 0
    return time.monotonic() - started


def lines(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "logs" / "shop.log").read_text().splitlines()]


def test_spans_arrive_with_their_tree_and_the_process_s_attributes(start, sink):
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    answer = httpx.post(f"{server.url}/wait", json={})
    trace_id = bytes.fromhex(answer.headers["X-Trace-Id"])
    until("three spans arrived", lambda: len(sink.spans()) >= 3, 5)
    spans = {span.name: span for span in sink.spans()}
    assert spans.keys() == {"POST /wait", "outer", "inner"}
    assert {span.trace_id for span in spans.values()} == {trace_id}
    assert spans["inner"].parent_span_id == spans["outer"].span_id
    assert spans["outer"].parent_span_id == spans["POST /wait"].span_id
    attributes = {item.key: item.value for item in sink.requests[0].resource_spans[0].resource.attributes}
    assert attributes["service.name"].string_value == "shop"
    assert attributes["service.namespace"].string_value == "lab"
    assert attributes["service.version"].string_value == "1.2.3"
    assert attributes["deployment.environment.name"].string_value == "test"
    assert attributes["service.instance.id"].string_value
    assert attributes["process.pid"].int_value > 1
    assert attributes["process.runtime.name"].string_value == "cpython"


def seconds_of(span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def test_the_span_of_a_stream_lasts_until_its_end_or_until_the_client_disconnects(start, sink):
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    with httpx.Client(base_url=server.url) as client:
        begun = time.monotonic()
        whole = client.post("/stream", json={"seconds": 0.1})
        seconds = time.monotonic() - begun
        assert len(whole.text) == 160_000
        until("the span arrived", lambda: len(sink.spans()) == 1, 5)
        assert 0.8 <= seconds_of(sink.spans()[0]) <= seconds
        with client.stream("POST", "/stream", json={"seconds": 0.5}) as response:
            next(response.iter_bytes())
        until("the span arrived", lambda: len(sink.spans()) == 2, 5)
        assert 0.4 < seconds_of(sink.spans()[1]) < 3.5
        # The thread is free for another trace.
        ids = {client.post("/wait", json={}).headers["X-Trace-Id"] for _ in range(40)}
        assert len(ids) == 40
        assert ids.isdisjoint({whole.headers["X-Trace-Id"], response.headers["X-Trace-Id"]})
    assert "http_server_active_requests 0.0" in httpx.get(f"{server.url}/metrics").text
    stop_seconds(server)
    assert all(not span.parent_span_id for span in sink.spans() if span.name.startswith("POST"))


def test_the_sampler_of_the_environment_decides(start, sink):
    server = start(
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    for _ in range(20):
        assert httpx.post(f"{server.url}/wait", json={}).headers["X-Trace-Id"]
    stop_seconds(server)
    assert sink.spans() == []


def test_buffered_spans_are_sent_at_shutdown(start, sink):
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_BSP_SCHEDULE_DELAY="60000")
    httpx.post(f"{server.url}/wait", json={})
    assert sink.spans() == []
    stop_seconds(server)
    assert len(sink.spans()) == 3


@pytest.mark.parametrize("gone", ["refused", "silent"])
def test_an_unreachable_collector_delays_neither_requests_nor_shutdown(start, gone, tmp_path):
    hole = BlackHole()
    if gone == "refused":
        hole.close()
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=hole.url)
    try:
        with httpx.Client(base_url=server.url) as client:

            def timed(_: int) -> float:
                begun = time.monotonic()
                assert client.post("/wait", json={}).status_code == 200
                return time.monotonic() - begun

            # More spans than the queue holds (2,048), for longer than one try of the exporter takes.
            until_full = time.monotonic() + 4
            times = []
            with ThreadPoolExecutor(4) as pool:
                while time.monotonic() < until_full or len(times) < 1000:
                    times += pool.map(timed, range(200))
        assert statistics.quantiles(times, n=20)[-1] < 0.25
        assert stop_seconds(server) < STOP_SECONDS - 2
        complaints = [line for line in lines(tmp_path) if line["event"] == "library"]
        assert 1 <= len(complaints) <= 2
        assert len([line for line in lines(tmp_path) if line["kind"] == "access"]) == len(times)
    finally:
        hole.close()


def test_an_open_request_is_answered_before_shutdown(start):
    server = start()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"{server.url}/wait", json={"seconds": 1.5}, timeout=10)
        active = "http_server_active_requests 1.0"
        until("the request is active", lambda: active in httpx.get(f"{server.url}/metrics").text, 5)
        stop_seconds(server)
        assert waiting.result().json()["waited"] == 1.5


def server_errors(tmp_path: Path) -> list[dict]:
    """gunicorn's own lines; each is whole, and what Loki's index needs is in it."""
    if not (tmp_path / "logs" / "shop.log").exists():
        return []
    found = [line for line in lines(tmp_path) if line["event"] == "server.failed"]
    for line in found:
        assert (line["kind"], line["level"], line["service"]) == ("error", "error", "shop")
        assert line["logger"] == "gunicorn.error"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
    return found


def worker_of(server: Server) -> psutil.Process | None:
    assert server._process is not None
    return next(iter(psutil.Process(server._process.pid).children()), None)


def replaced(server: Server, worker: psutil.Process) -> bool:
    return worker_of(server) not in {None, worker} and server._is_ready()


def test_a_worker_that_hangs_is_a_line_of_kind_error(start, tmp_path):
    server = start(GUNICORN_CMD_ARGS="--timeout 2")
    worker = worker_of(server)
    worker.suspend()
    until("a new worker answers", lambda: replaced(server, worker), 20)
    assert [line["message"] for line in server_errors(tmp_path)] == [
        f"WORKER TIMEOUT (pid:{worker.pid})",
        f"Worker (pid:{worker.pid}) was sent SIGKILL! Perhaps out of memory?",
    ]


def test_a_worker_that_is_killed_is_a_line_of_kind_error(start, tmp_path):
    server = start()
    worker = worker_of(server)
    worker.kill()
    until("a new worker answers", lambda: replaced(server, worker), 20)
    assert [line["message"] for line in server_errors(tmp_path)] == [
        f"Worker (pid:{worker.pid}) was sent SIGKILL! Perhaps out of memory?"
    ]


def test_a_worker_that_cannot_start_is_a_line_with_its_stack(start, tmp_path):
    with pytest.raises(AssertionError, match="has stopped"):
        start(LOG_LEVEL="loud")
    first, *others = server_errors(tmp_path)
    assert first["message"] == "Exception in worker process"
    assert first["error_type"] == "ValidationError"
    assert first["stack"].startswith("Traceback (most recent call last):")
    assert "sample_service.py" in first["stack"]
    assert "Reason: Worker failed to boot." in [line["message"] for line in others]


def test_a_port_that_is_taken_is_a_line_of_kind_error(start, tmp_path):
    taken = start()
    with pytest.raises(AssertionError, match="has stopped"):
        start(LISTEN=taken.url.removeprefix("http://"))
    assert any("in use" in line["message"] for line in server_errors(tmp_path))


def test_a_service_that_starts_and_stops_writes_no_error(start, tmp_path):
    stop_seconds(start())
    assert server_errors(tmp_path) == []


def test_errors_of_the_server_survive_a_rotation_by_the_worker(start, tmp_path):
    server = start(LOG_MAX_BYTES="1000", LOG_BACKUPS="3")
    for _ in range(20):
        httpx.post(f"{server.url}/wait", json={})
    worker_of(server).kill()
    until("the line is in the newest file", lambda: server_errors(tmp_path), 10)
    assert all(line["event"] for line in lines(tmp_path))


def test_an_idle_connection_does_not_delay_shutdown(start):
    server = start()
    with httpx.Client(base_url=server.url) as client:
        assert client.post("/wait", json={}).json()["frozen"] > 1000
        assert stop_seconds(server) < STOP_SECONDS


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"seconds": "\xff"}', 400), (b'{"seconds": 0}' + b" " * 2**20, 413), (b"\0" * 1000, 400), (b"[" * 60_000, 400)],
    ids=["broken", "large", "zeros", "deep"],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_bad_bytes_are_the_client_s_fault(start_once, body, status, chunked):
    content = iter([body[:10], body[10:]]) if chunked else body
    answer = httpx.post(f"{start_once.url}/wait", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["trace_id"] == answer.headers["X-Trace-Id"]
    assert httpx.post(f"{start_once.url}/wait", json={}).status_code == 200


@pytest.fixture(scope="module")
def start_once(tmp_path_factory) -> Iterator[Server]:
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("shop")
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "services/web/gunicorn.py",
        "tests.support.servers.sample_service:app",
    ]
    server = Server("shop", f"http://127.0.0.1:{port}", "/ready", command, folder, LISTEN=f"127.0.0.1:{port}")
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in (folder / "shop.log").read_text()

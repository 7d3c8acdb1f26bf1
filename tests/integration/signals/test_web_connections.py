"""Our services under gunicorn: no request is lost because the body of the one before was not read."""

import gzip
import json
import socket
import sys
from collections.abc import Iterator
from http.client import HTTPResponse

import httpx
import pytest

from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, pager

SECONDS = 10
MIB = 2**20
# A path of each service that takes a body, and headers that get a request so far that its body is looked at.
WEBHOOK, CHAT, COMPLETIONS = "/webhook/alertmanager", "/chat", "/v1/chat/completions"
ROUTES = {"pager": WEBHOOK, "assistant": CHAT, "model": COMPLETIONS}
KEY = {"Authorization": "Bearer any", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """All of our services, each by its name."""
    folder = tmp_path_factory.mktemp("services")
    ports = dict(zip(ROUTES, free_ports(len(ROUTES)), strict=True))
    servers = {"pager": pager(ports["pager"], folder)}
    for name in ("assistant", "model"):
        servers[name] = Server(
            name,
            f"http://127.0.0.1:{ports[name]}",
            "/ready",
            [sys.executable, "-m", "gunicorn", "--config", "services/web/gunicorn.py", f"services.{name}.main:app"],
            folder,
            LISTEN=f"127.0.0.1:{ports[name]}",
            OTEL_SERVICE_NAME=name,
            DATABASE_URL=f"sqlite:///{folder / 'assistant.db'}",
            DATA_DIR=str(folder),
        )
    try:
        for server in servers.values():
            server.start()
        yield servers
    finally:
        for server in servers.values():
            server.stop()
    for name in servers:
        assert "Traceback" not in (folder / f"{name}.log").read_text()


class Connection:
    """One connection to a service, on which requests follow each other."""

    def __init__(self, server: Server) -> None:
        url = httpx.URL(server.url)
        self._socket = socket.create_connection((url.host, url.port or 80), SECONDS)
        self.host = url.netloc.decode()

    def exchange(self, method: str, path: str, body: bytes = b"", **headers: str) -> HTTPResponse:
        """Send one request and read its response; `Host` and the length are added."""
        lines = {"Host": self.host, "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        response = HTTPResponse(self._socket, method=method)
        response.begin()
        self.body = response.read()
        return response

    def close(self) -> None:
        self._socket.close()


def is_closed_or_usable(connection: Connection, response: HTTPResponse) -> bool:
    """Whether the client knows that the connection ends, or a further request on it is answered."""
    if response.getheader("Connection") == "close":
        return True
    return connection.exchange("GET", "/health").status == 200


REFUSED = {
    "too large": ("POST", b" " * MIB + b" ", KEY, 413),
    "not JSON": ("POST", b"x" * 100_000, {**KEY, "Content-Type": "text/plain"}, None),
    "encoded": ("POST", gzip.compress(b"{}") * 5_000, {**KEY, "Content-Encoding": "gzip"}, 415),
    "of another method": ("PUT", b"x" * 60_000, KEY, 405),
    "for another host": ("POST", b"x" * 100_000, {**KEY, "Host": "evil.example"}, 400),
    "broken JSON": ("POST", b"{" + b" " * 10_000, KEY, 400),
    "a GET with a body": ("GET", b"x" * 100_000, KEY, None),
}


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("kind", REFUSED)
def test_after_a_refused_body_the_next_request_is_answered(services: dict[str, Server], name: str, kind: str) -> None:
    method, body, headers, status = REFUSED[kind]
    connection = Connection(services[name])
    try:
        response = connection.exchange(method, ROUTES[name], body, **headers)
        assert 400 <= response.status < 500, connection.body
        assert status in (None, response.status)
        assert is_closed_or_usable(connection, response)
    finally:
        connection.close()


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/admin/faults", None), ("/problems/x", 405)])
def test_the_same_for_a_path_that_takes_no_body(
    services: dict[str, Server], name: str, path: str, status: int | None
) -> None:
    connection = Connection(services[name])
    try:
        response = connection.exchange("POST", path, b"x" * 60_000, **{"Content-Type": "application/json"})
        assert status in (None, response.status)
        assert response.getheader("Connection") == "close"
    finally:
        connection.close()


@pytest.mark.parametrize("name", ROUTES)
def test_a_client_that_keeps_its_connections_loses_no_request(services: dict[str, Server], name: str) -> None:
    with httpx.Client(base_url=services[name].url, timeout=SECONDS) as client:
        for size in (10, 70_000, 300_000, 2 * MIB):
            for path in (ROUTES[name], "/nothing"):
                assert client.post(path, content=b"x" * size, headers=KEY).status_code in (400, 404, 413)
                assert client.get("/health").status_code == 200


@pytest.mark.parametrize("name", ROUTES)
def test_a_body_that_is_read_keeps_the_connection(services: dict[str, Server], name: str) -> None:
    connection = Connection(services[name])
    try:
        for _ in range(3):
            response = connection.exchange("POST", ROUTES[name], b"{}", **KEY)
            assert (response.status in (400, 422), response.getheader("Connection")) == (True, "keep-alive")
    finally:
        connection.close()


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n"])
def test_broken_chunks_are_the_client_s_fault(services: dict[str, Server], name: str, chunks: bytes) -> None:
    connection = Connection(services[name])
    try:
        headers = {**KEY, "Content-Length": "", "Transfer-Encoding": "chunked"}
        response = connection.exchange("POST", ROUTES[name], chunks, **headers)
        assert response.status == 400, connection.body
        assert response.getheader("Connection") == "close"
    finally:
        connection.close()


@pytest.mark.parametrize("name", ROUTES)
def test_health_checks_name_the_address_that_they_call(services: dict[str, Server], name: str) -> None:
    for host in ("127.0.0.1", "localhost:1", name, f"{name}:5001", "[::1]"):
        connection = Connection(services[name])
        try:
            assert connection.exchange("GET", "/ready", Host=host).status == 200
            assert connection.exchange("GET", "/metrics", Host="evil.example").status == 400
            assert "TRUSTED_HOSTS" in json.loads(connection.body)["detail"]
        finally:
            connection.close()


@pytest.mark.parametrize("name", ROUTES)
def test_the_type_of_a_problem_is_a_page_of_the_service(services: dict[str, Server], name: str) -> None:
    with httpx.Client(base_url=services[name].url, timeout=SECONDS) as client:
        kind = client.get("/nothing").json()["type"]
        page = client.get(kind)
        assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")

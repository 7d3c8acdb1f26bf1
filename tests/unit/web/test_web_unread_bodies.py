"""Bodies that a service does not read: encoded ones, and those of requests that it refuses."""

import gzip
import io

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from services.web.bodies import MAX_BODY

BODY = b'{"name": "a"}'
JSON = {"Content-Type": "application/json"}
DETAIL = "The body has a Content-Encoding. Send it as it is (identity), without this header."


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "nothing"])
@pytest.mark.parametrize("path", ["/items", "/nothing", "/openapi.json"])
def test_an_encoded_body_is_refused(service, encoding, path):
    response = service.client.post(path, data=gzip.compress(BODY), headers={**JSON, "Content-Encoding": encoding})
    assert response.status_code == 415
    assert (response.json["type"], response.json["detail"]) == ("/problems/unsupported-content-encoding", DETAIL)
    assert response.headers["Accept-Encoding"] == "identity"
    assert service.calls == []


@pytest.mark.parametrize("encoding", ["identity", "Identity", "", " identity , identity "])
def test_a_body_as_it_is_is_taken(service, encoding):
    response = service.client.post("/items", data=BODY, headers={**JSON, "Content-Encoding": encoding})
    assert response.status_code == 201


def test_without_a_body_there_is_nothing_encoded(service):
    assert service.client.get("/items", headers={"Content-Encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "data", "headers", "status"),
    [
        ("POST", "/items", b" " * (MAX_BODY + 1), JSON, 413),
        ("POST", "/items", BODY, {"Content-Type": "text/plain"}, 415),
        ("POST", "/items", BODY, {**JSON, "Content-Encoding": "gzip"}, 415),
        ("POST", "/items", BODY, {**JSON, "Host": "evil.example"}, 400),
        ("POST", "/admin/faults", BODY, JSON, 401),
        ("POST", "/nothing", BODY, JSON, 404),
        ("PATCH", "/items", BODY, JSON, 405),
        ("GET", "/items", BODY, JSON, 200),
        ("GET", "/metrics", BODY, JSON, 200),
        ("DELETE", "/admin/faults", BODY, {"Authorization": "Bearer an-admin-token"}, 204),
    ],
)
def test_an_unread_body_closes_the_connection(service, method, path, data, headers, status):  # noqa: PLR0917
    response = service.client.open(path, method=method, data=data, headers=headers)
    assert response.status_code == status
    assert response.headers.get("Connection") == "close"


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("POST", "/items", BODY, 201),
        ("POST", "/items", b"{", 400),
        ("POST", "/items", b"{}", 422),
        ("POST", "/items", b'{"name": "crash"}', 500),
        ("GET", "/items", None, 200),
        ("GET", "/nothing", None, 404),
        ("POST", "/items", b"", 400),
    ],
)
def test_without_an_unread_body_it_stays_open(service, method, path, data, status):
    response = service.client.open(path, method=method, data=data, headers=JSON)
    assert response.status_code == status
    assert "Connection" not in response.headers


@pytest.mark.parametrize(
    ("path", "body", "is_closed"),
    [("/items", BODY, False), ("/items", b" " * 2**20, True), ("/items", b"{", False), ("/nothing", BODY, True)],
)
def test_the_same_for_a_chunked_body(service, path, body, is_closed):
    # As gunicorn passes a chunked body.
    environ = create_environ(path, method="POST", headers={**JSON, "Transfer-Encoding": "chunked"})
    environ |= {"wsgi.input_terminated": True, "wsgi.input": io.BytesIO(body)}
    _, _, headers = run_wsgi_app(service.app, environ)
    assert (headers.get("Connection") == "close") is is_closed

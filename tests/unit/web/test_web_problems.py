"""Problem documents: 4xx with advice for bad input, 5xx without details of the failure."""

import io
import json
import re

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from services.telemetry import names
from services.web.bodies import MAX_BODY
from services.web.problems import slug

JSON = {"Content-Type": "application/json"}


def assert_problem(response, status, type_=None):
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    document = json.loads(response.data)
    assert document["status"] == status
    assert {"type", "title", "detail", "instance", "trace_id"} <= document.keys()
    assert document["trace_id"] == response.headers["X-Trace-Id"]
    assert re.fullmatch("[0-9a-f]{32}", document["trace_id"])
    if type_:
        assert document["type"] == f"/problems/{type_}"
    return document


BAD_BODIES = [
    (b"", 400, "empty-body"),
    (b"  \n", 400, "empty-body"),
    (b"{", 400, "broken-json"),
    (b"{'a': 1}", 400, "broken-json"),
    (b'{"name": NaN}', 400, "broken-json"),
    (b'{"count": ' + b"9" * 5000 + b"}", 400, "broken-json"),
    (b'{"name": ' + b"[" * 30_000, 400, "broken-json"),
    (b'{"n": ' * 900 + b'"\\u0041"' + b"}" * 900, 400, "broken-json"),
    (b'{"name": "\xff"}', 400, "broken-encoding"),
    (b"\xff\xfe{\x00}\x00", 400, "broken-encoding"),
    (b'{"name": "\\ud800"}', 400, "broken-encoding"),
    (b'{"name": "a\\u0000b"}', 400, "broken-encoding"),
    (b'{"\\u0000": 1}', 400, "broken-encoding"),
    (b"[]", 422, "invalid-request"),
    (b"null", 422, "invalid-request"),
    (b'"{\\"name\\": \\"a\\"}"', 422, "invalid-request"),
    (b"{}", 422, "invalid-request"),
    (b'{"name": 1}', 422, "invalid-request"),
    (b'{"name": null}', 422, "invalid-request"),
    (b'{"name": "a", "unknown": 1}', 422, "invalid-request"),
    (b'{"name": "a", "count": 1e400}', 422, "invalid-request"),
    (b'{"name": "a", "count": "many"}', 422, "invalid-request"),
    (b'{"name": "' + b"a" * 11 + b'"}', 422, "invalid-request"),
    (b'{"name": "' + b"a" * 2**20 + b'"}', 413, "body-too-large"),
    (b" " * (MAX_BODY + 1), 413, "body-too-large"),
]


@pytest.mark.parametrize(("body", "status", "type_"), BAD_BODIES, ids=lambda value: str(value)[:30])
def test_bad_bodies_are_refused_counted_and_logged(service, body, status, type_):
    response = service.client.post("/items", data=body, headers=JSON)
    document = assert_problem(response, status, type_)
    assert document["instance"] == "/items"
    assert service.calls == []
    assert service.sample(names.REJECTED, route="/items", reason=type_) == 1
    (line,) = service.lines("application")
    assert (line["level"], line["event"], line["status"], line["reason"]) == ("warning", "problem", status, type_)
    assert line["trace_id"] == document["trace_id"]
    assert service.lines("error") == []


def test_a_body_at_the_limit_is_read(service):
    body = b'{"name": "a"}'
    response = service.client.post("/items", data=body + b" " * (MAX_BODY - len(body)), headers=JSON)
    assert response.status_code == 201


def test_a_large_chunked_body_is_refused(service):
    # As gunicorn hands over a chunked body.
    environ = create_environ("/items", method="POST", headers={**JSON, "Transfer-Encoding": "chunked"})
    environ |= {"wsgi.input_terminated": True, "wsgi.input": io.BytesIO(b'{"name": "' + b"a" * 2**20 + b'"}')}
    _, status, headers = run_wsgi_app(service.app, environ)
    assert status.startswith("413")
    assert headers["Content-Type"] == "application/problem+json"


def test_each_invalid_field_is_listed_with_advice_and_without_its_value(service):
    body = {"name": "", "count": "joe@example.org", "extra": "joe@example.org"}
    document = assert_problem(service.client.post("/items", json=body), 422)
    errors = {error["field"]: error["message"] for error in document["errors"]}
    assert errors.keys() == {"name", "count", "extra"}
    assert errors["extra"] == "unknown field; leave it out"
    assert "at least 1 character" in errors["name"]
    assert "integer" in errors["count"]
    assert "joe" not in json.dumps(document)
    assert "name" in document["detail"]
    missing = assert_problem(service.client.post("/items", json={}), 422)
    assert missing["errors"] == [{"field": "name", "message": "required; add it"}]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(service, content_type):
    response = service.client.post("/items", data=b'{"name": "a"}', content_type=content_type)
    assert "application/json" in assert_problem(response, 415)["detail"]


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=x", "limit"), ("kinds=hair", "kinds"), ("limit=1&x=", "x")]
)
def test_bad_queries_are_refused(service, query, field):
    document = assert_problem(service.client.get(f"/items?{query}"), 422, "invalid-request")
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize(
    ("path", "query"),
    [("/items", "kind=%ff"), ("/items", "kind=%00"), ("/items/\xff", ""), ("/items/\0", ""), ("/\xc3(", "")],
)
def test_broken_addresses_are_refused(service, path, query):
    environ = {"PATH_INFO": path, "QUERY_STRING": query}
    assert_problem(service.client.get("/", environ_overrides=environ), 400, "broken-encoding")


def test_an_escaped_backslash_before_u0000_is_text(service):
    assert service.client.post("/items", data=b'{"name": "\\\\u0000"}', headers=JSON).json["name"] == "\\u0000"


def test_valid_unicode_is_accepted(service):
    response = service.client.get("/items?kind=%C3%BC+%F0%9F%98%80")
    assert response.json["kind"] == "ü 😀"
    assert service.client.post("/items", data='{"name": "\\ud83d\\ude00"}', headers=JSON).json["name"] == "😀"


def test_unknown_address_and_method(service):
    assert_problem(service.client.get("/nothing"), 404, "not-found")
    response = service.client.patch("/items")
    assert_problem(response, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))
    assert service.sample(names.REJECTED, route="other", reason="not-found") == 1


def test_a_redirect_is_no_problem(service):
    service.app.add_url_rule("/folder/", "folder", lambda: "x")
    response = service.client.get("/folder")
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/folder/")


def test_own_problem_has_its_members_and_headers(service):
    document = assert_problem(service.client.post("/items", json={"name": "taken"}), 409, "name-taken")
    assert document["alternatives"] == ["taken2"]
    assert document["detail"] == "Choose another name."
    response = service.client.post("/items", json={"name": "busy"})
    assert_problem(response, 503, "busy")
    assert response.headers["Retry-After"] == "2"


def test_a_crash_is_answered_without_its_stack_and_logged_with_it(service):
    response = service.client.post("/items", json={"name": "crash"})
    document = assert_problem(response, 500, "internal-server-error")
    assert "ZeroDivision" not in response.text
    assert "Traceback" not in response.text
    (line,) = service.lines("error")
    assert line["error_type"] == "ZeroDivisionError"
    assert line["error_message"] == "mail **** now"
    assert "Traceback" in line["stack"]
    assert line["trace_id"] == document["trace_id"]
    assert service.sample(names.REJECTED, route="/items", reason="internal-server-error") is None


@pytest.mark.parametrize("value", ["abc", "-1", "1e3", "9" * 30])
def test_odd_lengths_are_no_failure(service, value):
    response = service.client.post("/items", data=b"{}", headers=JSON, environ_overrides={"CONTENT_LENGTH": value})
    assert 400 <= response.status_code < 500


@pytest.mark.parametrize(
    ("text", "expected"), [("Unknown business", "unknown-business"), ("  A (b) / C!", "a-b-c"), ("é", "")]
)
def test_slug(text, expected):
    assert slug(text) == expected


def test_openapi_document_describes_bodies_and_problems(service):
    document = service.client.get("/openapi.json").json
    assert document["info"] == {"title": "Shop", "version": "1.2.3"}
    assert document["openapi"].startswith("3.1")
    post = document["paths"]["/items"]["post"]
    assert post["responses"].keys() == {"201", "400", "409", "413", "415", "422", "500"}
    for status, response in post["responses"].items():
        expected = "application/json" if status == "201" else "application/problem+json"
        assert list(response["content"]) == [expected]
    assert document["components"]["schemas"]["Item"]["additionalProperties"] is False
    assert "ProblemDocument" in document["components"]["schemas"]
    assert "/metrics" not in document["paths"]
    assert document["paths"]["/admin/faults"]["post"]["security"] == [{"adminToken": []}]


def test_no_body_and_no_type_is_an_empty_body(service):
    response = service.client.post("/items")

    assert "empty" in assert_problem(response, 400)["detail"]
    assert service.sample(names.REJECTED, route="/items", reason="empty-body") == 1

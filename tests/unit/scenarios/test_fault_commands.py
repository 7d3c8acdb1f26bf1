"""`lab fault`: what is sent, what is refused, and in which words."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.cli import app
from lab.errors import LabError
from lab.query import wait_for
from tests.support.labs.stoppable_lab import Stoppable
from tests.support.servers.stub_server import StubServer, serving

KINDS = [
    {
        "name": "errors",
        "description": "Answers 503.",
        "dimensions": ["model"],
        "parameters": {"status": {"default": 503}},
    },
    {"name": "latency", "description": "Is slow.", "dimensions": [], "parameters": {}},
]
ON = {"fault": "errors", "target": "*", "intensity": 1.0, "started_at": None, "ends_at": "2999-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stoppable]:
    with serving() as server:
        port = server.url.rsplit(":", 1)[1]
        home: Path = tmp_path_factory.mktemp("faults")
        lab = Stoppable(home, {"ASSISTANT_PORT": port, "MODEL_PORT": port})
        lab.server = server
        secret = lab.settings.volume("secrets") / "admin_token"
        secret.parent.mkdir(parents=True)
        secret.write_text("secret\n")
        lab.start()
        yield lab
        lab.end()


@pytest.fixture
def server(small: Stoppable, monkeypatch: pytest.MonkeyPatch) -> StubServer:
    """Assistant and model; only the model has faults, distinguished by a request's turn: both are one stand-in."""
    small.restore()
    assert wait_for(small.answers, 10)
    monkeypatch.setenv("LAB_HOME", str(small.settings.home))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("LAB_ENGINE", raising=False)
    found: StubServer = small.server
    found.asked.clear()
    found.answer("GET", "/admin/faults", {"available": KINDS, "active": []})
    found.answer("POST", "/admin/faults", ON, 201)
    found.answer("DELETE", "/admin/faults/errors", {}, 204)
    return found


def fault(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["fault", *arguments])


def refused(*arguments: str) -> LabError:
    error = fault(*arguments).exception
    assert isinstance(error, LabError), error
    return error


def test_on_sends_what_was_said_with_its_end(server: StubServer) -> None:
    done = fault(
        "on", "errors", "--service", "model", "--target", "model=lab-small", "--intensity", "0.3",
        "--for", "2m", "--param", "status=500", "--param", "kind=odd",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (order,) = server.asked_for("POST", "/admin/faults")
    assert json.loads(order["body"]) == {
        "fault": "errors",
        "intensity": 0.3,
        "duration_seconds": 120,
        "target": "model=lab-small",
        "parameters": {"status": 500, "kind": "odd"},
    }
    assert order["headers"]["Authorization"] == "Bearer secret"
    assert "model: errors is on, ends at " in done.output


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (("on", "errors"), "The fault has no end.", "--for 60s"),
        (("on", "errors", "--for", "2h"), "`--for 2h` is no time from 1 s to 1 h.", "--for 60s"),
        (("on", "errors", "--for", "soon"), "`--for soon` is no time", "--for 60s"),
        (("on", "errors", "--for", "5", "--intensity", "1.5"), "The intensity 1.5 is out of range.", "at most 1"),
        (("on", "errors", "--for", "5", "--intensity", "0"), "The intensity 0 is out of range.", "above 0"),
        (("on", "errors", "--for", "5", "--param", "status"), "`--param status` is not key=value.", "status=500"),
        (("on", "erors", "--for", "5"), "There is no fault `erors`.", "Did you mean `errors`?"),
        (("on", "erors", "--for", "5", "--service", "model"), "model has no fault `erors`.", "Did you mean `errors`?"),
        (("on", "errors", "--for", "5"), "Both assistant and model have the fault", "--service"),
        (("on", "errors", "--for", "5", "--service", "modell"), "`modell` has no faults.", "Did you mean `model`?"),
        (("on", "stop", "--for", "5"), "Which server is to be stopped?", "loki"),
        (("on", "stop", "--target", "loky", "--for", "5"), "There is no server `loky`.", "Did you mean `loki`?"),
        (("on", "errors", "--service", "engine", "--for", "5"), "The engine has no fault `errors`.", "`stop`"),
        (("off", "erors"), "There is no fault `erors`.", "Did you mean `errors`?"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_switched(
    server: StubServer, arguments: tuple[str, ...], message: str, remedy: str
) -> None:
    error = refused(*arguments)
    assert error.message.startswith(message)
    assert remedy in error.remedy
    assert error.exit_code == 2
    assert not server.asked_for("POST", "/admin/faults")


def test_what_the_service_refuses_is_wrong_input_in_its_words(server: StubServer) -> None:
    server.answer("POST", "/admin/faults", {"detail": "This fault has no such target. It takes: *."}, 422)
    error = refused("on", "errors", "--service", "model", "--for", "5")
    assert error.message == "model refuses it: This fault has no such target. It takes: *."
    assert error.exit_code == 2


def test_a_wrong_token_is_reported_with_its_likely_cause(server: StubServer) -> None:
    server.answer("GET", "/admin/faults", {"detail": "This address needs the admin token."}, 401)
    done = fault("on", "errors", "--for", "5")
    assert "the admin token was refused" in str(done.exception)


def test_list_reports_what_there_is_and_what_is_on(server: StubServer) -> None:
    assert "No fault is on." in fault("list").output
    server.answer("GET", "/admin/faults", {"available": KINDS, "active": [ON]})
    listed = " ".join(fault("list").output.split())
    assert "errors model Answers 503. *, model=... status=503" in listed
    assert "model: errors, intensity 1, ends in" in listed
    assert "stop engine" in listed


def test_off_ends_what_is_on(server: StubServer) -> None:
    assert "No fault was on." in fault("off").output
    server.answer("GET", "/admin/faults", {"available": KINDS, "active": [ON]})
    done = fault("off", "errors")
    assert "model: errors is off." in done.output
    assert len(server.asked_for("DELETE", "/admin/faults/errors")) == 2


def test_a_stopped_server_is_listed_and_started_by_off(small: Stoppable, server: StubServer) -> None:
    done = fault("on", "stop", "--target", "loki", "--for", "60s")
    assert done.exit_code == 0, done.output
    assert not small.answers()
    assert "engine: loki is stopped, ends in " in fault("list").output
    assert "loki is stopped already, on purpose, for another" in refused("on", "stop-loki", "--for", "5").message
    assert "loki runs again." in fault("off", "stop-loki").output
    assert small.answers()


def test_a_stopped_server_comes_back_when_its_time_is_over(small: Stoppable, server: StubServer) -> None:
    assert fault("on", "stop-loki", "--for", "2").exit_code == 0
    assert not small.answers()
    assert wait_for(small.answers, 10)


def test_without_a_lab_nothing_is_asked(server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("LAB_ENGINE", "native")
    assert refused("list").message == "The lab does not run."

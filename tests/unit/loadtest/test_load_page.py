"""Scenarios that are started on Locust's page: what is offered, what is refused, users and faults of a run."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from flask import Flask, Response, jsonify

from loadtest import web_ui
from loadtest.admin_client import AdminClient
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import ENGINE, Fault, RandomFault, Scenario, Stage
from loadtest.web_ui import WebUi
from tests.support.servers.stub_server import StubServer, serving


class Quick(Scenario):
    name = "quick"
    summary = "Two faults come one after the other."
    users: ClassVar = {"Customer": 3, "Owner": 1}
    shape = (Stage(0, 2), Stage(0.5, 12))
    faults = (
        Fault("model", "errors", at=0.1, duration=40, parameters={"status": 503}),
        Fault("assistant", "slow-query", at=0.3, duration=50, intensity=0.5, target="route=/chat"),
    )
    duration = 30


class Short(Quick):
    name = "short"
    shape = (Stage(0, 5),)
    faults = ()
    duration = 0.3


class Stopping(Scenario):
    name = "stopping"
    summary = "A server stops."
    faults = (Fault(ENGINE, "stop", at=0, duration=5, target="loki"),)


class Drawing(Scenario):
    name = "drawing"
    summary = "A server may stop."
    fault_pool = (RandomFault(Fault(ENGINE, "stop", at=0, duration=5, target="loki")),)


class Blind(Quick):
    name = "blind"
    hidden = True


class AdminApi:
    """The admin APIs of both services."""

    def __init__(self, server: StubServer) -> None:
        self.server = server
        self.active: list[dict[str, Any]] = []
        server.react("GET", "/admin/faults", lambda _: (200, {"active": self.active}))
        server.answer("POST", "/admin/faults", {}, 201)
        for name in ("errors", "slow-query"):
            server.answer("DELETE", f"/admin/faults/{name}", b"", 204)

    def on(self) -> list[dict[str, Any]]:
        return [json.loads(one["body"]) for one in self.server.asked_for("POST", "/admin/faults")]

    def off(self) -> list[str]:
        return [one["path"].rsplit("/", 1)[1] for one in self.server.asked if one["method"] == "DELETE"]


def wait(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Iterator[AdminApi]:
    found = {one.name: one for one in (Quick, Short, Stopping, Drawing, Blind)}
    monkeypatch.setattr(registry, "find", lambda: (found, []))
    with serving() as server:
        yield AdminApi(server)


@pytest.fixture
def chosen(admin: AdminApi, tmp_path: Path) -> Iterator[tuple[WebUi, Any]]:
    token = tmp_path / "token"
    token.write_text("secret\n")
    app = Flask(__name__)

    @app.post("/swarm")
    def swarm() -> Response:
        return jsonify(success=True, message="Swarming started")

    made = WebUi(
        SimpleNamespace(scenario="none"), AdminClient({"assistant": admin.server.url, "model": admin.server.url}, token)
    )
    made.attach(app)
    yield made, app.test_client()
    made.end()


def test_what_stops_servers_is_a_command_in_the_list(admin: AdminApi) -> None:
    assert web_ui.choices() == [
        "none", "quick", "short", "blind", "lab scenario run stopping", "lab scenario run drawing",
    ]  # fmt: skip


def test_a_chosen_scenario_brings_users_and_faults_and_takes_its_faults_back(
    admin: AdminApi, chosen: tuple[WebUi, Any]
) -> None:
    made, client = chosen
    assert made.tick() == (0, {})
    answer = client.post("/swarm", data={"scenario": "quick", "seed": "7", "user_count": "4"})
    assert answer.get_json()["success"] is True
    wait(lambda: made.tick()[0] == 12)
    assert made.tick()[1] == {"Customer": 3, "Owner": 1}
    wait(lambda: len(admin.on()) == 2)
    errors, slow = admin.on()
    assert (errors["fault"], errors["duration_seconds"], errors["parameters"]) == ("errors", 40, {"status": 503})
    assert (slow["fault"], slow["intensity"], slow["target"]) == ("slow-query", 0.5, "route=/chat")
    assert "hidden" not in slow
    assert {one["headers"]["Authorization"] for one in admin.server.asked} == {"Bearer secret"}
    made.end()
    wait(lambda: admin.off() == ["errors", "slow-query"])
    assert made.tick() == (0, {})


def test_another_choice_ends_the_scenario_and_none_leaves_the_always_on_users(
    admin: AdminApi, chosen: tuple[WebUi, Any]
) -> None:
    made, client = chosen
    client.post("/swarm", data={"scenario": "quick"})
    wait(lambda: len(admin.on()) == 1)
    run = made.run
    client.post("/swarm", data={"scenario": "none"})
    assert made.tick() == (0, {})
    assert run is not None
    run.wait()
    assert admin.off() == ["errors"]
    assert len(admin.on()) == 1  # the second fault never comes


def test_a_scenario_after_another_does_not_stumble_over_its_faults(admin: AdminApi, chosen: tuple[WebUi, Any]) -> None:
    _, client = chosen
    admin.server.react(
        "POST", "/admin/faults", lambda one: (admin.active.append(json.loads(one["body"])), (201, {}))[1]
    )
    admin.server.react("DELETE", "/admin/faults/errors", lambda _: (admin.active.clear(), (204, b""))[1])
    client.post("/swarm", data={"scenario": "quick"})
    wait(lambda: len(admin.active) == 1)
    assert client.post("/swarm", data={"scenario": "short"}).get_json()["success"] is True


def test_a_scenario_ends_by_itself(admin: AdminApi, chosen: tuple[WebUi, Any]) -> None:
    made, client = chosen
    client.post("/swarm", data={"scenario": "short"})
    assert made.tick()[0] == 5
    wait(lambda: made.tick() == (0, {}))


def test_a_hidden_scenario_hides_its_faults(admin: AdminApi, chosen: tuple[WebUi, Any]) -> None:
    chosen[1].post("/swarm", data={"scenario": "blind"})
    wait(lambda: len(admin.on()) == 2)
    assert [order["hidden"] for order in admin.on()] == [True, True]


@pytest.mark.parametrize(
    ("wish", "reported"),
    [
        ("lab scenario run stopping", "Run there: lab scenario run stopping"),
        ("stopping", "There is no scenario `stopping`"),
        ("qick", "There is no scenario `qick`"),
    ],
)
def test_what_cannot_run_here_is_refused_with_the_way_to_run_it(
    chosen: tuple[WebUi, Any], wish: str, reported: str
) -> None:
    made, client = chosen
    answer = client.post("/swarm", data={"scenario": wish}).get_json()
    assert answer["success"] is False
    assert reported in answer["message"]
    assert made.run is None


def test_a_scenario_next_to_another_ones_fault_is_refused(admin: AdminApi, chosen: tuple[WebUi, Any]) -> None:
    admin.active = [{"fault": "latency"}]
    answer = chosen[1].post("/swarm", data={"scenario": "quick"}).get_json()
    assert "The fault `latency` is on in assistant already" in answer["message"]
    assert admin.on() == []


def test_an_admin_api_that_refuses_the_token_is_named(admin: AdminApi, chosen: tuple[WebUi, Any]) -> None:
    admin.server.answer("GET", "/admin/faults", {"detail": "This address needs the admin token."}, 401)
    answer = chosen[1].post("/swarm", data={"scenario": "quick"}).get_json()
    assert "admin API of assistant does not list its faults: status 401" in answer["message"]
    assert chosen[0].run is None

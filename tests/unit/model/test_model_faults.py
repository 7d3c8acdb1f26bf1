"""Faults and latency: switched by the admin API, told as the OpenAI API tells them."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from services.model.app import create_app
from services.model.latency import Latency
from services.model.settings import ModelSettings

ADMIN = {"Authorization": "Bearer a-token"}


@pytest.fixture
def switch(client: FlaskClient) -> Any:
    """Switch a fault on."""

    def post(fault: str, **members: Any) -> Any:
        answer = client.post("/admin/faults", json={"fault": fault, "duration_seconds": 60, **members}, headers=ADMIN)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    yield post
    client.delete("/admin/faults", headers=ADMIN)


def test_there_are_three_kinds(client: FlaskClient) -> None:
    available = client.get("/admin/faults", headers=ADMIN).get_json()["available"]
    assert [fault["name"] for fault in available] == ["errors", "latency", "throttle"]


def test_the_admin_api_needs_its_own_token(client: FlaskClient) -> None:
    assert client.get("/admin/faults", headers={"Authorization": "Bearer any"}).status_code == 401


@pytest.mark.parametrize("status", [500, 503])
def test_errors(ask: Any, switch: Any, client: FlaskClient, status: int) -> None:
    switch("errors", parameters={"status": status})
    answer = ask()
    assert answer.status_code == status
    assert set(answer.get_json()["error"]) == {"message", "type", "param", "code"}
    assert client.delete("/admin/faults/errors", headers=ADMIN).status_code == 204
    assert ask().status_code == 200


def test_throttling_tells_when_to_come_again(ask: Any, switch: Any) -> None:
    switch("throttle", parameters={"retry_after": 7})
    answer = ask()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.get_json()["error"]["code"] == "rate_limit_exceeded"


def test_a_weak_fault_hits_some_requests(ask: Any, switch: Any) -> None:
    switch("errors", strength=0.5)
    statuses = [ask().status_code for _ in range(40)]
    assert set(statuses) == {200, 503}


def test_a_fault_spares_models_list_and_health(client: FlaskClient, switch: Any) -> None:
    switch("errors")
    assert client.get("/v1/models", headers={"Authorization": "Bearer any"}).status_code == 200
    assert client.get("/ready").status_code == 200


def test_wrong_parameters_are_refused(client: FlaskClient) -> None:
    body = {"fault": "latency", "duration_seconds": 5, "parameters": {"seconds": 1000}}
    assert client.post("/admin/faults", json=body, headers=ADMIN).status_code == 422


def test_latency_follows_the_tokens() -> None:
    slept: list[float] = []
    latency = Latency(0.25, 100, slept.append)
    latency.before_first(extra=2)
    latency.of_tokens(50)
    assert slept == [2.25, 0.5]


def test_latency_is_off_at_zero() -> None:
    def never(_: float) -> None:
        raise AssertionError("slept")

    latency = Latency(0, 0, never)
    latency.before_first()
    latency.of_tokens(50)


def test_the_latency_fault_delays_the_first_token(ask: Any, switch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(Latency, "before_first", lambda _self, extra=0.0: waited.append(extra))
    ask()
    switch("latency", parameters={"seconds": 4})
    ask()
    assert waited == [0.0, 4.0]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_NAME", "other")
    monkeypatch.setenv("MODEL_TOKENS_PER_SECOND", "150")
    settings = ModelSettings()
    assert (settings.model_name, settings.model_tokens_per_second) == ("other", 150)
    assert create_app(settings) is not create_app(settings)  # two apps in one process

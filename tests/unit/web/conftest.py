"""A small service with typed routes, problems, the admin API and faults."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from pydantic import Field

from services.telemetry import Telemetry, TelemetrySettings
from services.web import problems
from services.web.admin import admin_blueprint
from services.web.bodies import StrictModel
from services.web.faults import Fault, FaultRegistry
from services.web.openapi import Api, create_app, problem_responses
from services.web.problems import Problem

TOKEN = "an-admin-token"


class ErrorsParameters(StrictModel):
    status: int = Field(default=503, ge=500, le=599)


class Item(StrictModel):
    name: str = Field(min_length=1, max_length=10)
    count: int = Field(default=1, ge=1, le=9)


class Search(StrictModel):
    kind: str = Field(default="", max_length=10)
    limit: int = Field(default=10, ge=1, le=100)


class Made(StrictModel):
    name: str
    count: int


FAULTS = [
    Fault("errors", "Answers with an error status.", ErrorsParameters),
    Fault("latency", "Answers late.", dimensions=("route", "business_id", "model")),
]


@dataclass
class Service:
    app: Api
    telemetry: Telemetry
    faults: FaultRegistry
    log_file: Path
    token_file: Path
    calls: list[str] = field(default_factory=list)

    @property
    def client(self):
        return self.app.test_client()

    def lines(self, kind: str | None = None) -> list[dict[str, Any]]:
        text = self.log_file.read_text() if self.log_file.exists() else ""
        return [line for line in map(json.loads, text.splitlines()) if kind in (None, line["kind"])]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)

    def admin(self, method: str, path: str, token: str = TOKEN, **options: Any):
        return self.client.open(f"/admin{path}", method=method, headers={"Authorization": f"Bearer {token}"}, **options)


MakeService = Callable[..., Service]


@pytest.fixture
def make_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeService]:
    """Starts the service with environment variables of the test."""
    with ExitStack() as stack:

        def make(**environment: str) -> Service:
            for name, value in environment.items():
                monkeypatch.setenv(name.upper(), value)
            return stack.enter_context(_running(tmp_path))

        yield make


@pytest.fixture
def service(make_service: MakeService) -> Service:
    return make_service()


@contextmanager
def _running(tmp_path: Path) -> Iterator[Service]:
    settings = TelemetrySettings(
        otel_service_name="shop",
        otel_resource_attributes="service.version=1.2.3",
        log_dir=tmp_path,
        log_stdout=False,
        log_level="DEBUG",
    )
    telemetry = Telemetry.from_settings(settings, tracer_provider=TracerProvider(shutdown_on_exit=False))
    token_file = tmp_path / "admin_token"
    token_file.write_text(TOKEN + "\n")
    app = create_app(__name__, telemetry, title="Shop", on_problem=problems.count_rejections(telemetry))
    values = {"route": lambda: ("/items", "/search"), "business_id": lambda: {f"b{number:03}" for number in range(200)}}
    faults = FaultRegistry(telemetry, FAULTS, seed=7, target_values=values)
    app.register_api(admin_blueprint(telemetry, token_file, faults, restart=True))
    service = Service(app, telemetry, faults, tmp_path / "shop.log", token_file)
    _add_routes(app, service)
    yield service
    faults.stop()
    telemetry.shutdown()


def _add_routes(app: Api, service: Service) -> None:
    @app.post("/items", responses={201: Made, **problem_responses(409)})
    def make(body: Item):
        service.calls.append(body.name)
        if body.name == "taken":
            raise Problem(409, "Name taken", "Choose another name.", alternatives=["taken2"])
        if body.name == "crash":
            raise ZeroDivisionError("mail joe@example.org now")
        if body.name == "busy":
            raise Problem(503, "Busy", "Try again.", headers={"Retry-After": "2"})
        return {"name": body.name, "count": body.count}, 201

    @app.get("/items")
    def find(query: Search):
        return {"kind": query.kind, "limit": query.limit}

"""An assistant over a real SQLite file, with a model server that says what the test wants."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.assistant.app import create_app
from services.assistant.app_state import Assistant
from services.assistant.appointments import seeds
from services.assistant.prediction import no_show
from services.assistant.settings import AssistantSettings
from services.assistant.storage.database import Database
from services.telemetry import Telemetry, TelemetrySettings
from tests.support.servers.openai_stub import OpenAiStub, running_stub

TOKEN = "an-admin-token"


@dataclass
class Service:
    app: Flask
    assistant: Assistant
    telemetry: Telemetry
    model: OpenAiStub
    spans: InMemorySpanExporter
    log_file: Path

    @property
    def admin(self) -> dict[str, str]:
        """The header that opens the admin API."""
        return {"Authorization": f"Bearer {TOKEN}"}

    @property
    def client(self):
        return self.app.test_client()

    def say(self, message: str = "Hello", **fields: Any) -> dict[str, Any]:
        answer = self.client.post("/chat", json={"message": message, **fields})
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def free(self, business_id: str = "lab-doctor", number: int = 0) -> str:
        return self.client.get(f"/businesses/{business_id}/slots").get_json()["slots"][number]

    def book(
        self, starts_at: str | None = None, business_id: str = "lab-doctor", key: str | None = None, **fields: Any
    ):
        wish = {
            "business_id": business_id,
            "starts_at": starts_at or self.free(business_id),
            "user_id": "ann",
            **fields,
        }
        return self.client.post("/appointments", json=wish, headers={"Idempotency-Key": key} if key else {})

    def faulty_spans(self) -> dict[str, str]:
        """The spans that carry a fault, by name."""
        spans = [span for span in self.spans.get_finished_spans() if "lab.fault" in span.attributes]
        return {span.name: span.attributes["lab.fault"] for span in spans}

    def on(self, fault: str, seconds: float = 60, **order: Any) -> dict[str, Any]:
        """Switch a fault on through the admin API."""
        wish = {"fault": fault, "duration_seconds": seconds, **order}
        answer = self.client.post("/admin/faults", json=wish, headers=self.admin)
        assert answer.status_code == 201, answer.text
        return answer.get_json()

    def off(self, fault: str) -> None:
        assert self.client.delete(f"/admin/faults/{fault}", headers=self.admin).status_code == 204

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log_file.read_text().splitlines()]
        return [line for line in found if event in (None, line["event"])]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)

    def span_names(self) -> list[str]:
        return [span.name for span in self.spans.get_finished_spans()]

    def span(self, name: str) -> ReadableSpan:
        return next(span for span in self.spans.get_finished_spans() if span.name == name)


Start = Callable[..., Service]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("no_show")
    no_show.save(no_show.train(), folder)
    return folder


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared database to copy: migrating for each test would be most of its time."""
    path = tmp_path_factory.mktemp("seeded") / "assistant.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.write() as session:
        seeds.insert_missing(session)
    database.engine.dispose()
    return path


@pytest.fixture
def model() -> Iterator[OpenAiStub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def start(tmp_path: Path, trained: Path, seeded: Path, model: OpenAiStub) -> Iterator[Start]:
    """Starts an assistant; settings of the test win over those made here."""
    made: list[Service] = []
    shutil.copy(seeded, tmp_path / "assistant.db")

    def begin(memory_limit: int = 0, telemetry_off: bool = False, **settings: Any) -> Service:
        provider, spans = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        token_file = tmp_path / "admin_token"
        token_file.write_text(TOKEN)
        key_file = tmp_path / "model_api_key"
        key_file.write_text("a-key\n")
        telemetry = Telemetry.from_settings(
            TelemetrySettings(
                otel_service_name="assistant",
                otel_resource_attributes="service.version=1.2.3,deployment.environment.name=test",
                log_dir=tmp_path,
                log_stdout=False,
                memory_limit=memory_limit,
                telemetry_off=telemetry_off,
            ),
            tracer_provider=provider,
        )
        chosen = {
            "database_url": f"sqlite:///{tmp_path}/assistant.db",
            "data_dir": trained,
            "model_base_url": model.url,
            "model_api_key_file": key_file,
            "admin_token_file": token_file,
            **settings,
        }
        app = create_app(AssistantSettings(**chosen), telemetry)
        log_file = tmp_path / "assistant.log"
        made.append(Service(app, app.extensions["assistant"], telemetry, model, spans, log_file))
        return made[-1]

    yield begin
    for service in made:
        service.assistant.close()
        service.telemetry.shutdown()


@pytest.fixture
def service(start: Start) -> Service:
    return start()

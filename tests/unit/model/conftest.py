"""A model server without latency, in the test's process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import TracerProvider

from services.model.app import create_app
from services.model.settings import ModelSettings
from services.telemetry import Telemetry, TelemetrySettings

TOKEN = "a-token"
KEY = {"Authorization": "Bearer any"}
ADMIN = {"Authorization": f"Bearer {TOKEN}"}

Ask = Callable[..., Any]


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    token_file = tmp_path / "admin_token"
    token_file.write_text(TOKEN)
    settings = ModelSettings(model_name="lab-small", admin_token_file=token_file)
    telemetry = Telemetry.from_settings(
        TelemetrySettings(otel_service_name="model", log_stdout=False, log_dir=tmp_path), TracerProvider()
    )
    return create_app(settings, telemetry)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Return a function that sends a valid completion request with the given members; None removes a member."""

    def post(headers: dict[str, str] = KEY, **members: Any) -> Any:
        body = {"model": "lab-small", "messages": [{"role": "user", "content": "hello"}], **members}
        body = {name: value for name, value in body.items() if value is not None}
        return client.post("/v1/chat/completions", json=body, headers=headers)

    return post

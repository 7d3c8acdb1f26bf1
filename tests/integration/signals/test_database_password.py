"""The assistant under gunicorn never shows the password of DATABASE_URL: not in output, log file, page or metric."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab.settings import ROOT
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, until

MARKER = "Hunter2Marker"
COMMAND = [sys.executable, "-m", "gunicorn", "--config", "services/web/gunicorn.py", "services.assistant.main:app"]
PATHS = ("/", "/health", "/ready", "/health/detailed", "/stats", "/metrics", "/openapi/openapi.json", "/businesses")


def environment(folder: Path, url: str, port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "LISTEN": f"127.0.0.1:{port}",
        "OTEL_SERVICE_NAME": "assistant",
        "LOG_DIR": str(folder / "logs"),
        "LOG_LEVEL": "DEBUG",
        "DATA_DIR": str(folder),
        "PATH": "/usr/bin:/bin",
    }


def written(folder: Path) -> str:
    """All that it wrote: output and log files."""
    return "".join(path.read_text() for path in folder.rglob("*.log*"))


@pytest.fixture(params=["postgresql+psycopg://lab:{}@127.0.0.1:9/lab", "postgresql+psycopg://lab:a/{}@127.0.0.1:9/lab"])
def unreachable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    (port,) = free_ports(1)
    url = request.param.format(MARKER)
    server = Server(
        "assistant", f"http://127.0.0.1:{port}", "/health", COMMAND, tmp_path, **environment(tmp_path, url, port)
    )
    server.start(60)
    yield server
    server.kill()


def test_with_a_database_that_does_not_answer(unreachable: Server, tmp_path: Path) -> None:
    until("the database was tried", lambda: "database.unavailable" in written(tmp_path), 20)
    answers = [httpx.get(unreachable.url + path, timeout=10) for path in PATHS]
    answers.append(httpx.post(f"{unreachable.url}/chat", json={"text": "hello", "business_id": "b"}, timeout=10))
    unreachable.stop()

    assert 503 in {answer.status_code for answer in answers}
    assert not [answer.url for answer in answers if MARKER in answer.text + str(answer.headers)]
    assert MARKER not in written(tmp_path)


@pytest.mark.parametrize("url", ["postgresql+psycopg://lab:x:5{}/lab", "lab:{}@db/lab", "postgresql://lab:x@{}@db/lab"])
def test_with_a_url_that_cannot_be_read_it_says_what_to_write(url: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment(tmp_path, url.format(MARKER), port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 3
    assert MARKER not in done.stdout + done.stderr + written(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "logs" / "assistant.log").read_text().splitlines()]
    (failed,) = [line for line in lines if line.get("error_type") == "InvalidDatabaseUrlError"]
    assert failed["kind"] == "error"
    assert failed["error_message"].startswith("DATABASE_URL is not a database URL. Write postgresql+psycopg://USER")

"""The one thing that the pager does by itself, with an assistant that counts how often it is asked."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from services.pager.model.tables import Incident
from tests.support.alerting.pager import Pager, notification
from tests.support.servers.ports import free_ports

TOKEN = "the token"


class Assistant:
    """Answers `POST /admin/restart` with `status`, and keeps who asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.status = 202
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(self.headers.get("Authorization"))
                found = self.path == "/admin/restart"
                self.send_response(outer.status if found else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def assistant() -> Iterator[Assistant]:
    one = Assistant()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def watched(pager: Pager, assistant: Assistant, tmp_path: Path) -> Pager:
    """A pager that may restart the assistant."""
    token = tmp_path / "admin_token"
    token.write_text(TOKEN + "\n")
    pager.start(remediation="on", assistant_url=assistant.url, admin_token_file=token)
    return pager


def memory_high(started_at: str = "2026-11-22T14:00:00Z", service: str = "assistant") -> dict[str, Any]:
    def change(body: dict[str, Any]) -> None:
        body["groupLabels"] = {"alertname": "MemoryHigh", "service": service}
        body["alerts"][0]["labels"] |= {"alertname": "MemoryHigh", "service": service, "severity": "ticket"}
        body["alerts"][0]["startsAt"] = started_at

    return notification(change)


def over() -> dict[str, Any]:
    body = memory_high()
    body["status"] = body["alerts"][0]["status"] = "resolved"
    body["alerts"][0]["endsAt"] = "2026-11-22T15:00:00Z"
    return body


def counted(pager: Pager, result: str) -> float:
    return pager.metric(f'pager_remediations_total{{action="restart-assistant",result="{result}"}}')


def audited(pager: Pager) -> list[str]:
    return [line["result"] for line in pager.lines() if line["event"] == "remediation" and line["kind"] == "audit"]


def test_memory_that_stays_high_has_the_assistant_restarted_once(watched: Pager, assistant: Assistant) -> None:
    watched.send(memory_high())
    watched.tick(58)
    assert assistant.asked == []
    for seconds in (61, 62, 1000, 5000):
        watched.tick(seconds)
    assert assistant.asked == [f"Bearer {TOKEN}"]
    assert watched.incident()["remediation"]["result"] == "done"
    assert watched.incident()["remediation"]["action"] == "restart-assistant"
    lines = [line["text"] for line in watched.incident()["timeline"] if line["event"] == "remediation"]
    assert lines == ["Restarted the assistant"]
    assert counted(watched, "done") == 1
    assert audited(watched) == ["done"]


def test_by_default_it_only_says_what_it_would_do(watched: Pager, assistant: Assistant) -> None:
    watched.start(remediation="dry-run")
    watched.send(memory_high())
    watched.tick(61)
    watched.tick(1000)
    assert assistant.asked == []
    assert watched.incident()["remediation"]["result"] == "dry_run"
    assert watched.events().count("remediation") == 1
    assert (counted(watched, "dry_run"), audited(watched)) == (1, ["dry_run"])


def test_off_is_off(watched: Pager, assistant: Assistant) -> None:
    watched.start(remediation="off")
    watched.send(memory_high())
    watched.tick(10_000)
    assert (assistant.asked, watched.incident()["remediation"]) == ([], None)


def test_there_is_one_in_ten_minutes_also_after_a_restart_of_the_pager(watched: Pager, assistant: Assistant) -> None:
    watched.send(memory_high())
    watched.tick(61)
    watched.send(over())
    watched.send(memory_high("2026-11-22T16:00:00Z"))
    watched.start()
    for seconds in (130, 131, 600):
        watched.tick(seconds)
    assert len(assistant.asked) == 1
    assert watched.incident(2)["remediation"]["result"] == "limited"
    assert watched.events(2).count("remediation") == 1
    assert counted(watched, "limited") == 1
    watched.tick(662)
    assert len(assistant.asked) == 2
    assert watched.incident(2)["remediation"]["result"] == "done"


@pytest.mark.parametrize(("status", "why"), [(401, "refused with 401"), (409, "refused with 409"), (500, "500")])
def test_a_refusal_is_reported_and_tried_again_ten_minutes_later(
    watched: Pager, assistant: Assistant, status: int, why: str
) -> None:
    assistant.status = status
    watched.send(memory_high())
    for seconds in (61, 62, 600):
        watched.tick(seconds)
    assert len(assistant.asked) == 1
    assert watched.incident()["remediation"]["result"] == "failed"
    assert why in watched.incident()["remediation"]["text"]
    assistant.status = 202
    watched.tick(662)
    assert watched.incident()["remediation"]["result"] == "done"
    assert (counted(watched, "failed"), counted(watched, "done")) == (1, 1)


def test_an_assistant_that_is_away_is_reported(watched: Pager) -> None:
    [port] = free_ports(1)
    watched.start(assistant_url=f"http://127.0.0.1:{port}")
    watched.send(memory_high())
    watched.tick(61)
    assert "cannot be reached (ConnectError)" in watched.incident()["remediation"]["text"]


def test_without_a_token_it_is_reported(watched: Pager, assistant: Assistant, tmp_path: Path) -> None:
    watched.start(admin_token_file=tmp_path / "none")
    watched.send(memory_high())
    watched.tick(61)
    assert "the admin token cannot be used" in watched.incident()["remediation"]["text"]
    assert assistant.asked == []


@pytest.mark.parametrize("which", ["another service", "another alert", "over", "silenced"])
def test_nothing_else_is_restarted(watched: Pager, assistant: Assistant, which: str) -> None:
    others = {"another alert": notification(), "another service": memory_high(service="model")}
    watched.send(others.get(which, memory_high()))
    if which == "over":
        watched.send(over())
    if which == "silenced":
        with watched.parts.database.write() as session:
            incident = session.get(Incident, 1)
            assert incident is not None
            incident.silence_until = datetime.now(UTC) + timedelta(hours=1)
    watched.tick(61)
    watched.tick(700)
    assert (assistant.asked, watched.incident()["remediation"]) == ([], None)


def test_a_pager_killed_while_it_asked_does_not_ask_again_at_once(watched: Pager, assistant: Assistant) -> None:
    def killed() -> str | None:
        assistant.asked.append("killed")
        raise SystemExit

    watched.send(memory_high())
    remediation = watched.parts.scheduler._tasks["remediation"]
    remediation._assistant.restart = killed  # type: ignore[attr-defined]
    with pytest.raises(SystemExit):
        watched.tick(61)
    watched.start()
    watched.tick(300)
    assert assistant.asked == ["killed"]
    assert "before the response" in watched.incident()["remediation"]["text"]
    watched.tick(700)
    assert assistant.asked == ["killed", f"Bearer {TOKEN}"]

"""The synthetic journey, against an assistant that can fail at each step."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from loadtest.stats.load_stats import LoadStats
from loadtest.users.journey import BUSINESS, Journey, Run
from tests.support.servers.stub_server import StubServer, serving


class Desk:
    """Books at the third message; `broken` names what goes wrong."""

    def __init__(self, server: StubServer) -> None:
        self.server = server
        self.broken = ""
        self.rows: dict[str, dict[str, Any]] = {}
        self.turns = 0
        server.answer("GET", "/ready", {})
        server.react("POST", "/chat", self.chat)
        server.react("GET", "/appointments", self.listed)

    def chat(self, request: dict[str, Any]) -> tuple[int, Any]:
        body = json.loads(request["body"])
        assert body["business_id"] == BUSINESS
        if self.broken == "slow":
            time.sleep(1.0)
        if self.broken in ("error", "fallback"):
            return (500, {}) if self.broken == "error" else (200, {"outcome": "fallback", "conversation_id": "c"})
        self.turns = 1 if "conversation_id" not in body else self.turns + 1
        answer: dict[str, Any] = {"outcome": "ok", "conversation_id": "c", "appointment": None}
        if self.turns == 3 and self.broken != "never":
            name = f"a{len(self.rows)}"
            self.rows[name] = {"id": name, "user": body["user_id"], "status": "booked"}
            self.server.react("DELETE", f"/appointments/{name}", self.cancel)
            answer["appointment"] = self.rows[name]
        return 200, answer

    def listed(self, request: dict[str, Any]) -> tuple[int, Any]:
        if self.broken == "list":
            return 200, {"appointments": []}
        user = request["params"]["user_id"]
        return 200, {"appointments": [row for row in self.rows.values() if row["user"] == user]}

    def cancel(self, request: dict[str, Any]) -> tuple[int, Any]:
        if self.broken == "cancel":
            return 503, {}
        if self.broken != "lie":
            self.rows[request["path"].rsplit("/", 1)[1]]["status"] = "cancelled"
        return 204, {}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving() as server:
        yield Desk(server)


def test_a_journey_books_reads_and_cancels(desk: Desk) -> None:
    run = Journey(desk.server.url).run()
    assert (run.failing_step, run.reason) == (None, "")
    assert 0 < run.seconds < 5
    assert [row["status"] for row in desk.rows.values()] == ["cancelled"]


def test_its_requests_are_counted_as_those_of_other_people_are(desk: Desk) -> None:
    """The service counts the journey like any user, so the users' side must count it, too."""
    stats = LoadStats()
    journey = Journey(desk.server.url, stats=stats)
    journey.run()
    done = {("journey: book", "POST"): 3, ("journey: read", "GET"): 1, ("journey: cancel", "DELETE"): 1}
    done["journey: cancel", "GET"] = 1
    assert {key[:2]: count for key, count in stats.requests.items() if key[2] == "ok"} == done
    assert sum(stats.requests.values()) == 6
    assert sum(sum(timing.counts) for timing in stats.timings.values()) == 6
    for desk.broken, failed in (("fallback", 1), ("error", 2)):
        journey.run()
        assert stats.requests["journey: book", "POST", "failed"] == failed


@pytest.mark.parametrize(
    ("broken", "step", "reason"),
    [
        ("error", "book", "status 500"),
        ("fallback", "book", "fallback"),
        ("never", "book", "no appointment after 5 messages"),
        ("slow", "book", "no answer within 0.3 s"),
        ("list", "read", "not in the list"),
        ("cancel", "cancel", "status 503"),
        ("lie", "cancel", "still booked"),
    ],
)
def test_the_failing_step_is_named(desk: Desk, broken: str, step: str, reason: str) -> None:
    desk.broken = broken
    run = Journey(desk.server.url, timeout_seconds=0.3).run()
    assert run.failing_step == step
    assert reason in run.reason


def test_an_assistant_that_is_away_fails_at_the_first_step() -> None:
    run = Journey("http://127.0.0.1:9", timeout_seconds=1.0).run()
    assert run.failing_step == "book"
    assert "refused" in run.reason


def test_what_a_failed_journey_left_booked_is_cancelled_by_the_next(desk: Desk) -> None:
    journey = Journey(desk.server.url)
    desk.broken = "list"
    assert journey.run().failing_step == "read"
    assert [row["status"] for row in desk.rows.values()] == ["booked"]
    desk.broken = ""
    assert journey.run().failing_step is None
    assert [row["status"] for row in desk.rows.values()] == ["cancelled", "cancelled"]


class Enough(Exception):  # noqa: N818 - ends the loop
    pass


def test_it_waits_for_the_start_and_then_goes_on_whatever_happens(desk: Desk) -> None:
    runs: list[Run] = []
    waits: list[float] = []
    answers = iter([(503, {}), (503, {})])
    desk.server.react("GET", "/ready", lambda _: next(answers, (200, {})))

    def report(run: Run) -> None:
        runs.append(run)
        desk.broken = "error" if len(runs) == 1 else ""

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(runs) == 3:
            raise Enough

    with pytest.raises(Enough):
        Journey(desk.server.url).repeat(15.0, report, sleep=sleep)
    assert waits[:2] == [1.0, 1.0]  # while the assistant was on its way up, and that is no failure
    assert [run.failing_step for run in runs] == [None, "book", None]
    assert 14 < waits[2] <= 15
    assert 6.5 < waits[3] <= 7.5  # half of the interval after a failure
    assert 14 < waits[4] <= 15

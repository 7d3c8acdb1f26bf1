"""The check of "Follow one request": what it refuses, what it accepts, and when it cannot decide."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.exercises import catalogue, exercise_code, session
from lab.exercises.outcome import CannotCheck, Checked, Waiting
from lab.exercises.session import Session
from lab.query import Endpoints, Lab, ServerMissing
from tests.support.servers.stub_server import StubServer, serving

ROOT = Path(__file__).parents[3]
EXERCISE = catalogue.get(ROOT, "follow-one-request")


class LittleLab:
    """An assistant that answers every chat with its own trace: each later one has other tools and tokens."""

    def __init__(self, server: StubServer, spans: Path) -> None:
        self.server = server
        self.spans = spans
        self.references: dict[str, str] = {}
        self.outcome = "ok"
        server.answer("GET", "/ready", b"ok")
        businesses = [{"id": f"b{number}", "name": f"Business {number}"} for number in range(5)]
        server.answer("GET", "/businesses", {"businesses": [*businesses, {"id": "lab-doctor", "name": "Probe"}]})
        server.react("POST", "/chat", self.chat)
        server.react("GET", "/loki/api/v1/query_range", self.lines)
        urls = dict.fromkeys(("assistant", "model", "loki"), server.url) | {"tempo": "http://127.0.0.1:9"}
        self.urls = urls | dict.fromkeys(("pager", "prometheus", "alertmanager", "grafana"), "http://127.0.0.1:9")
        self.lab = Lab(Endpoints(self.urls, "", spans))

    def chat(self, request: dict[str, Any]) -> tuple[int, Any]:
        number = len(self.references) + 1
        trace_id = f"{number:032x}"
        self.references[request["headers"]["X-Request-Id"]] = trace_id
        tools = ["list_slots", "book_appointment"][:number]
        self.write(trace_id, tools, tokens=10 + number)
        return 200, {"outcome": self.outcome, "trace_id": trace_id}

    def lines(self, request: dict[str, Any]) -> tuple[int, Any]:
        reference = request["params"]["query"].split('request_id="')[1].rstrip('"')
        found = self.references.get(reference)
        metadata = {"structuredMetadata": {"trace_id": found, "request_id": reference}}
        values = [[str(time.time_ns()), "POST /chat 200", metadata]] if found else []
        stream = {"stream": {"service_name": "assistant"}, "values": values}
        return 200, {"data": {"resultType": "streams", "result": [stream]}}

    def write(self, trace_id: str, tools: list[str], tokens: int) -> None:
        names: list[tuple[str, dict[str, Any]]] = [("POST /chat", {})]
        for tool in tools:
            names.append(("chat lab-small", {"gen_ai.usage.output_tokens": 99, "gen_ai.usage.input_tokens": 55}))
            names.append((f"execute_tool {tool}", {"gen_ai.tool.name": tool}))
        names.append(("chat lab-small", {"gen_ai.usage.output_tokens": tokens, "gen_ai.usage.input_tokens": 55}))
        start = time.time_ns()
        rows = [
            {
                "traceId": trace_id,
                "spanId": f"{number + 1:016x}",
                "parentSpanId": "" if not number else f"{1:016x}",
                "name": name,
                "startTimeUnixNano": str(start + number * 1000),
                "endTimeUnixNano": str(start + number * 1000 + 500),
                "attributes": [
                    {
                        "key": key,
                        "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
                    }
                    for key, value in attributes.items()
                ],
            }
            for number, (name, attributes) in enumerate(names)
        ]
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "assistant"}}]}
        document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": rows}]}]}
        with (self.spans / "spans.jsonl").open("a") as file:
            file.write(json.dumps(document) + "\n")

    def without(self, server: str) -> Lab:
        return Lab(Endpoints(self.urls | {server: "http://127.0.0.1:9"}, "", self.spans))


@pytest.fixture
def little(tmp_path: Path) -> Iterator[LittleLab]:
    with serving() as server:
        yield LittleLab(server, tmp_path)


def started(little: LittleLab, seed: int = 1) -> Session:
    own = session.new(EXERCISE.name, seed)
    exercise_code.start(EXERCISE, little.lab, own)
    return own


def old(own: Session) -> Session:
    own.started_at -= 3600
    return own


def test_untouched_it_does_not_pass_for_want_of_answers(little: LittleLab) -> None:
    outcome = exercise_code.check(EXERCISE, little.lab, started(little))
    assert isinstance(outcome, Checked) and not outcome.passed
    assert [one.seen for one in outcome.findings] == ["no answer yet"] * 3


def test_it_passes_with_its_solution(little: LittleLab) -> None:
    own = started(little)
    own.answers = exercise_code.solve(EXERCISE, little.lab, own)
    assert own.answers == {"trace": f"{1:032x}", "tool": "list_slots", "tokens": "11"}
    outcome = exercise_code.check(EXERCISE, little.lab, own)
    assert isinstance(outcome, Checked) and outcome.passed


def test_another_sessions_values_are_refused(little: LittleLab) -> None:
    first = started(little, seed=1)
    answers = exercise_code.solve(EXERCISE, little.lab, first)
    second = started(little, seed=2)
    assert first.values["reference"] != second.values["reference"]
    second.answers = answers
    outcome = exercise_code.check(EXERCISE, little.lab, second)
    assert isinstance(outcome, Checked) and not outcome.passed
    assert [one.ok for one in outcome.findings] == [False, False, False]
    assert outcome.findings[0].seen == "a trace of another request, POST /chat"


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ({"trace": "hello"}, "'hello' is not a trace id"),
        ({"trace": "f" * 32}, "an id that no trace has"),
        ({"tool": "cancel_appointment"}, "`cancel_appointment` is not it"),
        ({"tokens": "many"}, "`many` is not a whole number"),
        ({"tokens": "55"}, "55 are input tokens"),
        ({"tokens": "99"}, "99 is not it"),
    ],
)
def test_wrong_answers_are_reported_without_giving_the_right_one_away(
    little: LittleLab, answers: dict[str, str], seen: str
) -> None:
    started(little)
    own = started(little)  # two tools, so that the first one is a wrong answer too
    right = exercise_code.solve(EXERCISE, little.lab, own)
    own.answers = right | answers
    outcome = exercise_code.check(EXERCISE, little.lab, own)
    assert isinstance(outcome, Checked) and not outcome.passed
    (wrong,) = [one for one in outcome.findings if not one.ok]
    assert seen in wrong.seen
    assert right[wrong.what] not in f"{wrong.expected} {wrong.seen}"


def test_the_first_of_two_tools_is_not_the_last(little: LittleLab) -> None:
    started(little)
    own = started(little)
    own.answers = {"tool": "list_slots"}
    outcome = exercise_code.check(EXERCISE, little.lab, own)
    assert isinstance(outcome, Checked) and not outcome.passed
    assert outcome.findings[1].seen == "`list_slots` is not it"


def test_signals_on_their_way_are_waited_for_and_lost_ones_reported(little: LittleLab) -> None:
    own = started(little)
    (little.spans / "spans.jsonl").write_text("")
    waiting = exercise_code.check(EXERCISE, little.lab, own)
    assert isinstance(waiting, Waiting)
    assert 0 < waiting.seconds <= 20
    lost = exercise_code.check(EXERCISE, little.lab, old(own))
    assert isinstance(lost, CannotCheck)
    assert lost.server == "traces"
    little.references.clear()
    nothing = exercise_code.check(EXERCISE, little.lab, own)
    assert isinstance(nothing, CannotCheck)
    assert nothing.server == "loki"


@pytest.mark.parametrize("server", ["assistant", "loki"])
def test_it_cannot_be_checked_without_a_server(little: LittleLab, server: str) -> None:
    own = started(little)
    outcome = exercise_code.check(EXERCISE, little.without(server), own)
    assert isinstance(outcome, CannotCheck)
    assert outcome.server == server


def test_it_cannot_be_checked_without_traces(little: LittleLab, tmp_path: Path) -> None:
    own = started(little)
    outcome = exercise_code.check(EXERCISE, Lab(Endpoints(little.urls, "", tmp_path / "none")), own)
    assert isinstance(outcome, CannotCheck)
    assert outcome.server == "traces"


def test_it_does_not_start_without_a_server_or_during_an_outage(little: LittleLab) -> None:
    with pytest.raises(ServerMissing, match="loki"):
        exercise_code.start(EXERCISE, little.without("loki"), session.new(EXERCISE.name, 1))
    little.outcome = "fallback"
    with pytest.raises(ServerMissing, match="is a scenario running"):
        exercise_code.start(EXERCISE, little.lab, session.new(EXERCISE.name, 1))


def test_the_same_seed_draws_the_same_values(little: LittleLab) -> None:
    first, again, other = (started(little, seed=seed).values for seed in (3, 3, 4))
    assert first["reference"] == again["reference"] != other["reference"]
    assert first["business"] == again["business"]


def test_what_is_stored_does_not_hold_the_answers(little: LittleLab, tmp_path: Path) -> None:
    own = started(little)
    session.save(tmp_path, own)
    text = session.path_for(tmp_path, EXERCISE.name).read_text()
    right = exercise_code.solve(EXERCISE, little.lab, own)
    assert right["trace"] not in text
    assert right["tool"] not in text

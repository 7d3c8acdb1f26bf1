"""Each fault of the model on a real lab: the user, metrics, logs and traces show it; off, all is as before."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from lab.query import BadAnswer, ChatAnswer, Line, Span, Trace, wait_for
from services.model import bad_responses
from tests.support.labs.running import RunningLab
from tests.support.servers.customers import Customer, some_business

SIGNAL_SECONDS = 20
HITS = "lab_fault_hits_total"
CALLS = "gen_ai_client_operation_duration_seconds"
HELLO = {"model": "lab-small", "messages": [{"role": "user", "content": "Hello"}]}
KEY = {"Authorization": "Bearer lab"}


@dataclass(frozen=True)
class Case:
    """A fault: what the user gets, and the series that grows by it next to the count of its hits."""

    fault: str
    series: str
    outcome: str = "fallback"
    error_type: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    says: Callable[[str], bool] = lambda reply: "cannot answer right now" in reply


def failing(fault: str, kind: str, **parameters: Any) -> Case:
    return Case(fault, f'{CALLS}_count{{error_type="{kind}"}}', error_type=kind, parameters=parameters)


def answering(fault: str, says: Callable[[str], bool], series: str = "", **parameters: Any) -> Case:
    return Case(fault, series or f'{HITS}{{fault="{fault}"}}', "ok", parameters=parameters, says=says)


SLOW_CALLS = f'sum({CALLS}_count{{error_type=""}}) - sum({CALLS}_bucket{{error_type="", le="1.0"}})'
CASES = (
    failing("errors", "502", status=502),
    failing("throttle", "429", retry_after=60),
    failing("hang", "timeout"),
    failing("cut", "RemoteProtocolError"),
    failing("empty", "empty_answer"),
    failing("malformed", "malformed_answer"),
    answering("latency", lambda reply: "[lab" not in reply, SLOW_CALLS, seconds=1.5),
    answering("unsafe", lambda reply: reply in bad_responses.UNSAFE),
    answering("poor", lambda reply: reply in bad_responses.POOR),
    answering("long", lambda reply: len(reply) > 2000, 'sum(ai_tokens_total{type="output"}) / 600', tokens=700),
)


@dataclass(frozen=True)
class Episode:
    """What was seen of one fault: two chats, one while it was on and one after it, and its series before."""

    hit: ChatAnswer
    after: ChatAnswer
    before: float
    hits_before: float


def sum_of(running: RunningLab, query: str) -> float:
    return running.lab.prometheus.value(f"sum({query})")


@pytest.fixture(scope="module", autouse=True)
def leaves_nothing(quiet_lab: RunningLab) -> Iterator[None]:
    """Other tests of this lab count on an assistant that never failed."""
    yield
    quiet_lab.lab.service("model").fault_off()
    quiet_lab.run("restart", "assistant")
    assert wait_for(lambda: sum_of(quiet_lab, 'ai_requests_total{outcome!="ok"}') == 0, SIGNAL_SECONDS)


@pytest.fixture(scope="module")
def episodes(quiet_lab: RunningLab) -> dict[str, Episode]:
    """Every fault in turn; the signals are looked at afterwards, when they have all arrived."""
    model, assistant = quiet_lab.lab.service("model"), quiet_lab.lab.assistant
    found = {}
    for case in CASES:
        before, hits = sum_of(quiet_lab, case.series), sum_of(quiet_lab, f'{HITS}{{fault="{case.fault}"}}')
        model.fault_on(case.fault, 60, parameters=case.parameters)
        try:
            hit = assistant.chat("Hello")
        finally:
            model.fault_off(case.fault)
        found[case.fault] = Episode(hit, assistant.chat("Hello"), before, hits)
    return found


@pytest.fixture(params=CASES, ids=lambda case: case.fault)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_the_user_is_answered_and_the_next_one_as_ever(case: Case, episodes: dict[str, Episode]) -> None:
    seen = episodes[case.fault]
    assert seen.hit.outcome == case.outcome
    assert case.says(seen.hit.reply), seen.hit.reply
    assert seen.after.outcome == "ok"
    assert "appointment" in seen.after.reply
    assert seen.after.reply not in bad_responses.UNSAFE
    assert len(seen.after.reply) < 300


def test_the_metrics_show_it(case: Case, episodes: dict[str, Episode], quiet_lab: RunningLab) -> None:
    seen = episodes[case.fault]
    hits = f'{HITS}{{job="model", fault="{case.fault}"}}'
    assert wait_for(lambda: sum_of(quiet_lab, hits) >= seen.hits_before + 1, SIGNAL_SECONDS)
    assert wait_for(lambda: sum_of(quiet_lab, case.series) >= seen.before + 1, SIGNAL_SECONDS)


def lines(running: RunningLab, service: str, trace_id: str, event: str) -> list[Line]:
    query = f'{{service_name="{service}"}} | trace_id="{trace_id}" | event="{event}"'
    return running.lab.loki.query(query, time.time() - 600)


def test_log_lines_show_it(case: Case, episodes: dict[str, Episode], quiet_lab: RunningLab) -> None:
    seen = episodes[case.fault]
    found = wait_for(lambda: lines(quiet_lab, "model", seen.hit.trace_id, "fault.hit"), SIGNAL_SECONDS)
    assert found
    assert {line.metadata["fault"] for line in found} == {case.fault}
    event = "model.failed" if case.error_type else "model.call"
    calls = wait_for(lambda: lines(quiet_lab, "assistant", seen.hit.trace_id, event), SIGNAL_SECONDS)
    assert calls
    assert {line.metadata.get("error_type", "") for line in calls} == {case.error_type}
    assert wait_for(lambda: lines(quiet_lab, "assistant", seen.after.trace_id, "model.call"), SIGNAL_SECONDS)
    assert lines(quiet_lab, "model", seen.after.trace_id, "fault.hit") == []


def model_spans(running: RunningLab, trace_id: str) -> tuple[Trace, tuple[Span, ...]]:
    """The trace, once it is whole, and its spans in the model."""
    source = running.lab.traces()

    def whole() -> Trace | None:
        trace = source.get(trace_id)
        return trace if trace and trace.find("POST /chat") and trace.find("POST /v1", "model") else None

    trace = wait_for(whole, SIGNAL_SECONDS)
    assert trace, f"trace {trace_id} is not in {source.name}"
    return trace, trace.find("POST /v1/chat/completions", "model")


def test_spans_show_it(case: Case, episodes: dict[str, Episode], quiet_lab: RunningLab) -> None:
    seen = episodes[case.fault]
    trace, spans = model_spans(quiet_lab, seen.hit.trace_id)
    assert {span.attributes.get("lab.fault") for span in spans} == {case.fault}
    calls = [span for span in trace.find("chat ", "assistant") if span.attributes.get("gen_ai.operation.name")]
    assert {span.attributes.get("error.type", "") for span in calls} == {case.error_type}
    if case.fault == "latency":
        assert all(span.duration >= 1.5 for span in spans)
    _, after = model_spans(quiet_lab, seen.after.trace_id)
    assert all("lab.fault" not in span.attributes and span.duration < 1.5 for span in after)


def active(running: RunningLab, fault: str) -> float:
    return sum_of(running, f'lab_fault_active{{job="model", fault="{fault}"}}')


def audit(running: RunningLab, event: str, fault: str, since: float) -> list[Line]:
    query = f'{{service_name="model", kind="audit"}} | event="{event}" | fault="{fault}"'
    return running.lab.loki.query(query, since)


def test_a_forgotten_fault_ends_by_itself(quiet_lab: RunningLab) -> None:
    model, assistant = quiet_lab.lab.service("model"), quiet_lab.lab.assistant
    began = time.time()
    model.fault_on("poor", 8)
    assert assistant.chat("Hello").reply in bad_responses.POOR
    assert wait_for(lambda: active(quiet_lab, "poor") == 1, 8)
    assert wait_for(lambda: not model.faults(), 10)
    assert time.time() - began >= 8
    assert assistant.chat("Hello").reply not in bad_responses.POOR
    assert wait_for(lambda: active(quiet_lab, "poor") == 0, SIGNAL_SECONDS)
    for event, reason in (("fault.on", None), ("fault.off", "ended")):
        found = wait_for(lambda event=event: audit(quiet_lab, event, "poor", began - 1), SIGNAL_SECONDS)
        assert [line.metadata.get("reason") for line in found or []] == [reason]


def test_a_hidden_fault_is_named_in_no_signal(quiet_lab: RunningLab) -> None:
    model = quiet_lab.lab.service("model")
    began = time.time()
    hits = sum_of(quiet_lab, f'{HITS}{{fault="poor"}}')
    model.fault_on("poor", 60, hidden=True)
    try:
        assert [fault.fault for fault in model.faults()] == ["hidden"]
        trace_id = quiet_lab.lab.assistant.chat("Hello").trace_id
        assert wait_for(lambda: active(quiet_lab, "hidden") == 1, SIGNAL_SECONDS)
    finally:
        model.fault_off()
    assert active(quiet_lab, "poor") == 0
    assert sum_of(quiet_lab, f'{HITS}{{fault="poor"}}') == hits
    _, spans = model_spans(quiet_lab, trace_id)
    assert {span.attributes.get("lab.fault") for span in spans} == {"hidden"}
    assert wait_for(lambda: audit(quiet_lab, "fault.off", "hidden", began), SIGNAL_SECONDS)
    everything = quiet_lab.lab.loki.query('{service_name="model"}', began, limit=1000)
    assert [line for line in everything if "poor" in f"{line.text}{line.metadata}"] == []


def test_all_faults_together_never_become_a_server_error(quiet_lab: RunningLab) -> None:
    model, url = quiet_lab.lab.service("model"), quiet_lab.url("assistant")
    business = some_business(url)["id"]
    short: dict[str, dict[str, Any]] = {"hang": {"seconds": 0.5}, "latency": {"seconds": 0.3, "tail": "long"}}
    before = sum_of(quiet_lab, HITS)
    # Weak enough that the circuit breaker stays closed most of the time.
    for case in CASES:
        model.fault_on(case.fault, 60, intensity=0.04, parameters=short.get(case.fault, case.parameters))

    def converse(number: int) -> list[str]:
        customer = Customer(url, business_id=business, user_id=f"unlucky-{number}")
        words = ("I would like to book an appointment", "tomorrow", "the first one", "yes", "cancel it", "yes")
        return [str(customer.say(text)["outcome"]) for text in words]  # refuses whatever is not 200

    try:
        with ThreadPoolExecutor(6) as pool:
            outcomes = Counter(itertools.chain.from_iterable(pool.map(converse, range(12))))
    finally:
        model.fault_off()
    assert set(outcomes) == {"ok", "fallback"}, outcomes

    assert wait_for(lambda: sum_of(quiet_lab, HITS) >= before + 10, SIGNAL_SECONDS)


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_answer_breaks_off_on_the_wire(quiet_lab: RunningLab, stream: bool) -> None:
    model, url = quiet_lab.lab.service("model"), quiet_lab.url("model") + "/v1/chat/completions"
    model.fault_on("cut", 60)
    try:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            httpx.post(url, json={**HELLO, "stream": stream}, headers=KEY, timeout=5)
    finally:
        model.fault_off()
    assert httpx.post(url, json={**HELLO, "stream": stream}, headers=KEY, timeout=5).status_code == 200


def test_calls_that_hang_leave_threads_for_the_admin_api_and_end_with_a_restart(quiet_lab: RunningLab) -> None:
    model, url = quiet_lab.lab.service("model"), quiet_lab.url("model") + "/v1/chat/completions"
    model.fault_on("hang", 600)
    with ThreadPoolExecutor(40) as pool:

        def call(_: int) -> str:
            try:
                return str(httpx.post(url, json=HELLO, headers=KEY, timeout=30).status_code)
            except httpx.TransportError as error:
                return type(error).__name__

        calls = [pool.submit(call, number) for number in range(40)]
        # Half of the model's 64 threads may hang, the rest is refused at once.
        assert wait_for(lambda: sum(one.done() for one in calls) == 8, 10)
        assert {one.result() for one in calls if one.done()} == {"503"}
        asked = time.monotonic()
        assert [fault.fault for fault in model.faults()] == ["hang"]
        assert time.monotonic() - asked < 2
        quiet_lab.run("restart", "model")
        assert not {one.result(timeout=30) for one in calls} & {"200"}
    assert model.faults() == []
    assert quiet_lab.lab.assistant.chat("Hello").outcome == "ok"
    assert wait_for(lambda: active(quiet_lab, "hang") == 0, SIGNAL_SECONDS)


def test_a_wrong_token_is_refused_counted_and_audited(quiet_lab: RunningLab) -> None:
    refused = 'lab_admin_requests_total{job="model", action="faults.on", result="refused"}'
    before, began = sum_of(quiet_lab, refused), time.time()
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        order = {"fault": "errors", "duration_seconds": 60}
        answer = httpx.post(quiet_lab.url("model") + "/admin/faults", json=order, headers=headers, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems/unauthorized"
    assert wait_for(lambda: sum_of(quiet_lab, refused) == before + 2, SIGNAL_SECONDS)
    query = '{service_name="model", kind="audit"} | event="admin.refused"'
    assert wait_for(lambda: len(quiet_lab.lab.loki.query(query, began - 1)) == 2, SIGNAL_SECONDS)
    assert quiet_lab.lab.service("model").faults() == []


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"fault": "latancy"}, "Did you mean latency?"),
        ({"fault": "errors", "intensity": 1.5}, "intensity"),
        ({"fault": "errors", "duration": 0}, "duration_seconds"),
        ({"fault": "errors", "target": "model=lab-smal"}, "Did you mean lab-small?"),
        ({"fault": "errors", "target": "route=/chat"}, "model=..."),
    ],
)
def test_a_wrong_order_says_what_to_fix(quiet_lab: RunningLab, order: dict[str, Any], said: str) -> None:
    model = quiet_lab.lab.service("model")
    with pytest.raises(BadAnswer) as refused:
        model.fault_on(**{"duration": 60, **order})
    assert refused.value.status == 422
    assert said in str(refused.value)


def test_the_log_level_changes_while_it_runs(quiet_lab: RunningLab) -> None:
    model, assistant = quiet_lab.lab.service("model"), quiet_lab.lab.assistant
    model.set_log_level("ERROR")
    try:
        silent = assistant.chat("Hello").trace_id
    finally:
        model.set_log_level("INFO")
    logged = assistant.chat("Hello").trace_id
    assert wait_for(lambda: lines(quiet_lab, "model", logged, "http.request"), SIGNAL_SECONDS)
    assert lines(quiet_lab, "model", silent, "http.request") == []

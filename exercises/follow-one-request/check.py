"""Draws one customer's request, and checks the answers against Loki and the traces."""

import random
from datetime import UTC, datetime
from operator import itemgetter

from lab.exercises.outcome import CannotCheck, Checked, Finding, Outcome, Waiting
from lab.exercises.session import Session
from lab.query import Lab, ServerMissing, Trace, clean_trace_id

# Each needs another tool or none, and gets a reply of another length.
_MESSAGES = (
    "Hello! Do you have anything free tomorrow?",
    "I would like an appointment next Tuesday morning, please.",
    "What appointments do I have?",
    "I want to talk to a human.",
    "Can I come in on Thursday afternoon?",
    "Which times are free the day after tomorrow?",
)
# Seconds after which the log line and the trace of a request must be stored.
_STORED_SECONDS = 20.0
# Businesses of the lab itself.
_PROBES = ("lab-doctor", "lab-journey")


def start(lab: Lab, draw: random.Random) -> dict[str, str]:
    """Send one customer's message under a drawn reference; return the values that the customer knows."""
    businesses = sorted((one for one in lab.assistant.businesses() if one["id"] not in _PROBES), key=itemgetter("id"))
    business = draw.choice(businesses)
    reference = f"ref-{draw.randrange(16**8):08x}"
    at = datetime.now(UTC)
    answer = lab.assistant.request(
        "POST",
        "/chat",
        body={"message": draw.choice(_MESSAGES), "business_id": business["id"], "user_id": f"caller-{reference}"},
        headers={"X-Request-Id": reference},
        timeout=20.0,
    ).json()
    if answer["outcome"] != "ok":
        raise ServerMissing("model", lab.model.url, "the assistant got no answer from it; is a scenario running?")
    return {"reference": reference, "business": business["name"], "at": f"{at:%H:%M:%S}"}


def check(lab: Lab, session: Session) -> Outcome:
    """Compare the learner's answers with the stored signals of the session's request."""
    trace_id = _trace_id(lab, session)
    trace = lab.traces().get(trace_id) if trace_id else None
    if trace is None or not trace.find("chat ", service="assistant"):
        if session.age < _STORED_SECONDS:
            late = "trace" if trace_id else "log line"
            return Waiting(_STORED_SECONDS - session.age, f"the request's {late} is still on its way")
        server = "traces" if trace_id else "loki"
        return CannotCheck(server, f"it has no data of {session.values['reference']}; start the exercise again")
    given = session.answers
    return Checked(
        (
            _check_trace(lab, trace, given.get("trace", "")),
            _check_tool(trace, given.get("tool", "")),
            _check_tokens(trace, given.get("tokens", "")),
        )
    )


def _trace_id(lab: Lab, session: Session) -> str | None:
    query = f'{{service_name="assistant"}} | request_id="{session.values["reference"]}"'
    # The request was sent at the start. A narrow search is a fast one.
    lines = lab.loki.query(query, start=session.started_at - 60, end=session.started_at + 600)
    return next((line.metadata["trace_id"] for line in lines if line.metadata.get("trace_id")), None)


def _check_trace(lab: Lab, trace: Trace, given: str) -> Finding:
    def finding(seen: str, ok: bool = False) -> Finding:
        return Finding("trace", "the trace of the request with the customer's reference", seen, ok)

    if not given:
        return finding("no answer yet")
    try:
        wanted = clean_trace_id(given)
    except ValueError as error:
        return finding(str(error))
    if wanted == trace.trace_id:
        return finding("that one", ok=True)
    other = lab.traces().get(wanted)
    return finding(f"a trace of another request, {other.spans[0].name}" if other else "an id that no trace has")


def _check_tool(trace: Trace, given: str) -> Finding:
    tools = [str(span.attributes.get("gen_ai.tool.name")) for span in trace.find("execute_tool ", service="assistant")]
    right = given.removeprefix("execute_tool ").strip() == (tools[-1] if tools else "none")
    seen = f"`{given}`" if right else f"`{given}` is not it" if given else "no answer yet"
    return Finding("tool", "the tool that the assistant executed last in that trace, or `none`", seen, right)


def _check_tokens(trace: Trace, given: str) -> Finding:
    def finding(seen: str, ok: bool = False) -> Finding:
        return Finding("tokens", "the output tokens of the last call of the model in that trace", seen, ok)

    calls = trace.find("chat ", service="assistant")
    if not given:
        return finding("no answer yet")
    if not given.isascii() or not given.isdigit():
        return finding(f"`{given}` is not a whole number")
    if int(given) == calls[-1].attributes.get("gen_ai.usage.output_tokens"):
        return finding(given, ok=True)
    is_input = int(given) in [span.attributes.get("gen_ai.usage.input_tokens") for span in calls]
    return finding(f"{given} are input tokens" if is_input else f"{given} is not it")

"""Draws one customer's request, and later asks Loki and the traces what happened in it."""

import random
from datetime import UTC, datetime

from lab.exercises.outcome import CannotCheck, Finding, Outcome, Waiting, of
from lab.exercises.session import Session
from lab.query import Lab, ServerMissing, Trace, clean_trace_id

# Each leads the assistant to another tool or to none, and to an answer of another length.
_MESSAGES = (
    "Hello! Do you have anything free tomorrow?",
    "I would like an appointment next Tuesday morning, please.",
    "What appointments do I have?",
    "I want to talk to a human.",
    "Can I come in on Thursday afternoon?",
    "Which times are free the day after tomorrow?",
)
# After this long a line and a trace of a request that was sent must be there.
_PATIENCE = 20.0
# Businesses of the lab itself.
_PROBES = ("lab-doctor", "lab-journey")


def start(lab: Lab, draw: random.Random) -> dict[str, str]:
    """Send one customer's message under a drawn reference, and return what the customer knows."""
    businesses = sorted((one for one in lab.assistant.businesses() if one["id"] not in _PROBES), key=_by_id)
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
    """Compare the learner's answers with what the servers say of the session's request."""
    trace_id = _trace_id(lab, session)
    trace = lab.traces().get(trace_id) if trace_id else None
    if trace is None or not trace.find("chat ", service="assistant"):
        if session.age < _PATIENCE:
            late = "trace" if trace_id else "log line"
            return Waiting(_PATIENCE - session.age, f"the request's {late} is still on its way")
        server = "traces" if trace_id else "loki"
        return CannotCheck(server, f"it has no data of {session.values['reference']}; start the exercise again")
    given = session.answers
    return of(
        [
            _check_trace(lab, trace, given.get("trace", "")),
            _check_tool(trace, given.get("tool", "")),
            _check_tokens(trace, given.get("tokens", "")),
        ]
    )


def _trace_id(lab: Lab, session: Session) -> str | None:
    query = f'{{service_name="assistant"}} | request_id="{session.values["reference"]}"'
    # The request was sent at the start; its lines cannot be much younger. A narrow search is a quick one.
    lines = lab.loki.query(query, start=session.started_at - 60, end=session.started_at + 600)
    return next((line.metadata["trace_id"] for line in lines if line.metadata.get("trace_id")), None)


def _check_trace(lab: Lab, trace: Trace, given: str) -> Finding:
    what, expected = "trace", "the trace of the request with the customer's reference"
    if not given:
        return Finding(what, expected, "no answer yet", ok=False)
    try:
        wanted = clean_trace_id(given)
    except ValueError as error:
        return Finding(what, expected, str(error), ok=False)
    if wanted == trace.trace_id:
        return Finding(what, expected, "that one", ok=True)
    other = lab.traces().get(wanted)
    seen = f"a trace of another request, {other.spans[0].name}" if other else "an id that no trace has"
    return Finding(what, expected, seen, ok=False)


def _check_tool(trace: Trace, given: str) -> Finding:
    tools = [str(span.attributes.get("gen_ai.tool.name")) for span in trace.find("execute_tool ", service="assistant")]
    expected = "the tool that the assistant executed last in that trace, or `none`"
    if not given:
        return Finding("tool", expected, "no answer yet", ok=False)
    right = given.removeprefix("execute_tool ").strip() == (tools[-1] if tools else "none")
    return Finding("tool", expected, f"`{given}`" if right else f"`{given}` is not it", ok=right)


def _check_tokens(trace: Trace, given: str) -> Finding:
    last = trace.find("chat ", service="assistant")[-1]
    expected = "the output tokens of the last call of the model in that trace"
    if not given:
        return Finding("tokens", expected, "no answer yet", ok=False)
    if not given.isascii() or not given.isdigit():
        return Finding("tokens", expected, f"`{given}` is not a whole number", ok=False)
    right = int(given) == last.attributes.get("gen_ai.usage.output_tokens")
    if right:
        return Finding("tokens", expected, given, ok=True)
    others = [span.attributes.get("gen_ai.usage.input_tokens") for span in trace.find("chat ", service="assistant")]
    seen = f"{given} are input tokens" if int(given) in others else f"{given} is not it"
    return Finding("tokens", expected, seen, ok=False)


def _by_id(business: dict[str, object]) -> str:
    return str(business["id"])

"""Finds the answers as a learner does: from the log line to the trace, from the trace to its spans."""

from collections.abc import Mapping

from lab.query import Lab


def solve(lab: Lab, values: Mapping[str, str]) -> dict[str, str]:
    """Return the answers of the session with these values.

    Raises:
        LookupError: the request is not stored (yet).
    """
    lines = lab.loki.query(f'{{service_name="assistant"}} | request_id="{values["reference"]}"')
    trace_id = next((line.metadata["trace_id"] for line in lines if line.metadata.get("trace_id")), None)
    if trace_id is None:
        raise LookupError(f"Loki has no line with the reference {values['reference']} (yet)")
    trace = lab.traces().get(trace_id)
    if trace is None:
        raise LookupError(f"there is no trace {trace_id} (yet)")
    tools = trace.find("execute_tool ", service="assistant")
    calls = trace.find("chat ", service="assistant")
    return {
        "trace": trace_id,
        "tool": str(tools[-1].attributes["gen_ai.tool.name"]) if tools else "none",
        "tokens": str(calls[-1].attributes["gen_ai.usage.output_tokens"]),
    }

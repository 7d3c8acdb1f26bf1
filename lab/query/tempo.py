"""Client of Tempo."""

from lab.query.http import Server
from lab.query.traces import Trace, clean_trace_id, spans_of


class Tempo(Server):
    """Tempo's HTTP API, as a TraceSource."""

    def get(self, trace_id: str) -> Trace | None:
        """Return one trace; None for an unknown id, for which Tempo returns 200 with an empty trace."""
        wanted = clean_trace_id(trace_id)
        answer = self.request("GET", f"/api/v2/traces/{wanted}", accept=(404,), headers={"Accept": "application/json"})
        if answer.status_code == 404:
            return None
        return Trace.of(wanted, spans_of(answer.json().get("trace") or {}))

"""Typed clients of the lab's servers, used by the commands, the checks and the tests."""

from lab.query.alertmanager import Alertmanager, NotifiedAlert
from lab.query.endpoints import Endpoints, Lab
from lab.query.errors import BadAnswer, QueryError, ServerMissing
from lab.query.loki import Line, Loki
from lab.query.pager import Incident, Pager
from lab.query.prometheus import Exemplar, Prometheus, RuleAlert, Sample
from lab.query.services import ActiveFault, Assistant, ChatAnswer, Service
from lab.query.spanfile import SpanFile
from lab.query.tempo import Tempo
from lab.query.times import wait_for
from lab.query.traces import Span, Trace, TraceSource, clean_trace_id

__all__ = [
    "ActiveFault",
    "Alertmanager",
    "Assistant",
    "BadAnswer",
    "ChatAnswer",
    "Endpoints",
    "Exemplar",
    "Incident",
    "Lab",
    "Line",
    "Loki",
    "NotifiedAlert",
    "Pager",
    "Prometheus",
    "QueryError",
    "RuleAlert",
    "Sample",
    "ServerMissing",
    "Service",
    "Span",
    "SpanFile",
    "Tempo",
    "Trace",
    "TraceSource",
    "clean_trace_id",
    "wait_for",
]

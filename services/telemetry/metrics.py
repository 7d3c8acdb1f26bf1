"""Metrics of one app: its registry, exemplars that lead to traces, and the exposition that Prometheus scrapes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import prometheus_client
from opentelemetry import trace
from opentelemetry.trace import TraceFlags
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from services.telemetry import names
from services.telemetry.labels import CardinalityLimiter

Metric = TypeVar("Metric", Counter, Gauge, Histogram)
Labels = Mapping[str, str]


class Metrics:
    """The registry of one app.

    Nothing is registered globally: two of them in one process are independent.
    """

    def __init__(self) -> None:
        # The `_created` series double the number of counters, and Prometheus 3 does not need them.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._overflow = self.counter(
            names.LABEL_OVERFLOW,
            "Label values beyond the cardinality limit.",
            names.LABEL_OVERFLOW_LABELS,
        )

    def counter(self, name: str, doc: str, labels: Sequence[str] = (), initial: Iterable[Labels] = ()) -> Counter:
        """Register a counter; each label set of `initial` is exposed at 0 from the first scrape."""
        return _with_series(Counter(name, doc, labels, registry=self.registry), initial)

    def gauge(self, name: str, doc: str, labels: Sequence[str] = (), initial: Iterable[Labels] = ()) -> Gauge:
        """Register a gauge; each label set of `initial` is exposed at 0 from the first scrape."""
        return _with_series(Gauge(name, doc, labels, registry=self.registry), initial)

    def histogram(
        self, name: str, doc: str, labels: Sequence[str], buckets: Sequence[float], initial: Iterable[Labels] = ()
    ) -> Histogram:
        """Register a histogram; each label set of `initial` is exposed at 0 from the first scrape."""
        return _with_series(Histogram(name, doc, labels, registry=self.registry, buckets=buckets), initial)

    def limit_cardinality(self, label_name: str, limit: int, allowed: Iterable[str] = ()) -> CardinalityLimiter:
        """Return a limiter for the label that counts its overflow; see `CardinalityLimiter`."""
        return CardinalityLimiter(limit, allowed, self._overflow.labels(label=label_name).inc)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Return body and content type for an Accept header: OpenMetrics, which has exemplars, or plain text."""
        try:
            encode, content_type = choose_encoder(accept)
        except (ValueError, TypeError):  # a version that is no number
            encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        return encode(self.registry), content_type


def _with_series(metric: Metric, initial: Iterable[Labels]) -> Metric:
    for labels in initial:
        metric.labels(**labels)
    return metric


def inc(counter: Counter, amount: float = 1, **labels: str) -> None:
    """Add to the counter, with the current trace as exemplar."""
    (counter.labels(**labels) if labels else counter).inc(amount, exemplar())


def observe(histogram: Histogram, value: float, **labels: str) -> None:
    """Observe, with the current trace as exemplar."""
    (histogram.labels(**labels) if labels else histogram).observe(value, exemplar())


def exemplar() -> dict[str, str] | None:
    """Return the exemplar of the current span; None unless it is sampled."""
    context = trace.get_current_span().get_span_context()
    if not context.trace_flags & TraceFlags.SAMPLED:
        return None
    return {"trace_id": trace.format_trace_id(context.trace_id)}

"""Metrics of one app: its own registry, exemplars that lead to traces, and the page that Prometheus scrapes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import prometheus_client
from opentelemetry import trace
from opentelemetry.trace import TraceFlags
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from services.telemetry import names
from services.telemetry.labels import LabelGuard

Metric = TypeVar("Metric", Counter, Gauge, Histogram)
Labels = Mapping[str, str]


class Metrics:
    """The registry of one app and the ways to add to it.

    A second one in the same process is independent of the first: nothing here is registered globally.
    """

    def __init__(self) -> None:
        # The `_created` series double the number of counters and tell nothing that Prometheus 3 needs.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._folded = self.counter(names.FOLDED, "Label values that were folded into `other`.", names.FOLDED_LABELS)

    def counter(self, name: str, doc: str, labels: Sequence[str] = (), initial: Iterable[Labels] = ()) -> Counter:
        """A counter; each label set of `initial` is there at 0 from the first scrape."""
        return _with_series(Counter(name, doc, labels, registry=self.registry), initial)

    def gauge(self, name: str, doc: str, labels: Sequence[str] = (), initial: Iterable[Labels] = ()) -> Gauge:
        """A gauge; each label set of `initial` is there at 0 from the first scrape."""
        return _with_series(Gauge(name, doc, labels, registry=self.registry), initial)

    def histogram(
        self, name: str, doc: str, labels: Sequence[str], buckets: Sequence[float], initial: Iterable[Labels] = ()
    ) -> Histogram:
        """A histogram; each label set of `initial` is there at 0 from the first scrape."""
        return _with_series(Histogram(name, doc, labels, registry=self.registry, buckets=buckets), initial)

    def guard(self, label_name: str, limit: int, known: Iterable[str] = ()) -> LabelGuard:
        """A guard that admits `limit` values of the label and counts what it folded."""
        folded = self._folded.labels(label=label_name)
        return LabelGuard(limit, known, folded.inc)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """The body and content type for a scraper that accepts so; OpenMetrics (with exemplars) when it asks for it."""
        try:
            encode, content_type = choose_encoder(accept)
        except (ValueError, TypeError):  # a version that is no number
            encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        return encode(self.registry), content_type


def _with_series(metric: Metric, initial: Iterable[Labels]) -> Metric:
    for labels in initial:
        metric.labels(**labels)
    return metric


def inc(counter: Counter, amount: float, labels: Labels) -> None:
    """Count, with the current trace as exemplar."""
    (counter.labels(**labels) if labels else counter).inc(amount, exemplar())


def observe(histogram: Histogram, value: float, labels: Labels) -> None:
    """Observe, with the current trace as exemplar."""
    (histogram.labels(**labels) if labels else histogram).observe(value, exemplar())


def exemplar(span: trace.Span | None = None) -> dict[str, str] | None:
    """The exemplar of the span (default: the current one); None unless it is sampled, for it would lead nowhere."""
    context = (span or trace.get_current_span()).get_span_context()
    if not context.trace_flags & TraceFlags.SAMPLED:
        return None
    return {"trace_id": f"{context.trace_id:032x}"}

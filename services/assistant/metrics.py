"""The assistant's own metrics, registered once per app."""

from collections.abc import Iterable

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric

from services.assistant.appointments.business import KINDS, PROBE_BUSINESSES, Business
from services.assistant.llm.completion import Completion
from services.assistant.storage.disk_quota import DiskQuota
from services.assistant.storage.pool import WatchedPool
from services.telemetry import Telemetry, genai, names

ROUTES = names.USER_ROUTES
OUTCOMES = ("ok", "fallback", "error")
# What can happen to requests that are about a business: only a chat has a fallback, and a prediction is about none.
_OF_A_BUSINESS = (
    ("/chat", OUTCOMES),
    *((route, ("ok", "error")) for route in ("/feedback", "/track", "/appointments")),
)
NO_BUSINESS = "none"
NO_KIND = "any"
_QUERY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_PREDICTION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# Names of usage events are chosen by businesses; these are expected, some more are let in.
_KNOWN_EVENTS = ("page_view", "call", "message", "booking_started", "booking_finished", "login")


class AssistantMetrics:
    """The metrics. Those that alerts and dashboards divide exist at 0 from the first scrape."""

    def __init__(self, telemetry: Telemetry, model: str, max_business_labels: int) -> None:
        self._telemetry = telemetry
        self._limit_business = telemetry.limit_cardinality(
            "business_id", max_business_labels, (*PROBE_BUSINESSES, NO_BUSINESS)
        )
        self._limit_event = telemetry.limit_cardinality("event", 10, _KNOWN_EVENTS)
        counter, histogram, gauge = telemetry.counter, telemetry.histogram, telemetry.gauge
        self.requests = counter(
            names.AI_REQUESTS,
            "Finished requests of users; a refused one (4xx) is not among them.",
            names.AI_REQUESTS_LABELS,
            [
                {"route": route, "outcome": outcome, "business_id": NO_BUSINESS}
                for route in ROUTES
                for outcome in OUTCOMES
            ],
        )
        self.response_time = histogram(
            names.AI_RESPONSE_TIME,
            "Seconds until a finished request was answered.",
            names.AI_RESPONSE_TIME_LABELS,
            names.HTTP_BUCKETS,
            [{"route": route} for route in ROUTES],
        )
        operation = {"gen_ai_operation_name": genai.CHAT, "gen_ai_request_model": model}
        self.model_duration = histogram(
            names.GEN_AI_DURATION,
            "Seconds of one call of the model.",
            names.GEN_AI_LABELS,
            names.GEN_AI_BUCKETS,
            [{**operation, "error_type": error} for error in ("", "429", "503", "timeout")],
        )
        self.model_tokens = histogram(
            names.GEN_AI_TOKENS,
            "Tokens of one call of the model.",
            names.GEN_AI_TOKEN_LABELS,
            names.TOKEN_BUCKETS,
            [{**operation, "gen_ai_token_type": kind} for kind in ("input", "output")],
        )
        self.tokens = counter(
            names.AI_TOKENS,
            "Tokens used.",
            names.AI_TOKENS_LABELS,
            [{"type": kind, "model": model} for kind in ("input", "output")],
        )
        self.cost = counter(names.AI_COST, "Cost of model calls in dollars.", names.AI_COST_LABELS, [{"model": model}])
        self.appointments = counter(
            names.APPOINTMENTS,
            "Appointments booked, moved, cancelled.",
            names.APPOINTMENTS_LABELS,
            [{"action": action, "kind": kind} for action in ("booked", "moved", "cancelled") for kind in KINDS],
        )
        self.bookings = counter(
            names.BOOKINGS,
            "Started bookings by outcome.",
            names.BOOKINGS_LABELS,
            [
                {"channel": channel, "outcome": outcome}
                for channel in ("chat", "api")
                for outcome in ("done", "refused", "failed")
            ],
        )
        self.conversations = counter(
            names.CONVERSATIONS,
            "Conversations started, and those that led to a booking or to a human.",
            names.CONVERSATIONS_LABELS,
            [
                {"result": result, "kind": kind}
                for result in ("started", "booked", "handed_over")
                for kind in (*KINDS, NO_KIND)
            ],
        )
        self.handoffs = counter(
            names.HANDOFFS,
            "Conversations given to a human.",
            names.HANDOFFS_LABELS,
            [{"reason": reason} for reason in ("asked", "error", "confused")],
        )
        self.fallbacks = counter(
            names.FALLBACKS,
            "Chats answered without the model.",
            names.FALLBACKS_LABELS,
            [{"reason": reason} for reason in ("provider_error", "circuit_open", "budget", "throttled")],
        )
        self.retries = counter(
            names.RETRIES,
            "Calls made again after a failure.",
            names.RETRIES_LABELS,
            [{"target": "model", "reason": reason} for reason in ("connect", "throttled", "server_error")],
        )
        self.circuit = gauge(
            names.CIRCUIT_STATE, "0 closed, 1 half open, 2 open.", names.CIRCUIT_LABELS, [{"target": "model"}]
        )
        self.feedback = counter(
            names.FEEDBACK, "Ratings.", names.FEEDBACK_LABELS, [{"stars": str(stars)} for stars in range(1, 6)]
        )
        self.tracked = counter(names.TRACKED, "Usage events of businesses.", names.TRACKED_LABELS)
        self.database_up = gauge(names.DATABASE_UP, "1 when the database answers.")
        self.queries = histogram(
            names.DATABASE_QUERY,
            "Seconds of a database statement.",
            names.DATABASE_QUERY_LABELS,
            _QUERY_BUCKETS,
            [{"db_operation_name": operation} for operation in ("SELECT", "INSERT", "UPDATE", "DELETE")],
        )
        self.pool_connections = gauge(
            names.POOL_CONNECTIONS, "Connections to the database, in use and idle.", names.POOL_CONNECTIONS_LABELS
        )
        self.pool_max = gauge(names.POOL_MAX, "Maximum of connections to the database.")
        self.pool_pending = gauge(names.POOL_PENDING, "Requests that wait for a connection to the database.")
        self.pool_timeouts = counter(names.POOL_TIMEOUTS, "Requests that got no connection to the database in time.")
        self.pool_wait = histogram(
            names.POOL_WAIT, "Seconds that a request waited for a connection to the database.", (), _QUERY_BUCKETS
        )
        self.disk_free = gauge(
            names.DISK_FREE,
            "Bytes that may still be written, by the budget and by the disk.",
            names.DISK_LABELS,
        )
        self.disk_limit = gauge(names.DISK_LIMIT, "Bytes that the folder may hold.", names.DISK_LABELS)
        self.predictions = counter(names.PREDICTIONS, "Predictions made.", names.PREDICTIONS_LABELS)
        self.prediction_latency = histogram(
            names.PREDICTION_LATENCY,
            "Seconds of a prediction.",
            names.PREDICTION_LATENCY_LABELS,
            _PREDICTION_BUCKETS,
        )

    def businesses(self, ids: Iterable[str]) -> None:
        """Show each business's requests at 0: a series that begins at 1 hides its first failure from every rate."""
        for business_id in ids:
            label = self._limit_business(business_id)
            for route, outcomes in _OF_A_BUSINESS:
                for outcome in outcomes:
                    self.requests.labels(route=route, outcome=outcome, business_id=label)

    def no_show_model(self, version: str) -> None:
        """Show the series of a model version at 0."""
        for outcome in ("show", "no_show"):
            self.predictions.labels(model_version=version, outcome=outcome)
        self.prediction_latency.labels(model_version=version)

    def finished(self, route: str, outcome: str, seconds: float, business_id: str | None) -> None:
        """Count one finished request of a user."""
        inc, observe = self._telemetry.inc, self._telemetry.observe
        inc(self.requests, route=route, outcome=outcome, business_id=self._limit_business(business_id or NO_BUSINESS))
        observe(self.response_time, seconds, route=route)

    def model_call(self, model: str, seconds: float, error: str) -> None:
        """Count one call of the model; `error` is empty when it was answered."""
        self._telemetry.observe(
            self.model_duration,
            seconds,
            gen_ai_operation_name=genai.CHAT,
            gen_ai_request_model=model,
            error_type=error,
        )

    def model_usage(self, model: str, answer: Completion, dollars: float) -> None:
        """Count what an answer took."""
        for kind, number in (("input", answer.input_tokens), ("output", answer.output_tokens)):
            self._telemetry.inc(self.tokens, number, type=kind, model=model)
            self._telemetry.observe(
                self.model_tokens,
                number,
                gen_ai_operation_name=genai.CHAT,
                gen_ai_request_model=model,
                gen_ai_token_type=kind,
            )
        self._telemetry.inc(self.cost, dollars, model=model)

    def track(self, event: str, business_id: str) -> None:
        """Count one usage event."""
        self._telemetry.inc(self.tracked, event=self._limit_event(event), business_id=self._limit_business(business_id))

    def appointment(self, action: str, business: Business) -> None:
        """Count a booked, moved or cancelled appointment; those of the probe are left out."""
        if not business.is_probe:
            self._telemetry.inc(self.appointments, action=action, kind=business.kind)

    def booking(self, outcome: str, business: Business, *, channel: str) -> None:
        """Count a booking by outcome; those of the probe are left out."""
        if not business.is_probe:
            self._telemetry.inc(self.bookings, outcome=outcome, channel=channel)

    def conversation(self, result: str, business: Business | None) -> None:
        """Count a conversation's step; those of the probe are left out."""
        if business is None or not business.is_probe:
            kind = business.kind if business else NO_KIND
            self._telemetry.inc(self.conversations, result=result, kind=kind)

    def pool(self, pool: WatchedPool) -> None:
        """Export a pool's state, and observe its waits and time-outs."""
        pool.wait_listeners.append(self._pool_wait)
        self.pool_connections.labels("used").set_function(pool.checkedout)
        self.pool_connections.labels("idle").set_function(pool.checkedin)
        self.pool_max.set_function(pool.size)
        self.pool_pending.set_function(lambda: pool.pending)

    def _pool_wait(self, seconds: float, acquired: bool) -> None:
        self._telemetry.observe(self.pool_wait, seconds)
        if not acquired:
            self._telemetry.inc(self.pool_timeouts)

    def disk(self, quota: DiskQuota) -> None:
        """Export the quota of the data folder."""
        self.disk_free.labels("data").set_function(quota.free)
        self.disk_limit.labels("data").set(quota.limit)

    def query(self, operation: str, seconds: float) -> None:
        """Observe one database statement."""
        known = operation if operation in {"SELECT", "INSERT", "UPDATE", "DELETE"} else names.OTHER
        self._telemetry.observe(self.queries, seconds, db_operation_name=known)


def total(metric: Counter | Histogram, **labels: str) -> float:
    """Sum a counter over all series that carry these labels."""
    families: list[Metric] = list(metric.collect())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
    )

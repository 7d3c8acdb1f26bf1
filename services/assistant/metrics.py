"""The assistant's own metrics, registered once per app."""

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter

from services.assistant.appointments.business import KINDS, PROBE_BUSINESSES, Business
from services.assistant.llm.completion import Completion
from services.assistant.storage.disk_quota import DiskQuota
from services.assistant.storage.pool import WatchedPool
from services.telemetry import Telemetry, genai, names

ROUTES = names.USER_ROUTES
OUTCOMES = ("ok", "fallback", "error")
# Outcomes of requests that name a business: only a chat has a fallback, and a prediction names none.
_BUSINESS_OUTCOMES = {"/chat": OUTCOMES} | dict.fromkeys(("/feedback", "/track", "/appointments"), ("ok", "error"))
NO_BUSINESS = "none"
NO_KIND = "any"
ACTIONS = ("booked", "moved", "cancelled")
_TOKEN_TYPES = ("input", "output")
_OPERATIONS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_QUERY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_PREDICTION_BUCKETS = _QUERY_BUCKETS[:-2]
# Businesses choose the names of usage events. These are expected; a few more become label values.
_KNOWN_EVENTS = ("page_view", "call", "message", "booking_started", "booking_finished", "login")
_MAX_EVENTS = 10


class AssistantMetrics:
    """The metrics. Those that alerts and dashboards divide exist at 0 from the first scrape."""

    def __init__(self, telemetry: Telemetry, model: str, max_business_labels: int) -> None:
        self._telemetry = telemetry
        self._model = model
        self._limit_business = telemetry.limit_cardinality(
            "business_id", max_business_labels, (*PROBE_BUSINESSES, NO_BUSINESS)
        )
        self._limit_event = telemetry.limit_cardinality("event", _MAX_EVENTS, _KNOWN_EVENTS)
        self._add_requests()
        self._add_model()
        self._add_appointments()
        self._add_database()
        counter = telemetry.counter
        self.feedback = counter(names.FEEDBACK, "Ratings.", names.FEEDBACK_LABELS, _series(stars="12345"))
        self.tracked = counter(names.TRACKED, "Usage events of businesses.", names.TRACKED_LABELS)
        self.predictions = counter(names.PREDICTIONS, "Predictions made.", names.PREDICTIONS_LABELS)
        self.prediction_latency = telemetry.histogram(
            names.PREDICTION_LATENCY, "Seconds of a prediction.", names.PREDICTION_LATENCY_LABELS, _PREDICTION_BUCKETS
        )

    def _add_requests(self) -> None:
        self.requests = self._telemetry.counter(
            names.AI_REQUESTS,
            "Finished requests of users; a refused one (4xx) is not among them.",
            names.AI_REQUESTS_LABELS,
            _series(route=ROUTES, outcome=OUTCOMES, business_id=[NO_BUSINESS]),
        )
        self.response_time = self._telemetry.histogram(
            names.AI_RESPONSE_TIME,
            "Seconds until a finished request was answered.",
            names.AI_RESPONSE_TIME_LABELS,
            names.HTTP_BUCKETS,
            _series(route=ROUTES),
        )

    def _add_model(self) -> None:
        counter, histogram = self._telemetry.counter, self._telemetry.histogram
        model = self._model
        operation = {"gen_ai_operation_name": [genai.CHAT], "gen_ai_request_model": [model]}
        self.model_duration = histogram(
            names.GEN_AI_DURATION,
            "Seconds of one call of the model.",
            names.GEN_AI_LABELS,
            names.GEN_AI_BUCKETS,
            _series(**operation, error_type=("", "429", "503", "timeout")),
        )
        self.model_tokens = histogram(
            names.GEN_AI_TOKENS,
            "Tokens of one call of the model.",
            names.GEN_AI_TOKEN_LABELS,
            names.TOKEN_BUCKETS,
            _series(**operation, gen_ai_token_type=_TOKEN_TYPES),
        )
        self.tokens = counter(
            names.AI_TOKENS, "Tokens used.", names.AI_TOKENS_LABELS, _series(type=_TOKEN_TYPES, model=[model])
        )
        self.cost = counter(
            names.AI_COST, "Cost of model calls in dollars.", names.AI_COST_LABELS, _series(model=[model])
        )
        self.fallbacks = counter(
            names.FALLBACKS,
            "Chats answered without the model.",
            names.FALLBACKS_LABELS,
            _series(reason=("provider_error", "circuit_open", "budget", "throttled")),
        )
        self.retries = counter(
            names.RETRIES,
            "Calls made again after a failure.",
            names.RETRIES_LABELS,
            _series(target=["model"], reason=("connect", "throttled", "server_error")),
        )
        self.circuit = self._telemetry.gauge(
            names.CIRCUIT_STATE, "0 closed, 1 half open, 2 open.", names.CIRCUIT_LABELS, _series(target=["model"])
        )

    def _add_appointments(self) -> None:
        counter = self._telemetry.counter
        self.appointments = counter(
            names.APPOINTMENTS,
            "Appointments booked, moved, cancelled.",
            names.APPOINTMENTS_LABELS,
            _series(action=ACTIONS, kind=KINDS),
        )
        self.bookings = counter(
            names.BOOKINGS,
            "Started bookings by outcome.",
            names.BOOKINGS_LABELS,
            _series(channel=("chat", "api"), outcome=("done", "refused", "failed")),
        )
        self.conversations = counter(
            names.CONVERSATIONS,
            "Conversations started, and those that led to a booking or to a human.",
            names.CONVERSATIONS_LABELS,
            _series(result=("started", "booked", "handed_over"), kind=(*KINDS, NO_KIND)),
        )
        self.handoffs = counter(
            names.HANDOFFS,
            "Conversations given to a human.",
            names.HANDOFFS_LABELS,
            _series(reason=("asked", "error", "confused")),
        )

    def _add_database(self) -> None:
        histogram = self._telemetry.histogram
        self.database_up = self._telemetry.gauge(names.DATABASE_UP, "1 when the database answers.")
        self.queries = histogram(
            names.DATABASE_QUERY,
            "Seconds of a database statement.",
            names.DATABASE_QUERY_LABELS,
            _QUERY_BUCKETS,
            _series(db_operation_name=_OPERATIONS),
        )
        self.pool_timeouts = self._telemetry.counter(
            names.POOL_TIMEOUTS, "Requests that got no connection to the database in time."
        )
        self.pool_wait = histogram(
            names.POOL_WAIT, "Seconds that a request waited for a connection to the database.", (), _QUERY_BUCKETS
        )

    def businesses(self, ids: Iterable[str]) -> None:
        """Expose each business's requests at 0: `rate` misses the first failure of a series that begins at 1."""
        for business_id in ids:
            label = self._limit_business(business_id)
            for route, outcomes in _BUSINESS_OUTCOMES.items():
                for outcome in outcomes:
                    self.requests.labels(route=route, outcome=outcome, business_id=label)

    def no_show_model(self, version: str) -> None:
        """Expose the series of a model version at 0."""
        for outcome in ("show", "no_show"):
            self.predictions.labels(model_version=version, outcome=outcome)
        self.prediction_latency.labels(model_version=version)

    def finished(self, route: str, outcome: str, seconds: float, business_id: str) -> None:
        """Count and time one finished user request.

        Args:
            route: one of ROUTES.
            outcome: one of OUTCOMES.
            seconds: until the response.
            business_id: empty when the request names no business.
        """
        label = self._limit_business(business_id or NO_BUSINESS)
        self._telemetry.inc(self.requests, route=route, outcome=outcome, business_id=label)
        self._telemetry.observe(self.response_time, seconds, route=route)

    def model_call(self, seconds: float, error: str = "") -> None:
        """Observe the seconds of one model call; `error` is the type of its failure."""
        labels = {"gen_ai_operation_name": genai.CHAT, "gen_ai_request_model": self._model, "error_type": error}
        self._telemetry.observe(self.model_duration, seconds, **labels)

    def model_usage(self, answer: Completion, dollars: float) -> None:
        """Count the tokens of an answer and its cost in dollars."""
        operation = {"gen_ai_operation_name": genai.CHAT, "gen_ai_request_model": self._model}
        for kind, number in zip(_TOKEN_TYPES, (answer.input_tokens, answer.output_tokens), strict=True):
            self._telemetry.inc(self.tokens, number, type=kind, model=self._model)
            self._telemetry.observe(self.model_tokens, number, **operation, gen_ai_token_type=kind)
        self._telemetry.inc(self.cost, dollars, model=self._model)

    def track(self, event: str, business_id: str) -> None:
        """Count one usage event."""
        self._telemetry.inc(self.tracked, event=self._limit_event(event), business_id=self._limit_business(business_id))

    def appointment(self, action: str, business: Business) -> None:
        """Count a booked, moved or cancelled appointment, except those of probes."""
        if not business.is_probe:
            self._telemetry.inc(self.appointments, action=action, kind=business.kind)

    def booking(self, outcome: str, business: Business, *, channel: str) -> None:
        """Count a booking by outcome (done, refused, failed), except those of probes; `channel` is chat or api."""
        if not business.is_probe:
            self._telemetry.inc(self.bookings, outcome=outcome, channel=channel)

    def conversation(self, result: str, business: Business | None) -> None:
        """Count a conversation by result (started, booked, handed_over), except those of probes."""
        if business is None or not business.is_probe:
            kind = business.kind if business else NO_KIND
            self._telemetry.inc(self.conversations, result=result, kind=kind)

    def pool(self, pool: WatchedPool) -> None:
        """Export a pool's connections and pending requests, and observe its waits and time-outs."""
        gauge = self._telemetry.gauge
        connections = gauge(
            names.POOL_CONNECTIONS, "Connections to the database, in use and idle.", names.POOL_CONNECTIONS_LABELS
        )
        connections.labels("used").set_function(pool.checkedout)
        connections.labels("idle").set_function(pool.checkedin)
        gauge(names.POOL_MAX, "Maximum of connections to the database.").set_function(pool.size)
        pending = gauge(names.POOL_PENDING, "Requests that wait for a connection to the database.")
        pending.set_function(lambda: pool.pending)
        pool.wait_listeners.append(self._pool_wait)

    def _pool_wait(self, seconds: float, acquired: bool) -> None:
        self._telemetry.observe(self.pool_wait, seconds)
        if not acquired:
            self._telemetry.inc(self.pool_timeouts)

    def disk(self, quota: DiskQuota) -> None:
        """Export the quota of the data folder."""
        gauge, labels = self._telemetry.gauge, names.DISK_LABELS
        free = gauge(names.DISK_FREE, "Bytes that may still be written, by the budget and by the disk.", labels)
        free.labels("data").set_function(quota.free)
        self.disk_limit = gauge(names.DISK_LIMIT, "Bytes that the folder may hold.", labels)
        self.disk_limit.labels("data").set(quota.limit)

    def query(self, operation: str, seconds: float) -> None:
        """Observe the seconds of one database statement; `operation` is its first word in capitals."""
        label = operation if operation in _OPERATIONS else names.OTHER
        self._telemetry.observe(self.queries, seconds, db_operation_name=label)


def total(counter: Counter, **labels: str) -> float:
    """Return the sum of a counter over all series that have these labels."""
    return sum(
        sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
    )


def _series(**values: Iterable[str]) -> list[dict[str, str]]:
    """Return a label set for each combination of the labels' values."""
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]

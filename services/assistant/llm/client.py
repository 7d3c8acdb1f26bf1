"""The client of the model: chat completions with time-outs, retries and a circuit breaker.

A completion changes nothing by itself, so a call that failed quickly is retried with jitter within the request's
budget. A call that timed out is not: its time is used up.
"""

import time
from collections.abc import Sequence
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.trace import Span
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from services.assistant.llm import completion
from services.assistant.llm.completion import Completion
from services.assistant.llm.errors import MalformedAnswerError
from services.assistant.metrics import AssistantMetrics
from services.assistant.resilience import CircuitBreaker, CircuitOpenError, CircuitState, remaining_seconds
from services.assistant.settings import AssistantSettings
from services.telemetry import Telemetry, genai

# Reserved of the budget, to store the turn and send the response.
RESERVE_SECONDS = 0.5
# With less time no call is made.
SHORTEST_CALL_SECONDS = 0.1
# With less time a time-out is not the provider's failure.
FAIR_CALL_SECONDS = 1.0
LARGEST_ANSWER_BYTES = 1_000_000
_THROTTLED = 429
_RETRIED = frozenset({500, 502, 503, 504})
_LOGGER = "assistant.model"


class ModelUnavailableError(Exception):
    """The model gave no answer. `reason` is a label value of names.FALLBACKS, `detail` an error type."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class CallFailedError(Exception):
    """One call failed.

    `kind` is the error type of the signals, `retry` the reason for a retry (None: no retry), `retry_after` the least
    seconds before it. `counts_as_failure`: whether the circuit breaker counts it.
    """

    def __init__(
        self, kind: str, retry: str | None = None, retry_after: float = 0.0, counts_as_failure: bool = True
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry = retry
        self.retry_after = retry_after
        self.counts_as_failure = counts_as_failure


class ModelClient:
    """Calls the model. Thread-safe."""

    def __init__(self, settings: AssistantSettings, telemetry: Telemetry, metrics: AssistantMetrics) -> None:
        self.name = settings.model_name
        self._settings = settings
        self._telemetry = telemetry
        self._metrics = metrics
        self.breaker = CircuitBreaker(settings.circuit_failures, settings.circuit_reset_seconds, self._circuit_changed)
        self._url = httpx.URL(settings.model_base_url.rstrip("/") + "/chat/completions")
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {settings.model_api_key()}"},
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
        )
        telemetry.instrument_httpx(self._http)

    def complete(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], conversation_id: str = ""
    ) -> Completion:
        """Return the model's next message.

        Args:
            messages: of the conversation, in the form of the OpenAI API.
            tools: that the model may call, in the same form.
            conversation_id: for the spans.

        Raises:
            ModelUnavailableError: no answer within the request's budget.
        """
        request = {"model": self.name, "messages": list(messages), "tools": list(tools)}
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, CallFailedError) and error.retry is not None),
            stop=_Stop(self._settings.model_attempts),
            wait=_wait,
            before_sleep=self._record_retry,
            reraise=True,
        )
        try:
            return retrying(self._call, request, conversation_id)
        except CircuitOpenError:
            raise ModelUnavailableError("circuit_open", "the model failed too often just now") from None
        except CallFailedError as failure:
            raise ModelUnavailableError(_reason(failure), failure.kind) from failure

    def _call(self, request: dict[str, Any], conversation_id: str) -> Completion:
        """Make one call, with a span, metrics and a log line."""
        seconds = remaining_seconds() - RESERVE_SECONDS
        if seconds < SHORTEST_CALL_SECONDS:
            raise CallFailedError("budget", counts_as_failure=False)
        self.breaker.before_call()
        started = time.perf_counter()
        server, port = self._url.host, self._url.port or 0
        with genai.chat_span(
            self._telemetry.tracer, self.name, server=server, port=port, conversation_id=conversation_id
        ) as span:
            result = self._attempt(request, seconds)
            self._record(span, result, time.perf_counter() - started, len(request["messages"]))
        # Raised after the span has ended: it would record the class of our exception as its error type.
        if isinstance(result, CallFailedError):
            raise result
        return result

    def _attempt(self, request: dict[str, Any], seconds: float) -> Completion | CallFailedError:
        """Make the call and report its result to the circuit breaker."""
        result: Completion | CallFailedError
        try:
            result = self._exchange(request, seconds)
        except CallFailedError as failure:
            result = failure
        if isinstance(result, CallFailedError) and result.counts_as_failure:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        return result

    def _exchange(self, request: dict[str, Any], seconds: float) -> Completion:
        """Send the request and parse the response; every failure is a CallFailedError."""
        deadline = time.monotonic() + seconds
        try:
            with self._http.stream("POST", self._url, json=request, timeout=seconds) as response:
                body = _read(response, deadline)
        except httpx.ConnectError:
            raise CallFailedError("connect", retry="connect") from None
        except httpx.TimeoutException as error:
            # A time-out of the pool, or of a call with little time, is not the provider's failure.
            fair = seconds >= FAIR_CALL_SECONDS and not isinstance(error, httpx.PoolTimeout)
            raise CallFailedError("timeout", counts_as_failure=fair) from None
        except httpx.TransportError as error:
            raise CallFailedError(type(error).__name__, retry="connect") from None
        except httpx.HTTPError as error:
            raise CallFailedError(type(error).__name__) from None
        status = response.status_code
        if status == _THROTTLED:
            raise CallFailedError("429", retry="throttled", retry_after=_retry_after(response), counts_as_failure=False)
        if status in _RETRIED:
            raise CallFailedError(str(status), retry="server_error", retry_after=_retry_after(response))
        if status != httpx.codes.OK:
            # The provider refuses the request: a retry would be refused, too.
            raise CallFailedError(str(status), counts_as_failure=status > 500)
        try:
            return completion.parse(body)
        except MalformedAnswerError as error:
            raise CallFailedError(error.kind) from None

    def _record(self, span: Span, result: Completion | CallFailedError, seconds: float, messages: int) -> None:
        """Record a call in span, metrics and log."""
        fields: dict[str, Any] = {"duration_ms": round(seconds * 1000, 2), "input_messages": messages}
        if isinstance(result, CallFailedError):
            error = result.kind
            genai.record_error(span, error)
            self._metrics.model_call(seconds, error)
            fields |= {"level": "warning", "model": self.name, "error_type": error}
            self._telemetry.log("error", "model.failed", f"model call failed: {error}", logger=_LOGGER, **fields)
            return
        tokens: dict[str, Any] = {"input_tokens": result.input_tokens, "output_tokens": result.output_tokens}
        genai.record_response(
            span, model=result.model, finish_reasons=(result.finish_reason,), response_id=result.id, **tokens
        )
        self._metrics.model_call(seconds)
        self._metrics.model_usage(result, self._settings.dollars(**tokens))
        fields |= {"model": result.model, "output_length": len(result.text), "tool_calls": len(result.tool_calls)}
        self._telemetry.log("performance", "model.call", "model answered", logger=_LOGGER, **fields, **tokens)

    def _record_retry(self, state: RetryCallState) -> None:
        """Record a retry in metric, log and span."""
        failure = _failure(state)
        reason = (failure and failure.retry) or "unknown"
        wait = round(state.next_action.sleep, 3) if state.next_action else 0.0
        self._telemetry.inc(self._metrics.retries, target="model", reason=reason)
        trace.get_current_span().add_event(
            "retry", {"lab.retry.reason": reason, "lab.retry.attempt": state.attempt_number, "lab.retry.wait": wait}
        )
        self._telemetry.log(
            "application",
            "model.retry",
            f"asking the model again: {reason}",
            level="warning",
            logger=_LOGGER,
            reason=reason,
            attempt=state.attempt_number,
            wait_ms=round(wait * 1000),
        )

    def _circuit_changed(self, old: CircuitState, new: CircuitState) -> None:
        """Record the breaker's change in metric, log and span."""
        self._metrics.circuit.labels(target="model").set(new.value)
        before, after = old.name.lower(), new.name.lower()
        trace.get_current_span().add_event("circuit", {"lab.circuit.from": before, "lab.circuit.to": after})
        self._telemetry.log(
            "error" if new is CircuitState.OPEN else "application",
            f"circuit.{after}",
            f"circuit breaker of the model: {before} -> {after}",
            level="warning" if new is CircuitState.OPEN else "info",
            logger=_LOGGER,
            circuit_from=before,
            circuit_to=after,
        )


class _Stop(stop_after_attempt):
    """Stops after a number of attempts, or when the wait would leave no time for another."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        too_late = remaining_seconds() - _wait(retry_state) < RESERVE_SECONDS + SHORTEST_CALL_SECONDS
        return too_late or super().__call__(retry_state)


_jitter = wait_random_exponential(multiplier=0.1, max=1.0)


def _wait(state: RetryCallState) -> float:
    """Return the seconds before the next attempt: the provider's Retry-After and a growing jitter."""
    failure = _failure(state)
    return float((failure.retry_after if failure else 0.0) + _jitter(state))


def _failure(state: RetryCallState) -> CallFailedError | None:
    """Return the failure of the last attempt."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, CallFailedError) else None


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Return the body. httpx limits the time between two chunks; `deadline` limits all of them."""
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER_BYTES:
            raise CallFailedError("answer_too_large")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the budget is used up", request=response.request)
    return bytes(body)


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds of Retry-After; 0 without one, or for a date."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def _reason(failure: CallFailedError) -> str:
    if failure.retry == "throttled":
        return "throttled"
    return "budget" if failure.kind in {"budget", "timeout"} else "provider_error"

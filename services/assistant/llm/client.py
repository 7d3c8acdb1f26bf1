"""The only way to the model: one chat completion, with time-outs, retries and a circuit breaker around it.

Asking twice is safe (an answer changes nothing by itself), so what failed quickly is asked again with jitter as long
as the request's budget allows; what timed out is not, for its time is gone.
"""

import time
from collections.abc import Sequence
from typing import Any

import httpx
from opentelemetry import trace
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from services.assistant.llm import completion
from services.assistant.llm.completion import Completion, MalformedAnswerError
from services.assistant.metrics import AssistantMetrics
from services.assistant.resilience import CircuitBreaker, CircuitOpenError, CircuitState, remaining_seconds
from services.assistant.settings import AssistantSettings
from services.telemetry import Telemetry, genai

# Kept back from the budget, so that there is time left to store the turn and answer.
RESERVE_SECONDS = 0.5
# Below this a call has no chance; a failure of a shorter call does not count against the provider.
SHORTEST_CALL_SECONDS = 0.1
FAIR_CALL_SECONDS = 1.0
LARGEST_ANSWER_BYTES = 1_000_000
_THROTTLED = 429
_RETRIED = frozenset({500, 502, 503, 504})
_LOGGER = "assistant.model"


class ModelUnavailableError(Exception):
    """No answer could be had. `reason` is a value of the label of names.FALLBACKS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class CallFailedError(Exception):
    """One call failed. `kind` is the error type of the signals; `retry` the reason for a retry, None for never."""

    def __init__(
        self, kind: str, retry: str | None = None, retry_after: float = 0.0, counts_as_failure: bool = True
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry = retry
        self.retry_after = retry_after
        self.counts_as_failure = counts_as_failure


class ModelClient:
    """Asks the model. Thread-safe."""

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
        """Ask for the next message. Raises ModelUnavailableError when there is none within the request's budget."""
        request = {"model": self._settings.model_name, "messages": list(messages), "tools": list(tools)}
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, CallFailedError) and error.retry is not None),
            stop=_Stop(self._settings.model_attempts),
            wait=_wait,
            before_sleep=self._retried,
            reraise=True,
        )
        try:
            completion: Completion = retrying(self._call, request, conversation_id)
        except CircuitOpenError:
            raise ModelUnavailableError("circuit_open", "the model failed too often just now") from None
        except CallFailedError as failure:
            raise ModelUnavailableError(_reason(failure), failure.kind) from failure
        return completion

    def _call(self, request: dict[str, Any], conversation_id: str) -> Completion:
        """Make one call, seen as one span and one measurement."""
        seconds = remaining_seconds() - RESERVE_SECONDS
        if seconds < SHORTEST_CALL_SECONDS:
            raise CallFailedError("budget", counts_as_failure=False)
        self.breaker.before_call()
        model = self._settings.model_name
        started = time.perf_counter()
        with genai.chat_span(
            self._telemetry.tracer,
            model,
            server=self._url.host,
            port=self._url.port or 0,
            conversation_id=conversation_id,
        ) as span:
            outcome = self._attempt(request, seconds)
            took = time.perf_counter() - started
            # Raised after the span has ended, which would else be marked with the name of our exception.
            if isinstance(outcome, CallFailedError):
                genai.record_error(span, outcome.kind)
                self._measure(took, None, outcome.kind, request)
            else:
                genai.record_response(
                    span,
                    model=outcome.model,
                    input_tokens=outcome.input_tokens,
                    output_tokens=outcome.output_tokens,
                    finish_reasons=(outcome.finish_reason,),
                    response_id=outcome.id,
                )
                self._measure(took, outcome, "", request)
        if isinstance(outcome, CallFailedError):
            raise outcome
        return outcome

    def _attempt(self, request: dict[str, Any], seconds: float) -> Completion | CallFailedError:
        """Make the call and report its result to the breaker."""
        try:
            answer = self._exchange(request, seconds)
        except CallFailedError as failure:
            if failure.counts_as_failure:
                self.breaker.failed()
            else:
                self.breaker.succeeded()
            return failure
        self.breaker.succeeded()
        return answer

    def _exchange(self, request: dict[str, Any], seconds: float) -> Completion:
        """Send and read. Raises CallFailedError for every way in which that can fail."""
        deadline = time.monotonic() + seconds
        try:
            with self._http.stream("POST", self._url, json=request, timeout=seconds) as response:
                body = _read(response, deadline)
        except httpx.ConnectError:
            raise CallFailedError("connect", retry="connect") from None
        except httpx.TimeoutException as error:
            # A time-out of the pool or after a short rest of the budget is not the provider's doing.
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
            # The provider is there and does not like what we send: asking again changes nothing.
            raise CallFailedError(str(status), counts_as_failure=status > 500)
        try:
            return completion.parse(body)
        except MalformedAnswerError as error:
            raise CallFailedError(error.kind) from None

    def _measure(self, seconds: float, answer: Completion | None, error: str, request: dict[str, Any]) -> None:
        self._metrics.model_call(self._settings.model_name, seconds, error)
        if answer is not None:
            cost = self._settings.dollars(answer.input_tokens, answer.output_tokens)
            self._metrics.model_usage(self._settings.model_name, answer, cost)
        self._telemetry.log(
            "performance" if answer else "error",
            "model.call" if answer else "model.failed",
            "model answered" if answer else f"model call failed: {error}",
            level="info" if answer else "warning",
            logger=_LOGGER,
            model=answer.model if answer else self._settings.model_name,
            duration_ms=round(seconds * 1000, 2),
            input_messages=len(request["messages"]),
            output_length=len(answer.text) if answer else None,
            tool_calls=len(answer.tool_calls) if answer else None,
            input_tokens=answer.input_tokens if answer else None,
            output_tokens=answer.output_tokens if answer else None,
            error_type=error or None,
        )

    def _retried(self, state: RetryCallState) -> None:
        """Show a retry in metric, log and span."""
        failure = state.outcome.exception() if state.outcome else None
        reason = failure.retry if isinstance(failure, CallFailedError) and failure.retry else "unknown"
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
        """Show the breaker's change in metric, log and span."""
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
    """Stop after so many attempts, or when the wait would leave no time for another."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        too_late = remaining_seconds() - _wait(retry_state) < RESERVE_SECONDS + SHORTEST_CALL_SECONDS
        return too_late or super().__call__(retry_state)


_jitter = wait_random_exponential(multiplier=0.1, max=1.0)


def _wait(state: RetryCallState) -> float:
    """Jitter that grows, and at least what the provider asked for."""
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.retry_after if isinstance(failure, CallFailedError) else 0.0
    return float(asked + _jitter(state))


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Read a body that may come in drops: httpx's time-outs count from drop to drop, ours do not."""
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > LARGEST_ANSWER_BYTES:
            raise CallFailedError("answer_too_large")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the budget is used up", request=response.request)
        chunks.append(chunk)
    return b"".join(chunks)


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

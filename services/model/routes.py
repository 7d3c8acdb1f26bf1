"""The OpenAI API: /v1/chat/completions and /v1/models."""

from flask import Blueprint, Response, jsonify, request
from opentelemetry import trace
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from services.model import errors
from services.model.completions import Completion, complete
from services.model.errors import ApiError
from services.model.fault_injector import FaultInjector
from services.model.latency import Latency
from services.model.settings import ModelSettings
from services.model.streaming import events
from services.model.wire import CompletionRequest
from services.telemetry import Telemetry, genai
from services.web.faults import FaultRegistry
from services.web.problems import Problem

# A fixed date: the model did not change since.
_CREATED = 1_767_225_600
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def blueprint(settings: ModelSettings, telemetry: Telemetry, registry: FaultRegistry, latency: Latency) -> Blueprint:
    """Make the routes below /v1."""
    routes = Blueprint("openai", __name__, url_prefix="/v1")
    model = settings.model_name
    card = {"id": model, "object": "model", "created": _CREATED, "owned_by": "observability-lab"}
    injector = FaultInjector(registry, model, settings.model_seed, most_hanging=settings.threads // 2)
    _answer_errors(routes, telemetry)

    @routes.before_request
    def check_key() -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise errors.no_key()

    @routes.post("/chat/completions")
    def chat_completions() -> Response:
        asked = _read()
        if asked.model != model:
            raise errors.unknown_model(asked.model)
        injector.before()
        completion = injector.corrupt(complete(asked, model, settings.model_seed))
        _describe(completion)
        latency.before_first()
        if asked.stream:
            include_usage = asked.stream_options is not None and asked.stream_options.include_usage
            return injector.send_stream(events(completion, latency, include_usage=include_usage))
        latency.of_tokens(completion.output_tokens)
        return injector.send(completion.document())

    @routes.get("/models")
    def models() -> Response:
        return jsonify(object="list", data=[card])

    @routes.get("/models/<name>")
    def one_model(name: str) -> Response:
        if name != model:
            raise errors.unknown_model(name)
        return jsonify(card)

    @routes.route("/", defaults={"rest": ""}, methods=_METHODS)
    @routes.route("/<path:rest>", methods=_METHODS)
    def elsewhere(rest: str) -> Response:
        known = rest.rstrip("/") in ("chat/completions", "models") or rest.startswith("models/")
        if known and not rest.endswith("/"):
            raise ApiError(405, f"Not allowed to {request.method} on /v1/{rest[:100]}.")
        raise ApiError(404, f"Invalid URL ({request.method} /v1/{rest[:100]})")

    return routes


def _read() -> CompletionRequest:
    try:
        return CompletionRequest.model_validate(request.get_json())
    except ValidationError as error:
        raise errors.invalid(error) from None


def _describe(completion: Completion) -> None:
    genai.record_response(
        trace.get_current_span(),
        model=completion.model,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        finish_reasons=(completion.finish_reason,),
        response_id=completion.id,
    )


def _answer_errors(routes: Blueprint, telemetry: Telemetry) -> None:
    """Send every error below /v1 in the form of the OpenAI API."""

    @routes.errorhandler(ApiError)
    def known(error: ApiError) -> Response:
        return error.response()

    @routes.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        status = 400 if error.status in (415, 422) else error.status
        return ApiError(status, f"We could not parse your request: {error.detail}").response()

    @routes.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400:
            return error
        return ApiError(error.code, error.description or error.name).response()

    @routes.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        telemetry.exception("a completion failed", error, event="completion.failed", logger="model")
        return errors.server_error(500).response()

"""The OpenAI API: /v1/chat/completions and /v1/models."""

from flask import Blueprint, Response, jsonify, request
from opentelemetry import trace
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from services.model import errors
from services.model.completions import complete
from services.model.errors import ApiError
from services.model.fault_injector import FaultInjector
from services.model.latency import Latency
from services.model.settings import ModelSettings
from services.model.streaming import stream_events
from services.model.wire import CompletionRequest
from services.telemetry import Telemetry, genai
from services.web.faults import FaultRegistry
from services.web.problems import Problem

# 2026-01-01, in seconds since 1970: the creation of the model.
_CREATED = 1_767_225_600
# Problems of our services that the OpenAI API sends as 400.
_PARSE_FAILURES = ("invalid-request", "unsupported-media-type")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PREFIX = "/v1"


def create_blueprint(settings: ModelSettings, telemetry: Telemetry, registry: FaultRegistry) -> Blueprint:
    """Create the routes below /v1.

    Args:
        settings: of the server.
        telemetry: receives unexpected exceptions.
        registry: the faults of the server.
    """
    routes = Blueprint("openai", __name__, url_prefix=_PREFIX)
    model = settings.model_name
    card = {"id": model, "object": "model", "created": _CREATED, "owned_by": "observability-lab"}
    injector = FaultInjector(registry, model, settings.model_seed, max_hanging=settings.threads // 2)
    latency = Latency(settings.model_first_token_seconds, settings.model_tokens_per_second)
    _handle_errors(routes, telemetry)

    @routes.before_request
    def answer_options() -> Response | None:
        # Before the key is checked: a browser sends none with OPTIONS.
        return _allow_methods() if request.method == "OPTIONS" else None

    @routes.before_request
    def check_key() -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise errors.missing_key()

    @routes.post("/chat/completions")
    def chat_completions() -> Response:
        parsed = _parse_body()
        if parsed.model != model:
            raise errors.unknown_model(parsed.model)
        injector.refuse_or_delay()
        completion = injector.corrupt(complete(parsed, model, settings.model_seed))
        genai.record_response(
            trace.get_current_span(),
            model=model,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            finish_reasons=(completion.finish_reason,),
            response_id=completion.id,
        )
        latency.wait_for_first_token()
        if parsed.stream:
            include_usage = parsed.stream_options is not None and parsed.stream_options.include_usage
            return injector.send_stream(stream_events(completion, latency, include_usage=include_usage))
        latency.wait_for_tokens(completion.output_tokens)
        return injector.send(completion.document())

    @routes.get("/models")
    def list_models() -> Response:
        return jsonify(object="list", data=[card])

    @routes.get("/models/<name>")
    def get_model(name: str) -> Response:
        if name != model:
            raise errors.unknown_model(name)
        return jsonify(card)

    @routes.route("/", defaults={"rest": ""}, methods=_METHODS)
    @routes.route("/<path:rest>", methods=_METHODS)
    def unknown_route(rest: str) -> Response:
        if allowed := _allowed_methods(rest):
            headers = {"Allow": allowed}
            raise ApiError(405, f"Not allowed to {request.method} on {_PREFIX}/{rest[:100]}.", headers=headers)
        raise _unknown_route(rest)

    return routes


def _allow_methods() -> Response:
    """Answer OPTIONS with the methods of the path.

    Raises:
        ApiError: it is a browser's call before that of a web page of another origin, or there is no such path.
    """
    if "Access-Control-Request-Method" in request.headers:
        raise errors.cors_not_supported()
    rest = request.path.removeprefix(f"{_PREFIX}/")
    if allowed := _allowed_methods(rest):
        return Response(status=204, headers={"Allow": allowed})
    raise _unknown_route(rest)


def _allowed_methods(rest: str) -> str:
    """Return the methods of a path below /v1, as in the header Allow; empty for an unknown path."""
    if rest == "chat/completions":
        return "OPTIONS, POST"
    is_model = rest.startswith("models/") and not rest.endswith("/")
    return "GET, HEAD, OPTIONS" if rest == "models" or is_model else ""


def _unknown_route(rest: str) -> ApiError:
    return ApiError(404, f"Invalid URL ({request.method} {_PREFIX}/{rest[:100]})")


def _parse_body() -> CompletionRequest:
    try:
        return CompletionRequest.model_validate(request.get_json())
    except ValidationError as error:
        raise errors.invalid_request(error) from None


def _handle_errors(routes: Blueprint, telemetry: Telemetry) -> None:
    """Convert every error below /v1 to the form of the OpenAI API."""

    @routes.errorhandler(ApiError)
    def api_error(error: ApiError) -> Response:
        return error.response()

    @routes.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        status = 400 if error.reason in _PARSE_FAILURES else error.status
        message = f"We could not parse your request: {error.detail}"
        return ApiError(status, message, headers=error.headers).response()

    @routes.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400:
            return error
        return ApiError(error.code, error.description or error.name).response()

    @routes.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        telemetry.exception("a completion failed", error, event="completion.failed", logger="model")
        return errors.server_error(500).response()

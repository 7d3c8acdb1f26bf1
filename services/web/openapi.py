"""The app of a service: Flask with typed bodies, and the OpenAPI document made from the same types."""

from http import HTTPStatus
from typing import Any, NoReturn

from flask import jsonify
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field, ValidationError

from services.telemetry import Telemetry
from services.web import bodies, hooks, problems

Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]

# Used by the admin API only.
SECURITY_SCHEME = "adminToken"


class FieldError(BaseModel):
    """One invalid field."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457, with the trace id of the request."""

    type: str = Field(examples=["/problems/unknown-business"])
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str | None = None
    errors: list[FieldError] = Field(default_factory=list)


def problem_responses(*statuses: int) -> Responses:
    """Return the problem responses for `responses=` of a route."""
    content = {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


class Api(OpenAPI):
    """A Flask app with typed routes, whose document describes problems as they are sent."""

    def generate_spec_json(self) -> None:
        """Build the document, with our problems in place of the library's validation errors."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        if self.spec_json["components"].get("securitySchemes") is None:
            self.spec_json["components"].pop("securitySchemes", None)
        for path in self.spec_json["paths"].values():
            for operation in path.values():
                statuses = (400, 413, 415, 500) if "requestBody" in operation else (400, 500)
                declared = operation["responses"]
                operation["responses"] = {**problem_responses(*statuses), **declared, **problem_responses(422)}


def create_app(
    import_name: str,
    telemetry: Telemetry,
    *,
    title: str,
    on_problem: problems.OnProblem | None = None,
    max_body: int = bodies.MAX_BODY,
    **flask_options: Any,
) -> Api:
    """Create an app with the hooks of all services, body limits and /openapi.json, in this order.

    Args:
        import_name: Flask's.
        telemetry: of the service.
        title: of the OpenAPI document.
        on_problem: called with each problem before it is sent.
        max_body: bytes.
        flask_options: passed to Flask.

    Models of bodies and queries derive from `bodies.StrictModel`.
    """
    app = Api(
        import_name,
        info=Info(title=title, version=telemetry.settings.version),
        security_schemes={SECURITY_SCHEME: {"type": "http", "scheme": "bearer"}},
        doc_ui=False,
        validation_error_model=ProblemDocument,
        validation_error_callback=_raise_problem,
        **flask_options,
    )
    hooks.init_app(app, telemetry, on_problem)
    bodies.init_app(app, max_body)
    app.add_url_rule("/openapi.json", "openapi", lambda: jsonify(app.api_doc))
    return app


def _raise_problem(error: ValidationError) -> NoReturn:
    raise problems.from_validation(error) from None

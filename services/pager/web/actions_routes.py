"""The routes of the responders' actions: JSON in, the incident as JSON out."""

from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.pager.incidents.actions import Actions
from services.pager.model.serialize import as_json
from services.web.bodies import StrictModel, parse_object
from services.web.problems import Problem, from_validation

MAX_BODY = 16 * 1024
MAX_MINUTES = 24 * 60

_NAME_LENGTH = 60
_TEXT_LENGTH = 2_000
# A page of the pager, or an address that a person typed (Fetch Metadata, Sec-Fetch-Site).
_OWN_SITES = ("same-origin", "none")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_NAME_LENGTH),
    AfterValidator(_printable),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=_TEXT_LENGTH)]


class Signed(StrictModel):
    """The body of acknowledge, and of the end of a silence."""

    by: Name


class EscalateRequest(Signed):
    """The body of escalate."""

    reason: Text = ""


class CommentRequest(Signed):
    """The body of a comment."""

    text: Annotated[Text, Field(min_length=1)]


class SilenceRequest(Signed):
    """The body of silence."""

    minutes: int = Field(ge=1, le=MAX_MINUTES, strict=True)
    comment: Text = ""


class ResolveRequest(Signed):
    """The body of resolve."""

    text: Text = ""


Body = TypeVar("Body", bound=Signed)


def blueprint(actions: Actions) -> Blueprint:
    """Return the routes. Each needs a JSON body, and refuses requests of other sites."""
    routes = Blueprint("actions", __name__, url_prefix="/incidents/<int:number>")
    routes.before_request(_refuse_other_sites)

    @routes.post("/acknowledge")
    def acknowledge(number: int) -> Response:
        return jsonify(as_json(actions.acknowledge(number, _body(Signed).by)))

    @routes.post("/escalate")
    def escalate(number: int) -> Response:
        body = _body(EscalateRequest)
        return jsonify(as_json(actions.escalate(number, body.by, body.reason)))

    @routes.post("/comments")
    def comment(number: int) -> tuple[Response, int]:
        body = _body(CommentRequest)
        return jsonify(as_json(actions.comment(number, body.by, body.text))), 201

    @routes.post("/silence")
    def silence(number: int) -> Response:
        body = _body(SilenceRequest)
        return jsonify(as_json(actions.silence(number, body.by, body.minutes, body.comment)))

    @routes.delete("/silence")
    def unsilence(number: int) -> Response:
        return jsonify(as_json(actions.unsilence(number, _body(Signed).by)))

    @routes.post("/resolve")
    def resolve(number: int) -> Response:
        body = _body(ResolveRequest)
        return jsonify(as_json(actions.resolve(number, body.by, body.text)))

    return routes


def _refuse_other_sites() -> None:
    """Refuse a request that a page of another site sends.

    Raises:
        Problem: 403.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site is not None and site not in _OWN_SITES
    if origin is not None and urlsplit(origin).netloc != request.host:
        foreign = True
    if foreign:
        raise Problem(403, "Foreign page", "Only the pager's own pages may send this. Open the incident in the pager.")


def _body(model: type[Body]) -> Body:
    """Return the body of the current request.

    Raises:
        Problem: 4xx with what to fix.
    """
    # A form of another site cannot send this type without asking first; so there is no token to keep.
    if request.mimetype != "application/json":
        raise Problem(
            415, "Unsupported media type", "Send the body as JSON with the header Content-Type: application/json."
        )
    too_large = Problem(413, "Body too large", f"The body is larger than the limit of {MAX_BODY} bytes.")
    try:
        data = request.get_data()
    except RequestEntityTooLarge:
        raise too_large from None
    if len(data) > MAX_BODY:
        raise too_large
    try:
        return model.model_validate(parse_object(data))
    except ValidationError as error:
        raise from_validation(error) from None

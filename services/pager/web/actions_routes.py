"""The routes of the responders' actions: JSON in, the incident as JSON out."""

from typing import Annotated, Any, TypeVar

from flask import Blueprint, request
from pydantic import BeforeValidator, Field, StringConstraints, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.pager.incidents.actions import Actions
from services.pager.model.names import Name
from services.pager.model.serialize import as_json
from services.web.bodies import StrictModel, parse_object
from services.web.hosts import trusted_hosts
from services.web.problems import Problem, from_validation
from services.web.text import clean_text

MAX_BODY = 16 * 1024
MAX_MINUTES = 24 * 60

_TEXT_LENGTH = 2_000
# A page of the pager, or an address that a person typed (https://www.w3.org/TR/fetch-metadata/).
_OWN_SITES = ("same-origin", "none")


def _clean(text: object) -> object:
    return clean_text(text) if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_clean), StringConstraints(strip_whitespace=True, max_length=_TEXT_LENGTH)]


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
Document = dict[str, Any]


def blueprint(actions: Actions) -> Blueprint:
    """Return the routes. Each requires a JSON body, and refuses requests of other sites."""
    routes = Blueprint("actions", __name__, url_prefix="/incidents/<int:number>")
    routes.before_request(_refuse_other_sites)

    @routes.post("/acknowledge")
    def acknowledge(number: int) -> Document:
        return as_json(actions.acknowledge(number, _body(Signed).by))

    @routes.post("/escalate")
    def escalate(number: int) -> Document:
        body = _body(EscalateRequest)
        return as_json(actions.escalate(number, body.by, body.reason))

    @routes.post("/comments")
    def comment(number: int) -> tuple[Document, int]:
        body = _body(CommentRequest)
        return as_json(actions.comment(number, body.by, body.text)), 201

    @routes.post("/silence")
    def silence(number: int) -> Document:
        body = _body(SilenceRequest)
        return as_json(actions.silence(number, body.by, body.minutes, body.comment))

    @routes.delete("/silence")
    def unsilence(number: int) -> Document:
        return as_json(actions.unsilence(number, _body(Signed).by))

    @routes.post("/resolve")
    def resolve(number: int) -> Document:
        body = _body(ResolveRequest)
        return as_json(actions.resolve(number, body.by, body.text))

    return routes


def _refuse_other_sites() -> None:
    """Refuse a request that a page of another site sends.

    Raises:
        Problem: 403.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES or not trusted_hosts().is_own_origin():
        raise Problem(403, "Foreign page", "Only the pager's own pages may send this. Open the incident in the pager.")


def _body(model: type[Body]) -> Body:
    """Return the body of the current request.

    Raises:
        Problem: 4xx with what to fix.
    """
    # A form of another site cannot send this type without a preflight; so no token against forgery is needed.
    if request.mimetype != "application/json":
        raise Problem(
            415, "Unsupported media type", "Send the body as JSON with the header Content-Type: application/json."
        )
    request.max_content_length = MAX_BODY
    try:
        return model.model_validate(parse_object(request.get_data()))
    except RequestEntityTooLarge:
        detail = f"The body is larger than the limit of {MAX_BODY} bytes."
        raise Problem(413, "Body too large", detail) from None
    except ValidationError as error:
        raise from_validation(error) from None

"""The types of problem documents: each `/problems/NAME` is a page that says what the problem means and what to do.

RFC 9457 asks for that (https://www.rfc-editor.org/rfc/rfc9457#name-type). Every service has the pages of all types.
"""

from typing import Final, NamedTuple

from flask import Flask

from services.web.problems import PREFIX, Problem


class ProblemType(NamedTuple):
    """What a problem means, and what to do."""

    meaning: str
    action: str


_AGAIN = "Send the request again in a moment."
_JSON_TYPE = "Send the body as JSON, with the header Content-Type: application/json."

# By the name in the URI.
PROBLEM_TYPES: Final[dict[str, ProblemType]] = {
    # --- every service ---
    "bad-request": ProblemType("The request could not be read.", "Send well-formed JSON encoded in UTF-8."),
    "body-too-large": ProblemType(
        "The body has more bytes than the service takes.", "Send less. The detail of the problem has the limit."
    ),
    "broken-encoding": ProblemType(
        "The path, the query or the body is not valid UTF-8, or has a NUL character or half of a surrogate pair.",
        "Encode all text in UTF-8 and leave NUL characters out.",
    ),
    "broken-json": ProblemType(
        "The body is not valid JSON.", "Correct the place that the detail names. NaN and Infinity are not part of JSON."
    ),
    "broken-transfer": ProblemType(
        "The body was sent in chunks that are broken or that ended too early.",
        "Send the body with a Content-Length, or write each chunk with its length in hexadecimal digits.",
    ),
    "empty-body": ProblemType("The request needs a body and has none.", "Send a JSON object."),
    "internal-server-error": ProblemType(
        "The service failed. The request was not at fault.",
        "Search the logs of the service for the trace id of the problem: the line of kind error has the exception.",
    ),
    "invalid-request": ProblemType(
        "Fields of the body or of the query are missing, unknown or out of range.",
        "Correct each field in the list `errors`. /openapi.json describes all fields.",
    ),
    "method-not-allowed": ProblemType(
        "The path exists, but not with this method.", "Use a method of the header Allow of the response."
    ),
    "not-found": ProblemType("There is nothing at this path.", "Use a path of /openapi.json or of the README."),
    "range-not-satisfiable": ProblemType(
        "The header Range asks for bytes that the file does not have.", "Ask for the file without this header."
    ),
    "unknown-problem": ProblemType("No problem document has this type.", "Take the address from the member `type`."),
    "unsupported-content-encoding": ProblemType(
        "The body is compressed or encoded in another way.", "Send it as it is (identity), without Content-Encoding."
    ),
    "unsupported-media-type": ProblemType("The body is not sent as JSON.", _JSON_TYPE),
    "untrusted-host": ProblemType(
        "The header Host has a name that the service is not known by. A page of another site may have let this name "
        "resolve to the service's address.",
        "Use localhost, 127.0.0.1 or the name in docker-compose.yml, or add the name to TRUSTED_HOSTS in .env.",
    ),
    # --- the admin API ---
    "not-restartable": ProblemType("The service does not run under gunicorn.", "Restart it by hand."),
    "too-many-faults": ProblemType("No more faults may be active at the same time.", "Stop some with `lab fault off`."),
    "unauthorized": ProblemType(
        "The request does not carry the admin token.",
        "Send it as a bearer token. The lab keeps it among its secrets, in the file admin_token.",
    ),
    "unknown-fault": ProblemType("The service has no fault of this name.", "`lab fault list` shows all faults."),
    "unknown-target": ProblemType("The fault cannot be aimed at this target.", "`lab fault list` shows its targets."),
    # --- the assistant ---
    "booking-failed": ProblemType("The appointment could not be stored; nothing was booked.", _AGAIN),
    "database-connections-exhausted": ProblemType(
        "All connections to the database are in use. Nothing was changed.",
        f"{_AGAIN} If it stays, look at the panels of the connection pool.",
    ),
    "database-unavailable": ProblemType(
        "The database does not answer. Nothing was changed.", f"{_AGAIN} If it stays, look at `lab status`."
    ),
    "filter-required": ProblemType(
        "A list of appointments needs a user or a business, because appointments are personal.",
        "Give user_id or business_id, or send the admin token as a bearer token.",
    ),
    "idempotency-key-reused": ProblemType(
        "The Idempotency-Key belongs to a booking with another body.", "Use a new key for each booking."
    ),
    "time-closed": ProblemType("The business is closed at this time.", "Choose one of its free times (GET slots)."),
    "time-off-grid": ProblemType("No appointment begins at this time.", "Choose one of the free times (GET slots)."),
    "time-past": ProblemType("The time is in the past.", "Choose a later time."),
    "time-taken": ProblemType("Another appointment has this time.", "Choose one of `alternatives`."),
    "time-too-far": ProblemType("The time is too far in the future.", "Choose an earlier time."),
    "unknown-appointment": ProblemType("There is no appointment with this id.", "GET /appointments lists them."),
    "unknown-business": ProblemType("There is no business with this id.", "GET /businesses lists them."),
    "unknown-conversation": ProblemType(
        "There is no such conversation of this user; old ones are deleted.", "Leave conversation_id out to begin one."
    ),
    "unknown-message": ProblemType(
        "There is no answer with this id in this conversation.", "Use the message_id of a response of POST /chat."
    ),
    "unknown-provider": ProblemType("The business has no provider with this id.", "GET /businesses lists them."),
    # --- the pager ---
    "alertmanager-failed": ProblemType(
        "Alertmanager did not answer or refused the silence. Nothing was changed.", f"{_AGAIN} See `lab status`."
    ),
    "already-acknowledged": ProblemType(
        "Another responder has acknowledged the incident.", "Contact them, or escalate the incident."
    ),
    "already-resolved": ProblemType("The incident is resolved.", "It opens again by itself if its alert still fires."),
    "foreign-page": ProblemType(
        "A page of another site sent the request.", "Open the incident in the pager and do it there."
    ),
    "invalid-limit": ProblemType("The limit of the list is out of range.", "The detail of the problem has the range."),
    "no-further-level": ProblemType("The incident is on the last level of the rotation.", "Call a person yourself."),
    "no-grafana": ProblemType("The pager does not know Grafana's address.", "Set GRAFANA_URL, or query Loki directly."),
    "not-silenced": ProblemType("The incident has no silence.", "There is nothing to do."),
    "notification-too-large": ProblemType(
        "The notification has more bytes than the pager takes.", "Lower max_alerts in alertmanager/alertmanager.yml."
    ),
    "timeline-full": ProblemType(
        "The timeline of the incident has as many lines as it may have.", "Go on in a document of your own."
    ),
    "unknown-incident": ProblemType(
        "There is no incident of this number. Old resolved ones are deleted.", "The list of incidents is at /."
    ),
    "unknown-runbook": ProblemType("There is no runbook of this name.", "/runbooks/ lists all runbooks."),
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<h2>Meaning</h2>
<p>{meaning}</p>
<h2>What to do</h2>
<p>{action}</p>
</html>
"""


def init_app(app: Flask) -> None:
    """Add the pages of all types."""
    # Without a decorator: the pages are not part of the OpenAPI document.
    app.add_url_rule(f"{PREFIX}<name>", "problem_type", _show)


def _show(name: str) -> str:
    found = PROBLEM_TYPES.get(name)
    if found is None:
        raise Problem(404, "Unknown problem", "The member `type` of a problem document has the address of its page.")
    return _PAGE.format(title=name.replace("-", " ").capitalize(), meaning=found.meaning, action=found.action)

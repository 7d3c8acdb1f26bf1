"""POST /track: usage events of businesses."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from services.assistant.app_state import current
from services.assistant.routes.schemas import Created, TrackRequest
from services.assistant.storage.tables import UsageRow
from services.web.openapi import problem_responses

blueprint = APIBlueprint("track", __name__)


@blueprint.post("/track", summary="Record usage of a business", responses={202: Created, **problem_responses(404, 503)})
def track(body: TrackRequest) -> tuple[dict[str, Any], int]:
    """Store one usage event."""
    assistant = current()
    business = assistant.business(body.business_id)
    row = UsageRow(business_id=business.id, event=body.event, value=body.value)
    with assistant.database.write() as session:
        session.add(row)
    assistant.metrics.track(body.event, business.id)
    return {"id": row.id}, 202

"""POST /track: what businesses do with the assistant."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from sqlalchemy import insert

from services.assistant.app_state import current
from services.assistant.routes.schemas import Created, TrackRequest
from services.assistant.storage.tables import UsageRow
from services.web.openapi import problem_responses

blueprint = APIBlueprint("track", __name__)


@blueprint.post("/track", summary="Record usage of a business", responses={202: Created, **problem_responses(404, 503)})
def track(body: TrackRequest) -> tuple[dict[str, Any], int]:
    """Keep one usage event."""
    assistant = current()
    business = assistant.business(body.business_id)
    event_id = str(uuid.uuid4())
    with assistant.database.write() as session:
        session.execute(
            insert(UsageRow),
            {
                "id": event_id,
                "business_id": business.id,
                "event": body.event,
                "value": body.value,
                "created_at": datetime.now(UTC),
            },
        )
    assistant.metrics.track(body.event, business.id)
    return {"id": event_id}, 202

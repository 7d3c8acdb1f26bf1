"""Businesses: list them, list their free times."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from services.assistant.app_state import current, find_provider
from services.assistant.appointments import availability
from services.assistant.routes.schemas import BusinessList, BusinessPath, BusinessQuery, SlotList, SlotQuery
from services.web.openapi import problem_responses

blueprint = APIBlueprint("businesses", __name__)


@blueprint.get("/businesses", summary="List businesses", responses={200: BusinessList, **problem_responses(503)})
def businesses(query: BusinessQuery) -> dict[str, Any]:
    """List businesses by kind and region."""
    chosen = current().directory.list(query.kind, query.region, query.limit, include_probes=query.include_probes)
    return BusinessList.model_validate({"businesses": chosen}, from_attributes=True).model_dump()


@blueprint.get(
    "/businesses/<business_id>/slots",
    summary="List free times",
    responses={200: SlotList, **problem_responses(404, 503)},
)
def slots(path: BusinessPath, query: SlotQuery) -> dict[str, Any]:
    """List free times of one local day, or of the next days that have any."""
    assistant = current()
    business = assistant.business(path.business_id)
    provider = find_provider(business, query.provider_id)
    free = availability.free_times(assistant.database, business, day=query.date, provider=provider)
    return {
        "business_id": business.id,
        "time_zone": business.time_zone,
        "slots": [start.isoformat() for start in free],
    }

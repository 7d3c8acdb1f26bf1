"""POST /predict: the probability of a no-show."""

import time
from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from services.assistant.app_state import current
from services.assistant.prediction.no_show import DEFAULT_AGE, FEATURES
from services.assistant.routes.schemas import PredictRequest, PredictResponse
from services.assistant.storage.tables import PredictionRow
from services.telemetry import names
from services.web.openapi import problem_responses

blueprint = APIBlueprint("predictions", __name__)


@blueprint.post(
    "/predict",
    summary="Predict whether an appointment is kept",
    responses={200: PredictResponse, **problem_responses(404, 503)},
)
def predict(body: PredictRequest) -> dict[str, Any]:
    """Predict, and store features, prediction, time and model version."""
    assistant = current()
    if body.business_id:
        assistant.business(body.business_id)
    given = body.model_dump(include=set(FEATURES), exclude_none=True)
    model = assistant.no_show
    with assistant.telemetry.tracer.start_as_current_span(names.SPAN_PREDICT) as span:
        started = time.perf_counter()
        found = model.predict({"age": DEFAULT_AGE, **given})
        seconds = time.perf_counter() - started
        span.set_attribute("lab.model.version", model.version)
        span.set_attribute("lab.prediction", found.prediction)
    telemetry, metrics = assistant.telemetry, assistant.metrics
    row = PredictionRow(
        features=given,
        prediction=found.prediction,
        probability=found.probability,
        model_version=model.version,
        business_id=body.business_id,
    )
    with assistant.database.write() as session:
        session.add(row)
    telemetry.inc(metrics.predictions, model_version=model.version, outcome=found.prediction)
    telemetry.observe(metrics.prediction_latency, seconds, model_version=model.version)
    return {
        "prediction": found.prediction,
        "probability": round(found.probability, 6),
        "model_version": model.version,
        "prediction_id": row.id,
    }

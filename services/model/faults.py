"""The faults that can be switched on in the model server."""

from typing import Final, Literal

from pydantic import Field

from services.web.bodies import StrictModel
from services.web.faults import Fault


class ErrorParameters(StrictModel):
    """Which error is sent."""

    status: Literal[500, 502, 503, 504] = 503


class LatencyParameters(StrictModel):
    """How much longer the first token takes."""

    seconds: float = Field(default=3.0, gt=0, le=60)


class ThrottleParameters(StrictModel):
    """What Retry-After says, in seconds."""

    retry_after: int = Field(default=2, ge=1, le=120)


ERRORS: Final = Fault("errors", "Answers with a server error at once.", ErrorParameters)
LATENCY: Final = Fault("latency", "Takes longer until the first token.", LatencyParameters)
THROTTLE: Final = Fault("throttle", "Answers 429 with Retry-After at once.", ThrottleParameters)
ALL: Final = (ERRORS, LATENCY, THROTTLE)

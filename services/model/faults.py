"""The faults that can be switched on in the model server."""

from typing import Final, Literal

from pydantic import Field

from services.web.bodies import StrictModel
from services.web.faults import Fault, NoParameters


class ErrorParameters(StrictModel):
    """Which error is sent."""

    status: Literal[500, 502, 503, 504] = 503


class LatencyParameters(StrictModel):
    """How much longer the first token takes: always so long, or in the mean with a few that take many times as long."""

    seconds: float = Field(default=3.0, gt=0, le=60)
    tail: Literal["fixed", "long"] = "fixed"


class ThrottleParameters(StrictModel):
    """What Retry-After says, in seconds."""

    retry_after: int = Field(default=2, ge=1, le=120)


class HangParameters(StrictModel):
    """How long a call hangs before it is answered with 504, in seconds."""

    seconds: float = Field(default=60.0, gt=0, le=300)


class LongParameters(StrictModel):
    """How long the answer is. At 150 tokens a second 1000 tokens take 7 s, less than the assistant waits."""

    tokens: int = Field(default=1000, ge=100, le=4096)


def _fault(name: str, description: str, parameters: type[StrictModel] = NoParameters) -> Fault:
    return Fault(name, description, parameters, dimensions=("model",))


ERRORS: Final = _fault("errors", "Answers with a server error at once.", ErrorParameters)
THROTTLE: Final = _fault("throttle", "Answers 429 with Retry-After at once.", ThrottleParameters)
HANG: Final = _fault("hang", "Takes the call and does not answer.", HangParameters)
LATENCY: Final = _fault("latency", "Takes longer until the first token.", LatencyParameters)
EMPTY: Final = _fault("empty", "Answers 200 with neither text nor tool call.")
POOR: Final = _fault("poor", "Answers something that has nothing to do with the question, and calls no tool.")
UNSAFE: Final = _fault("unsafe", "Answers with an insult, a demand for card data or a dangerous advice.")
LONG: Final = _fault("long", "Goes on talking up to a limit of tokens.", LongParameters)
MALFORMED: Final = _fault("malformed", "Answers 200 with broken JSON.")
CUT: Final = _fault("cut", "Closes the connection in the middle of the answer.")
ALL: Final = (ERRORS, THROTTLE, HANG, LATENCY, EMPTY, POOR, UNSAFE, LONG, MALFORMED, CUT)

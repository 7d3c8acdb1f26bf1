"""The faults that can be switched on in the model server."""

from typing import Final, Literal

from pydantic import Field

from services.web.bodies import StrictModel
from services.web.faults import Fault, NoParameters


class ErrorParameters(StrictModel):
    """Status of the error."""

    status: Literal[500, 502, 503, 504] = 503


class LatencyParameters(StrictModel):
    """Seconds added to the first token: fixed, or the mean of a distribution with a long tail."""

    seconds: float = Field(default=3.0, gt=0, le=60)
    tail: Literal["fixed", "long"] = "fixed"


class ThrottleParameters(StrictModel):
    """Retry-After, in seconds."""

    retry_after: int = Field(default=2, ge=1, le=120)


class HangParameters(StrictModel):
    """Seconds until a hanging call gets 504."""

    seconds: float = Field(default=60.0, gt=0, le=300)


class LongParameters(StrictModel):
    """Tokens of the response. At 150 tokens/s 1000 take 7 s, less than the assistant's time-out."""

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

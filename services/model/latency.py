"""Takes as long as a model would: some time to the first token, then a steady rate."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

# Spread of the long tail: one call in twenty takes three times the mean, one in a hundred six times.
_SIGMA = 1.0
_LONGEST_TAIL = 10
_LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Latency:
    """Seconds before the first token and tokens per second after it; 0 turns either off."""

    first_token_seconds: float = 0.0
    tokens_per_second: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def before_first(self) -> None:
        """Wait for the first token."""
        self._wait(self.first_token_seconds)

    def of_tokens(self, tokens: int) -> None:
        """Wait for so many tokens."""
        if self.tokens_per_second > 0:
            self._wait(tokens / self.tokens_per_second)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)


def with_long_tail(mean: float, rng: Random) -> float:
    """Draw seconds with this mean: most are less, a few many times as much (lognormal), none without an end."""
    drawn = rng.lognormvariate(math.log(mean) - _SIGMA**2 / 2, _SIGMA)
    return min(drawn, _LONGEST_TAIL * mean, _LONGEST_SECONDS)

"""Latency of a language model: a time to the first token, then a steady rate of tokens."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

# Sigma of a lognormal distribution: 5 % of its values are above 3 times the mean, 1 % above 6 times.
_SIGMA = 1.0
_MAX_FACTOR = 10
_MAX_SECONDS = 60.0


@dataclass(frozen=True)
class Latency:
    """Seconds before the first token and tokens per second after it; 0 turns either off."""

    first_token_seconds: float = 0.0
    tokens_per_second: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def wait_for_first_token(self) -> None:
        """Wait as long as the first token takes."""
        if self.first_token_seconds > 0:
            self.sleep(self.first_token_seconds)

    def wait_for_tokens(self, count: int) -> None:
        """Wait as long as `count` tokens take after the first."""
        if self.tokens_per_second > 0 and count > 0:
            self.sleep(count / self.tokens_per_second)


def draw_long_tail(mean_seconds: float, rng: Random) -> float:
    """Draw a latency in seconds from a lognormal distribution with this mean and an upper limit."""
    drawn = rng.lognormvariate(math.log(mean_seconds) - _SIGMA**2 / 2, _SIGMA)
    return min(drawn, _MAX_FACTOR * mean_seconds, _MAX_SECONDS)

"""Takes as long as a model would: some time to the first token, then a steady rate."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Seconds before the first token and tokens per second after it; 0 turns either off."""

    first_token_seconds: float = 0.0
    tokens_per_second: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def before_first(self, extra: float = 0.0) -> None:
        """Wait for the first token."""
        self._wait(self.first_token_seconds + extra)

    def of_tokens(self, tokens: int) -> None:
        """Wait for so many tokens."""
        if self.tokens_per_second > 0:
            self._wait(tokens / self.tokens_per_second)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)

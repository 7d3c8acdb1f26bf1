"""Calls of the admin API with invalid tokens, drawn from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

_ADMIN_CALLS = (("GET", "/admin/faults"), ("DELETE", "/admin/faults"), ("PUT", "/admin/log-level"))
_WORDS = ("admin", "changeme", "password", "root", "letmein", "test", "secret", "lab")


@dataclass(frozen=True)
class Attempt:
    """One call with a token; `pause` is the think time after it in seconds."""

    method: str
    path: str
    token: str
    pause: float


def attempts(seed: int, name: str) -> Iterator[Attempt]:
    """Yield the calls of one intruder without end, with common words and random tokens of the real length."""
    rng = random.Random(f"{seed}/{name}")  # noqa: S311 - a plan, not a secret
    while True:
        method, path = rng.choice(_ADMIN_CALLS)
        token = rng.choice(_WORDS) if rng.random() < 0.7 else f"{rng.getrandbits(256):064x}"
        yield Attempt(method, path, token, round(rng.uniform(0.2, 0.8), 2))

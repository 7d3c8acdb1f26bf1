"""The requests of the users of one Locust process, as numbers that another process can receive as JSON."""

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Seconds, up to the timeout of a user.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0)
OUTCOMES = ("ok", "failed")
BOOKINGS = ("confirmed", "cancelled")
OTHER = "other"
# The cardinality limit of request names.
_MOST_NAMES = 16
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Timing:
    """The durations of the requests of one name: counts by bucket (the last is above all limits), and total seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


@dataclass
class LoadStats:
    """Totals since the process started, and the current number of `users` by class."""

    users: dict[str, int] = field(default_factory=dict)
    # By name, method and outcome.
    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    timings: dict[str, Timing] = field(default_factory=dict)
    bookings: Counter[str] = field(default_factory=Counter)

    def request(self, name: str, method: str, seconds: float, *, ok: bool) -> None:
        """Count one request."""
        name = name if name in self.timings or len(self.timings) < _MOST_NAMES else OTHER
        method = method if method in _METHODS else OTHER
        self.requests[name, method, OUTCOMES[not ok]] += 1
        # The other outcome exists with 0 from now on: a rate needs a first sample.
        self.requests[name, method, OUTCOMES[ok]] += 0
        timing = self.timings.setdefault(name, Timing())
        timing.counts[bisect.bisect_left(BUCKETS, seconds)] += 1
        timing.seconds += seconds

    def document(self) -> dict[str, Any]:
        """Return the stats for JSON; `read` is the inverse."""
        return {
            "users": self.users,
            "requests": [[*key, count] for key, count in self.requests.items()],
            "timings": {name: [one.counts, one.seconds] for name, one in self.timings.items()},
            "bookings": dict(self.bookings),
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "LoadStats":
        """Return the stats of a document.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: the document is invalid.
        """
        stats = cls(users={_text(key): _count(value) for key, value in content["users"].items()})
        for name, method, outcome, count in content["requests"]:
            if outcome not in OUTCOMES:
                raise ValueError(outcome)
            stats.requests[_text(name), _text(method), outcome] = _count(count)
        for name, (counts, seconds) in content["timings"].items():
            if len(counts) != len(BUCKETS) + 1:
                raise ValueError(name)
            stats.timings[_text(name)] = Timing([_count(one) for one in counts], float(seconds))
        stats.bookings.update({key: _count(content["bookings"].get(key, 0)) for key in BOOKINGS})
        if len(stats.timings) > _MOST_NAMES + 1 or len(stats.users) > _MOST_NAMES:
            raise ValueError("too many names")
        return stats


def total(parts: Iterable[LoadStats]) -> LoadStats:
    """Return the sum of stats."""
    result = LoadStats()
    users: Counter[str] = Counter()
    for one in parts:
        users.update(one.users)
        for key, count in one.requests.items():
            result.requests[key] += count
        result.bookings.update(one.bookings)
        for name, timing in one.timings.items():
            into = result.timings.setdefault(name, Timing())
            into.counts = [mine + more for mine, more in zip(into.counts, timing.counts, strict=True)]
            into.seconds += timing.seconds
    result.users = dict(users)
    return result


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise ValueError(value)
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value

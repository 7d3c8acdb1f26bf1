"""Client of Loki."""

import time
from dataclasses import dataclass
from typing import Any

from lab.query.errors import BadAnswer
from lab.query.http import Server
from lab.query.prometheus import RuleAlert, rule_alerts

# Keeps index labels and structured metadata apart in the answer.
_CATEGORIZE = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}


@dataclass(frozen=True)
class Line:
    """One log line: Unix time in seconds, index labels, the text, and its structured metadata."""

    time: float
    labels: dict[str, str]
    text: str
    metadata: dict[str, str]


class Loki(Server):
    """Loki's HTTP API."""

    def query(
        self, expression: str, start: float | None = None, end: float | None = None, limit: int = 100
    ) -> list[Line]:
        """Return the newest `limit` lines that a LogQL expression selects, oldest first.

        Times are Unix times in seconds; by default the last hour.
        """
        end = time.time() + 1 if end is None else end
        start = end - 3600 if start is None else start
        params = {
            "query": expression,
            "start": str(int(start * 1e9)),
            "end": str(int(end * 1e9)),
            "limit": str(limit),
            "direction": "backward",
        }
        answer = self.json("GET", "/loki/api/v1/query_range", params=params, headers=_CATEGORIZE)
        lines = [_line(stream["stream"], value) for stream in answer["data"]["result"] for value in stream["values"]]
        return sorted(lines, key=lambda line: line.time)

    def alerts(self) -> list[RuleAlert]:
        """Return the pending and firing alerts of the ruler; none where it has no rules."""
        return rule_alerts(self._ruler("alerts"))

    def rules(self, name: str) -> list[dict[str, Any]]:
        """Return the rules called `name`, as the ruler describes them."""
        return [rule for group in self._ruler("rules")["groups"] for rule in group["rules"] if rule.get("name") == name]

    def _ruler(self, what: str) -> dict[str, Any]:
        try:
            data = self.json("GET", f"/prometheus/api/v1/{what}")["data"]
        except BadAnswer:  # a Loki without a ruler
            return {"alerts": [], "groups": []}
        return dict(data)


def _line(labels: dict[str, str], value: list[object]) -> Line:
    """Read `[nanoseconds, text]` or `[nanoseconds, text, {structuredMetadata, parsed}]`."""
    more = value[2] if len(value) > 2 and isinstance(value[2], dict) else {}
    metadata = {**more.get("structuredMetadata", {}), **more.get("parsed", {})}
    return Line(int(str(value[0])) / 1e9, labels, str(value[1]), metadata)

"""Questions to Prometheus."""

import time
from dataclasses import dataclass
from typing import Any

from lab.query.http import Server
from lab.query.times import parse_time


@dataclass(frozen=True)
class Sample:
    """One value of one series; `time` is Unix time in seconds."""

    labels: dict[str, str]
    value: float
    time: float


@dataclass(frozen=True)
class Series:
    """One series over time: `points` are (Unix time, value)."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Exemplar:
    """One exemplar: the labels of its series, its own labels (`trace_id`), value and Unix time."""

    series: dict[str, str]
    labels: dict[str, str]
    value: float
    time: float


@dataclass(frozen=True)
class RuleAlert:
    """An alert as Prometheus sees it: `state` is pending or firing, `active_at` the Unix time of its first hit."""

    name: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    active_at: float | None


@dataclass(frozen=True)
class Target:
    """A scrape target: `health` is up, down or unknown."""

    job: str
    instance: str
    url: str
    health: str
    last_error: str
    labels: dict[str, str]


def rule_alerts(data: dict[str, Any]) -> list[RuleAlert]:
    """Read a list of alerts, as Prometheus and Loki's ruler give it."""
    return [
        RuleAlert(
            name=row["labels"].get("alertname", ""),
            state=row["state"],
            labels=row["labels"],
            annotations=row.get("annotations", {}),
            active_at=parse_time(row.get("activeAt")),
        )
        for row in data["alerts"] or ()
    ]


class Prometheus(Server):
    """Prometheus' HTTP API."""

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Answer an instant query at Unix time `at` (now if None); a scalar gives one sample without labels."""
        params = {"query": expression} | ({} if at is None else {"time": repr(at)})
        data = self._data("/api/v1/query", params)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]), float(data["result"][0]))]
        return [Sample(row["metric"], float(row["value"][1]), float(row["value"][0])) for row in data["result"]]

    def value(self, expression: str, default: float = 0.0) -> float:
        """Return the sum of an instant query's values, `default` when there is no series."""
        found = self.query(expression)
        return sum(sample.value for sample in found) if found else default

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Answer a range query; times are Unix times, `step` is in seconds."""
        params = {"query": expression, "start": repr(start), "end": repr(end), "step": repr(step)}
        rows = self._data("/api/v1/query_range", params)["result"]
        return [Series(row["metric"], tuple((float(t), float(v)) for t, v in row["values"])) for row in rows]

    def exemplars(self, expression: str, start: float | None = None, end: float | None = None) -> list[Exemplar]:
        """Return the exemplars of the series in an expression, between two Unix times (by default the last 5 min)."""
        end = time.time() if end is None else end
        start = end - 300 if start is None else start
        params = {"query": expression, "start": repr(start), "end": repr(end)}
        return [
            Exemplar(row["seriesLabels"], one["labels"], float(one["value"]), float(one["timestamp"]))
            for row in self._data("/api/v1/query_exemplars", params)
            for one in row["exemplars"]
        ]

    def alerts(self) -> list[RuleAlert]:
        """Return all pending and firing alerts."""
        return rule_alerts(self._data("/api/v1/alerts"))

    def rules(self, name: str) -> list[dict[str, Any]]:
        """Return the rules with that name as Prometheus describes them."""
        groups = self._data("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"] if rule.get("name") == name]

    def targets(self) -> list[Target]:
        """Return the active scrape targets."""
        return [
            Target(
                job=row["labels"].get("job", ""),
                instance=row["labels"].get("instance", ""),
                url=row["scrapeUrl"],
                health=row["health"],
                last_error=row.get("lastError", ""),
                labels=row["labels"],
            )
            for row in self._data("/api/v1/targets", {"state": "active"})["activeTargets"]
        ]

    def ready(self) -> bool:
        """Return whether Prometheus is ready."""
        return self.answers("/-/ready")

    def _data(self, path: str, params: dict[str, str] | None = None) -> Any:
        return self.json("GET", path, params=params)["data"]

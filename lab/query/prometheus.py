"""Client of Prometheus."""

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
class Exemplar:
    """One exemplar: the labels of its series, its own labels (`trace_id`), value and Unix time."""

    series: dict[str, str]
    labels: dict[str, str]
    value: float
    time: float


@dataclass(frozen=True)
class RuleAlert:
    """An alert of a rule: `state` is pending or firing, `active_at` the Unix time at which its condition began."""

    name: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    active_at: float | None


def rule_alerts(data: dict[str, Any]) -> list[RuleAlert]:
    """Return the alerts in an answer of Prometheus or of Loki's ruler."""
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

    ready_path = "/-/ready"

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Return the samples of an instant query at Unix time `at` (None: now); a scalar is one without labels."""
        params = {"query": expression} | ({} if at is None else {"time": repr(at)})
        data = self._data("/api/v1/query", params)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]), float(data["result"][0]))]
        return [Sample(row["metric"], float(row["value"][1]), float(row["value"][0])) for row in data["result"]]

    def value(self, expression: str, default: float = 0.0) -> float:
        """Return the sum of an instant query's values, `default` when there is no series."""
        found = self.query(expression)
        return sum(sample.value for sample in found) if found else default

    def exemplars(self, expression: str, start: float, end: float) -> list[Exemplar]:
        """Return the exemplars of the series in an expression, between two Unix times."""
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
        """Return the rules called `name`, as Prometheus describes them."""
        groups = self._data("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"] if rule.get("name") == name]

    def _data(self, path: str, params: dict[str, str] | None = None) -> Any:
        return self.json("GET", path, params=params)["data"]

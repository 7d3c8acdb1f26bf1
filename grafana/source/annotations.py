"""Annotations drawn from metrics: a band while the metric is above 0. Nothing writes to Grafana."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from grafana.source import queries
from grafana.source.sources import PROMETHEUS
from services.telemetry import names


class PrometheusAnnotation(AnnotationQuery):
    """An annotation with the fields of Prometheus, which the library does not have."""

    own: dict[str, object]

    def to_json(self) -> dict[str, object]:
        """Return the fields that Grafana reads."""
        return {**super().to_json(), **self.own}


@dataclass(frozen=True)
class MetricAnnotation(Builder[AnnotationQuery]):
    """A band over every graph while `expr` is above 0. `title` and `text` may name labels as `{{label}}`."""

    name: str
    expr: str
    color: str
    title: str
    text: str

    def build(self) -> AnnotationQuery:
        """Return the annotation."""
        annotation = PrometheusAnnotation(name=self.name, datasource=PROMETHEUS, icon_color=self.color, expr=self.expr)
        # Points at this distance or less are joined into one band: the scrape interval.
        annotation.own = {"titleFormat": self.title, "textFormat": self.text, "step": "5s"}
        return annotation


# In a blind run the services export the fault as "hidden".
FAULTS: Final = MetricAnnotation("Faults", queries.ACTIVE_FAULTS, "orange", "Fault: {{fault}}", "on {{target}}")
# A server that was stopped on purpose is no fault of a service.
LOST_SERVERS: Final = MetricAnnotation(
    "Lost servers", "1 - min by (job) (up) == 1", "purple", "{{job}} is down", text=""
)
ALERTS: Final = MetricAnnotation(
    "Alerts", f"max by (alertname, severity) ({queries.FIRING}) == 1", "red", "{{alertname}}", "{{severity}}"
)
# Remediations that the pager ran, would have run (dry_run), or that failed.
AUTOMATIC_ACTIONS: Final = MetricAnnotation(
    "Automatic actions",
    f"{queries.increase(names.PAGER_REMEDIATIONS, '', 'action, result', '15s')} > 0",
    "blue",
    "Pager: {{action}}",
    "{{result}}",
)

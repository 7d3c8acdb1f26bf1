"""Annotations drawn from metrics: a band while the metric is above 0. Nothing writes to Grafana."""

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from grafana.source import queries
from grafana.source.sources import PROMETHEUS
from services.telemetry import names


class MetricAnnotation(AnnotationQuery, Builder[AnnotationQuery]):
    """A band over every graph while `expr` is above 0. `title` and `text` may name labels as `{{label}}`."""

    def __init__(self, name: str, expr: str, color: str, title: str, text: str) -> None:
        super().__init__(name=name, datasource=PROMETHEUS, icon_color=color, expr=expr)
        # Fields of Prometheus, which the library lacks. Points at most a step, the scrape interval, apart are one band.
        self._prometheus = {"titleFormat": title, "textFormat": text, "step": "5s"}

    def build(self) -> AnnotationQuery:
        """Return the annotation."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return the fields that Grafana reads."""
        return {**super().to_json(), **self._prometheus}


# In a blind run the services export the fault as "hidden".
FAULTS: Final = MetricAnnotation("Faults", queries.ACTIVE_FAULTS, "orange", "Fault: {{fault}}", "on {{target}}")
# A server that was stopped on purpose is no fault of a service.
LOST_SERVERS: Final = MetricAnnotation("Lost servers", "1 - min by (job) (up) == 1", "purple", "{{job}} is down", "")
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

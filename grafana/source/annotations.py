"""Annotations that are drawn from a metric: a band while it is 1. Nothing writes to Grafana."""

from dataclasses import dataclass

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from grafana.source.sources import PROMETHEUS
from services.telemetry import names


class PrometheusAnnotation(AnnotationQuery):
    """An annotation with the fields of Prometheus' own, which the library does not know."""

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
        # The step is the distance of points that are joined into one band: that of the scrapes.
        annotation.own = {"titleFormat": self.title, "textFormat": self.text, "step": "5s"}
        return annotation


def faults() -> MetricAnnotation:
    """Drawn from the metric that the services themselves set; a blind run says "hidden" there."""
    return MetricAnnotation(
        "Faults", f"max by (fault, target) ({names.FAULT_ACTIVE}) == 1", "orange", "Fault: {{fault}}", "on {{target}}"
    )


def lost_servers() -> MetricAnnotation:
    """Every server while Prometheus cannot scrape it: a server that was stopped on purpose is no fault of a service."""
    return MetricAnnotation("Lost servers", "1 - min by (job) (up) == 1", "purple", "{{job}} is down", "")


def alerts() -> MetricAnnotation:
    """Every alert while it fires, but the Watchdog, which always does."""
    firing = 'max by (alertname, severity) (ALERTS{alertstate="firing",alertname!="Watchdog"}) == 1'
    return MetricAnnotation("Alerts", firing, "red", "{{alertname}}", "{{severity}}")


def automatic_actions() -> MetricAnnotation:
    """What the pager did by itself, would have done (dry_run), or failed to do."""
    done = f"sum by (action, result) (increase({names.PAGER_REMEDIATIONS}[15s])) > 0"
    return MetricAnnotation("Automatic actions", done, "blue", "Pager: {{action}}", "{{result}}")

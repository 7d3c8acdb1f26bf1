"""The data sources, by the fixed ids of grafana/provisioning, and queries to them."""

from typing import Final

from grafana_foundation_sdk.builders import loki as loki_builder
from grafana_foundation_sdk.builders import prometheus as prometheus_builder
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.loki import LokiQueryType
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI: Final = DataSourceRef(type_val="loki", uid="loki")
TEMPO: Final = DataSourceRef(type_val="tempo", uid="tempo")


def metric(expr: str, legend: str = "__auto", *, exemplars: bool = False) -> prometheus_builder.Dataquery:
    """Build a PromQL query over the dashboard's time range.

    Args:
        expr: PromQL.
        legend: may name labels as `{{label}}`.
        exemplars: whether points link to traces.
    """
    query = prometheus_builder.Dataquery().datasource(PROMETHEUS).expr(expr).range()
    return query.legend_format(legend).exemplar(exemplars)


def latest(expr: str, legend: str = "__auto") -> prometheus_builder.Dataquery:
    """Build a PromQL query for the end of the time range only."""
    return prometheus_builder.Dataquery().datasource(PROMETHEUS).expr(expr).instant().legend_format(legend)


def buckets(expr: str) -> prometheus_builder.Dataquery:
    """Build a PromQL query by `le` for a heatmap."""
    return metric(expr, "{{le}}").format(PromQueryFormat.HEATMAP)


def log_lines(expr: str) -> loki_builder.Dataquery:
    """Build a LogQL query for lines, newest first."""
    return loki_builder.Dataquery().datasource(LOKI).expr(expr).query_type(LokiQueryType.RANGE).max_lines(200)


def log_metric(expr: str, legend: str) -> loki_builder.Dataquery:
    """Build a LogQL query that counts lines."""
    return loki_builder.Dataquery().datasource(LOKI).expr(expr).query_type(LokiQueryType.RANGE).legend_format(legend)

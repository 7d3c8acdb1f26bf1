"""The data sources, by the fixed ids of grafana/provisioning, and queries to them."""

from typing import Final

from grafana_foundation_sdk.builders import loki as loki_builder
from grafana_foundation_sdk.builders import prometheus as prometheus_builder
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.loki import LokiQueryType

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


def logs_query(logql: str) -> loki_builder.Dataquery:
    """Build a LogQL query over the dashboard's time range."""
    return loki_builder.Dataquery().datasource(LOKI).expr(logql).query_type(LokiQueryType.RANGE)

"""Grafana dashboards as code.

`python -m grafana.source` writes `grafana/dashboards/*.json`, which Grafana loads. Metric names come from
`services.telemetry.names`, so a renamed metric cannot leave an empty panel behind.
"""

from collections.abc import Callable

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.source.load.dashboard import load
from grafana.source.service.dashboard import service
from grafana.source.slo.dashboard import slo

# File name in grafana/dashboards (without .json) -> what builds it.
DASHBOARDS: dict[str, Callable[[], Dashboard]] = {"service": service, "load": load, "slo": slo}

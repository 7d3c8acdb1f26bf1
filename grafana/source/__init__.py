"""Grafana dashboards as code.

`python -m grafana.source` writes `grafana/dashboards/*.json`, which Grafana loads. Metric names come from
`services.telemetry.names`, so a renamed metric cannot leave an empty panel.
"""

from collections.abc import Callable

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.source.load import dashboard as load
from grafana.source.service import dashboard as service
from grafana.source.slo import dashboard as slo

# File name in grafana/dashboards (without .json) -> the function that builds the dashboard.
DASHBOARDS: dict[str, Callable[[], Dashboard]] = {"service": service.build, "load": load.build, "slo": slo.build}

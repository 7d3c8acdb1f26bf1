"""Grafana dashboards as code.

`python -m grafana.source` writes `grafana/dashboards/*.json`, which Grafana loads. Metric names come from
`services.telemetry.names`, so a renamed metric cannot leave an empty panel.
"""

from grafana.source.load import dashboard as load
from grafana.source.service import dashboard as service
from grafana.source.slo import dashboard as slo

# By file name in grafana/dashboards, without .json.
DASHBOARDS = {"service": service.DASHBOARD, "load": load.DASHBOARD, "slo": slo.DASHBOARD}

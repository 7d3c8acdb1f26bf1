"""`python -m grafana.source`: writes the JSON files that Grafana's provisioning reads."""

from pathlib import Path

from grafana.source import DASHBOARDS
from grafana.source.layout import to_json

TARGET = Path(__file__).resolve().parents[1] / "dashboards"

if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (TARGET / f"{name}.json").write_text(to_json(dashboard), encoding="utf-8")

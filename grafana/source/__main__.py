"""Write every dashboard to grafana/dashboards."""

from pathlib import Path

from grafana.source import DASHBOARDS
from grafana.source.encode import to_json

TARGET = Path(__file__).resolve().parents[1] / "dashboards"


def main() -> None:
    """Write the JSON files that Grafana's provisioning reads."""
    TARGET.mkdir(exist_ok=True)
    for name, build in DASHBOARDS.items():
        (TARGET / f"{name}.json").write_text(to_json(build()), encoding="utf-8")


if __name__ == "__main__":
    main()

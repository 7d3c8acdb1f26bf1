"""A dashboard as the text of its committed file."""

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def to_json(dashboard: Dashboard) -> str:
    """Return the dashboard as JSON: sorted keys and two spaces, so that a change is a small diff."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(dashboard) + "\n"

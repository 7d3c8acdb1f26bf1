"""Links of an alert with the time range of its incident in place of now."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# Added before the first alert and after the last one: a fault starts before its alert fires.
MARGIN = timedelta(minutes=5)
# In addition to the dashboard of the alert.
_SLO_DASHBOARD = "/d/slo"


def over(links: dict[str, str], start: datetime, end: datetime) -> dict[str, str]:
    """Return the links by target, those of a known form with the time range, and the SLO dashboard."""
    first, last = start - MARGIN, end + MARGIN
    milliseconds = {"from": str(int(first.timestamp() * 1000)), "to": str(int(last.timestamp() * 1000))}
    shown = dict(links)
    if dashboard := links.get("dashboard"):
        shown["dashboard"] = _with(dashboard, milliseconds)
        shown["slo"] = _with(_slo(dashboard), milliseconds)
    logs = links.get("logs", "")
    if urlsplit(logs).path == "/logs":
        shown["logs"] = _with(logs, milliseconds)
    if prometheus := links.get("prometheus"):
        shown["prometheus"] = _graph(prometheus, first, last)
    return shown


def _slo(url: str) -> str:
    parts = urlsplit(url)
    prefix = parts.path.split("/d/")[0] if "/d/" in parts.path else ""
    return urlunsplit((parts.scheme, parts.netloc, prefix + _SLO_DASHBOARD, "", ""))


def _graph(url: str, first: datetime, last: datetime) -> str:
    """Return the address of Prometheus's graph page, whose range counts back from its end."""
    seconds = int((last - first).total_seconds())
    end = last.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _with(url, {"g0.range_input": f"{seconds}s", "g0.end_input": end, "g0.tab": "0"})


def _with(url: str, values: dict[str, str]) -> str:
    """Return the URL with these parameters in its query; they replace those of the same names."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
    return urlunsplit(parts._replace(query=urlencode([*query, *values.items()])))

"""Links of an alert with the time range of its incident in place of now."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# Added before the first alert and after the last one: a fault starts before its alert fires.
MARGIN = timedelta(minutes=5)
# In addition to the dashboard of the alert.
_SLO_DASHBOARD = "/d/slo"


def over(links: dict[str, str], start: datetime, end: datetime) -> dict[str, str]:
    """The links over a time, by what they show. What is no link of a known form stays as it is."""
    first, last = start - MARGIN, end + MARGIN
    shown = dict(links)
    if dashboard := links.get("dashboard"):
        shown["dashboard"] = _dashboard(dashboard, first, last)
        shown["slo"] = _dashboard(_slo(dashboard), first, last)
    if logs := links.get("logs"):
        shown["logs"] = _logs(logs, first, last)
    if prometheus := links.get("prometheus"):
        shown["prometheus"] = _graph(prometheus, first, last)
    return shown


def _dashboard(url: str, first: datetime, last: datetime) -> str:
    return _with(url, {"from": _milliseconds(first), "to": _milliseconds(last)})


def _slo(url: str) -> str:
    parts = urlsplit(url)
    prefix = parts.path.split("/d/")[0] if "/d/" in parts.path else ""
    return urlunsplit((parts.scheme, parts.netloc, prefix + _SLO_DASHBOARD, "", ""))


def _logs(url: str, first: datetime, last: datetime) -> str:
    if urlsplit(url).path != "/logs":
        return url
    return _with(url, {"from": _milliseconds(first), "to": _milliseconds(last)})


def _graph(url: str, first: datetime, last: datetime) -> str:
    """Prometheus's graph page counts back from its end."""
    seconds = int((last - first).total_seconds())
    end = last.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _with(url, {"g0.range_input": f"{seconds}s", "g0.end_input": end, "g0.tab": "0"})


def _with(url: str, values: dict[str, str]) -> str:
    """The URL with these parameters in its query, in the place of those it has."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
    return urlunsplit(parts._replace(query=urlencode([*query, *values.items()])))


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))

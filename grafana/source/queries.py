"""Pieces of queries that several rows and dashboards share."""

from typing import Final

from services.telemetry import names

# The window of the alerts ErrorRateHigh and ErrorRateCritical: what is drawn is what they judge.
WINDOW: Final = "1m"
# One "hour" of the lab: every window is the usual one divided by 12.
LAB_HOUR: Final = "5m"
ASSISTANT: Final = 'job="assistant"'
# What users ask for: health checks and scrapes are regular, fast, and would flatter every figure.
USER_ROUTES: Final = f'{ASSISTANT},http_route!~"{"|".join(names.OPERATOR_ROUTES)}"'
CHOSEN_ROUTES: Final = f'{USER_ROUTES},http_route=~"$route"'
CHAT: Final = f'{ASSISTANT},http_route="/chat"'

FAILED_LOGS: Final = '{service_namespace="lab"} | detected_level=~"warn|error|fatal"'
# The service in front of each line: the panel shows lines of all of them.
NAMED_FAILED_LOGS: Final = FAILED_LOGS + ' | line_format "{{.service_name}}: {{__line__}}"'
FAILED_TRACES: Final = '{resource.service.name="assistant" && status=error}'
SLOW_TRACES: Final = '{resource.service.name="assistant" && kind=server && duration>1s}'
ALL_LOGS: Final = '{service_namespace="lab"}'
ALL_TRACES: Final = '{resource.service.name="assistant" && kind=server}'


def rate(metric: str, selector: str = ASSISTANT, by: str = "", window: str = WINDOW) -> str:
    """Sum of a counter's rates, by the labels in `by`."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{selector}}}[{window}]))"


def quantile(share: float, histogram: str, selector: str, by: str = "", window: str = WINDOW) -> str:
    """A quantile of a classic histogram over the window."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', selector, labels, window)})"


def increase(metric: str, selector: str, window: str = LAB_HOUR) -> str:
    """How often counters rose together in the window."""
    return f"sum(increase({metric}{{{selector}}}[{window}]))"


def or_none(query: str, label: str) -> str:
    """The series of `query` that are above 0, or one at 0 whose label says "none"."""
    return f'({query} > 0) or on () label_replace(vector(0), "{label}", "none", "", "")'


def counted(metric: str, by: str, selector: str = ASSISTANT) -> str:
    """How often a counter rose in the last 5 minutes."""
    return f"sum by ({by}) (increase({metric}{{{selector}}}[{LAB_HOUR}]))"


# Recorded by prometheus/rules, 0 where nothing was asked: the very series that the error alerts compare.
FAILED_SHARE: Final = f"job:ai_requests_failed:ratio_rate1m{{{ASSISTANT}}}"

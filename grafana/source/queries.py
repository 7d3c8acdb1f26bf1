"""Parts of queries that several rows and dashboards share."""

from typing import Final

from services.telemetry import names

# The window of the alerts ErrorRateHigh and ErrorRateCritical, and their thresholds.
WINDOW: Final = "1m"
ERROR_RATE_HIGH: Final = 0.05
ERROR_RATE_CRITICAL: Final = 0.1
# An hour and a day of lab time: every window is the usual one divided by 12.
LAB_HOUR: Final = "5m"
LAB_DAY: Final = "2h"
ASSISTANT: Final = 'job="assistant"'
# Requests of users. Health checks and scrapes are regular and fast, and would distort rates and quantiles.
USER_ROUTES: Final = f'{ASSISTANT},http_route!~"{"|".join(names.OPERATOR_ROUTES)}"'
CHOSEN_ROUTES: Final = f'{USER_ROUTES},http_route=~"$route"'
CHAT: Final = f'{ASSISTANT},http_route="/chat"'

FAILED_LOGS: Final = '{service_namespace="lab"} | detected_level=~"warn|error|fatal"'
FAILED_TRACES: Final = '{resource.service.name="assistant" && status=error}'
SLOW_TRACES: Final = '{resource.service.name="assistant" && kind=server && duration>1s}'
ALL_LOGS: Final = '{service_namespace="lab"}'
ALL_TRACES: Final = '{resource.service.name="assistant" && kind=server}'

# Recorded by prometheus/rules, 0 without requests: the series that the error alerts compare.
FAILED_SHARE: Final = f"job:ai_requests_failed:ratio_rate1m{{{ASSISTANT}}}"
# The Watchdog always fires, so that it is no finding.
PENDING: Final = 'ALERTS{alertstate="pending",alertname!="Watchdog"}'
FIRING: Final = 'ALERTS{alertstate="firing",alertname!="Watchdog"}'
FIRING_COUNT: Final = f"count({FIRING}) or vector(0)"
ACTIVE_FAULTS: Final = f"max by (fault, target) ({names.FAULT_ACTIVE}) == 1"
ACTIVE_FAULT_COUNT: Final = f"sum({names.FAULT_ACTIVE}) or vector(0)"
MEMORY_SHARE: Final = f"{names.PROCESS_MEMORY} / {names.PROCESS_MEMORY_LIMIT}"


def rate(metric: str, selector: str = ASSISTANT, by: str = "", window: str = WINDOW) -> str:
    """Return PromQL for the sum of a counter's rates, per second.

    Args:
        metric: the counter.
        selector: label matchers.
        by: labels that are kept.
        window: as PromQL writes a duration.
    """
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({_range(metric, selector, window)}))"


def quantile(share: float, histogram: str, selector: str = ASSISTANT, by: str = "", window: str = WINDOW) -> str:
    """Return PromQL for a quantile of a classic histogram.

    Args:
        share: 0 to 1; 0.95 is the 95th percentile.
        histogram: without `_bucket`.
        selector, by, window: as in `rate`.
    """
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', selector, labels, window)})"


def increase(metric: str, selector: str = ASSISTANT, by: str = "", window: str = LAB_HOUR) -> str:
    """Return PromQL for the sum of a counter's increases; parameters as in `rate`."""
    grouped = f" by ({by}) " if by else ""
    return f"sum{grouped}(increase({_range(metric, selector, window)}))"


def or_none(query: str, label: str) -> str:
    """Return PromQL for the series of `query` above 0, or one at 0 whose label says "none"."""
    return f'({query} > 0) or on () label_replace(vector(0), "{label}", "none", "", "")'


def zero_without(query: str) -> str:
    """Return PromQL for 0 while `query` has no series, so that a panel is not empty."""
    return f"vector(0) unless on () ({query})"


def _range(metric: str, selector: str, window: str) -> str:
    matchers = f"{{{selector}}}" if selector else ""
    return f"{metric}{matchers}[{window}]"

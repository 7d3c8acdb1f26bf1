"""Resilience of the assistant while the provider fails."""

from grafana.source import links, queries
from grafana.source.panels import graph, state_timeline
from grafana.source.service.overview import CIRCUIT_STATES
from grafana.source.sources import metric
from services.telemetry import names

PANELS = [
    graph(
        "Fallback replies by reason",
        "Prepared answers a second, because the provider failed (provider_error), throttled, was not asked "
        "(circuit_open), or the time of the request was used up (budget).",
        [metric(queries.rate(names.FALLBACKS, by="reason"), "{{reason}}")],
        unit="reqps",
        soft_max=1,
        stacked_bars=True,
        links=[links.ERROR_LOGS],
    ),
    graph(
        "Retries by reason",
        "Second and third tries a second. Many retries with few fallbacks: the provider stumbles, users do not "
        "notice yet.",
        [metric(queries.rate(names.RETRIES, by="target, reason"), "{{target}} {{reason}}")],
        unit="reqps",
        soft_max=1,
        stacked_bars=True,
    ),
    state_timeline(
        "Circuit breaker",
        "Closed: calls go through. Open: calls are not tried. Half open: one call tries whether it works again.",
        [metric(f"max by (target) ({names.CIRCUIT_STATE}{{{queries.ASSISTANT}}})", "{{target}}")],
        CIRCUIT_STATES,
    ),
]

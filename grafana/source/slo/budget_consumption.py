"""The failures that consume the error budgets, next to the hits of faults."""

from typing import Final

from grafana.source import links, queries
from grafana.source.panels import GREY, ORANGE, PURPLE, RED, YELLOW, bar_gauge, graph, rare_bars
from grafana.source.sources import latest, metric
from services.telemetry import names

_FAILED: Final = f'{queries.ASSISTANT},outcome!="ok"'
_FAILED_CHATS: Final = f'{_FAILED},route="/chat"'
_CHATS: Final = f'{queries.ASSISTANT},route="/chat"'
_WITHIN_2_SECONDS: Final = f'{_CHATS},le="2.0"'
_SLOW_CHATS: Final = (
    f"clamp_min({queries.increase(names.AI_RESPONSE_TIME + '_count', _CHATS, window=queries.WINDOW)} "
    f"- {queries.increase(names.AI_RESPONSE_TIME + '_bucket', _WITHIN_2_SECONDS, window=queries.WINDOW)}, 0)"
)
_BY_BUSINESS: Final = queries.increase(names.AI_REQUESTS, _FAILED_CHATS, "business_id", "$__range")
_FAILURE_LINKS: Final = (links.ERROR_LOGS, links.traces_link("Traces of this time", queries.FAILED_TRACES))
_SLOW_LINKS: Final = (links.ERROR_LOGS, links.traces_link("Traces of this time", queries.SLOW_TRACES))


def _by(counter: str, selector: str, label: str) -> str:
    return queries.increase(counter, selector, label, queries.WINDOW)


PANELS = [
    graph(
        "Failed chats by outcome",
        "Chats of the last minute that used the budget of chat-availability. fallback: the user got a "
        "fallback reply; error: a 5xx.",
        [metric(queries.or_none(_by(names.AI_REQUESTS, _FAILED_CHATS, "outcome"), "outcome"), "{{outcome}}")],
        unit="short",
        stacked_bars=True,
        colors={"fallback": YELLOW, "error": RED, "none": GREY},
        soft_max=5,
        links=_FAILURE_LINKS,
    ),
    bar_gauge(
        "Failed chats by business",
        "The eight businesses whose customers' chats failed most in the time that is shown. One alone: look at its "
        "data. All of them: look at what they share.",
        latest(queries.or_none(f"topk(8, round({_BY_BUSINESS}))", "business_id"), "{{business_id}}"),
    ),
    rare_bars(
        "Failed requests by route",
        "Requests of the last minute that failed, by what was asked for. Only /chat and bookings have an objective.",
        _by(names.AI_REQUESTS, _FAILED, "route"),
        "route",
        unit="short",
        soft_max=5,
        links=_FAILURE_LINKS,
    ),
    graph(
        "Chats slower than 2 s",
        "Chats of the last minute that used the budget of chat-latency.",
        [metric(_SLOW_CHATS, "slower than 2 s")],
        unit="short",
        stacked_bars=True,
        colors={"slower than 2 s": PURPLE},
        soft_max=5,
        links=_SLOW_LINKS,
    ),
    rare_bars(
        "Failed bookings",
        "Bookings of the last minute that were begun and could not be stored, by the way they came. A refused one "
        "(the time is taken) is no failure.",
        _by(names.BOOKINGS, f'{queries.ASSISTANT},outcome="failed"', "channel"),
        "channel",
        unit="short",
        soft_max=5,
        links=_FAILURE_LINKS,
    ),
    rare_bars(
        "Fault hits",
        "How often an active fault was injected in the last minute: the cause, where there "
        "is one, of what the other graphs show.",
        _by(names.FAULT_HITS, "", "fault"),
        "fault",
        unit="short",
        shades_of=ORANGE,
        soft_max=5,
        links=_FAILURE_LINKS,
    ),
]

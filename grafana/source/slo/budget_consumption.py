"""What used the budgets. Faults and lost servers are bands over these graphs."""

from typing import Final

from grafana.source import links, queries
from grafana.source.panels import GREY, ORANGE, PURPLE, RED, YELLOW, Panel, graph, ranking
from grafana.source.sources import latest, metric
from services.telemetry import names

_FAILED: Final = f'{queries.ASSISTANT},outcome!="ok"'
_FAILED_CHATS: Final = f'{_FAILED},route="/chat"'
_CHATS: Final = f'{queries.ASSISTANT},route="/chat"'
_INCREASE: Final = f"increase({names.AI_REQUESTS}{{{_FAILED_CHATS}}}[$__range])"
_IN_TIME: Final = f'{_CHATS},le="2.0"'


def panels() -> list[Panel]:
    """Failed chats by outcome and by business, failures by route; slow chats; failed bookings."""
    return [
        _bars(
            "Failed chats by outcome",
            "Chats of the last minute that used the budget of chat-availability. fallback: the user got a prepared "
            "excuse; error: a 5xx.",
            _by(names.AI_REQUESTS, _FAILED_CHATS, "outcome"),
            "{{outcome}}",
            {"fallback": YELLOW, "error": RED, "none": GREY},
        ),
        ranking(
            "Failed chats by business",
            "The eight businesses whose customers' chats failed most in the time that is shown. One alone: look at its "
            "data. All of them: look at what they share.",
            "short",
            latest(
                queries.or_none(
                    f"topk(8, round(sum by (business_id) ({_INCREASE})))",
                    "business_id",
                ),
                "{{business_id}}",
            ),
        ),
        _bars(
            "Failed requests by route",
            "Requests of the last minute that failed, by what was asked for. Only /chat and bookings have an "
            "objective.",
            _by(names.AI_REQUESTS, _FAILED, "route"),
            "{{route}}",
            {"none": GREY},
            shades_of=RED,
        ),
        _bars(
            "Chats slower than 2 s",
            "Chats of the last minute that used the budget of chat-latency.",
            f"clamp_min({_sum(names.AI_RESPONSE_TIME + '_count', _CHATS)} "
            f"- {_sum(names.AI_RESPONSE_TIME + '_bucket', _IN_TIME)}, 0)",
            "slower than 2 s",
            {"slower than 2 s": PURPLE},
            slow=True,
        ),
        _bars(
            "Failed bookings",
            "Bookings of the last minute that were begun and could not be stored, by the way they came. A refused one "
            "(the time is taken) is no failure.",
            _by(names.BOOKINGS, f'{queries.ASSISTANT},outcome="failed"', "channel"),
            "{{channel}}",
            {"none": GREY},
            shades_of=RED,
        ),
        _bars(
            "Hits of faults",
            "How often an active fault was injected in the last minute: the cause, where there "
            "is one, of what the other graphs show.",
            queries.or_none(f"sum by (fault) (increase({names.FAULT_HITS}[{queries.WINDOW}]))", "fault"),
            "{{fault}}",
            {"none": GREY},
            shades_of=ORANGE,
        ),
    ]


def _sum(metric_name: str, selector: str) -> str:
    return queries.increase(metric_name, selector, queries.WINDOW)


def _by(metric_name: str, selector: str, label: str) -> str:
    return queries.or_none(f"sum by ({label}) (increase({metric_name}{{{selector}}}[{queries.WINDOW}]))", label)


def _bars(
    title: str,
    description: str,
    query: str,
    legend: str,
    colors: dict[str, str],
    *,
    slow: bool = False,
    shades_of: str | None = None,
) -> Panel:
    traces = queries.SLOW_TRACES if slow else queries.FAILED_TRACES
    return graph(
        title,
        description,
        "short",
        [metric(query, legend)],
        stacked_bars=True,
        soft_max=5,
        colors=colors,
        shades_of=shades_of,
        links=[
            links.logs_link("Errors and warnings of this time", queries.FAILED_LOGS),
            links.traces_link("Traces of this time", traces),
        ],
    )

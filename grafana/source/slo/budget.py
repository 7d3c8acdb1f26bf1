"""What is left of the error budgets, and how fast they burn."""

from typing import Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as cm

from grafana.source.panels import BLUE, ORANGE, PURPLE, RED, YELLOW, Panel, graph
from grafana.source.sources import metric

# Each objective with its promise; the figures are in prometheus/rules/slo-*.yml.
SLOS: Final = {
    "chat-availability": "of 1,000 chats 5 may fail",
    "chat-latency": "of 100 chats 5 may take longer than 2 s",
    "bookings": "of 100 bookings 1 may fail",
}
COLORS: Final = {"chat-availability": BLUE, "chat-latency": PURPLE, "bookings": "dark-green"}
LEFT: Final = 'slo:period_error_budget_remaining:ratio{{slo="{slo}"}}'
# What each pair of windows is compared with: long window, short window, times, what it does, its colour.
PAIRS: Final = (
    ("5m", "25s", 14.4, "page", RED),
    ("30m", "2m30s", 6, "page", ORANGE),
    ("2h", "10m", 3, "ticket", YELLOW),
    ("6h", "30m", 1, "ticket", YELLOW),
)


def panels() -> list[Panel]:
    """Budget left over time, the four pairs of windows, each against its threshold, and the failures they need."""
    return [_left(), *(_pair(*pair) for pair in PAIRS), _failures()]


def _left() -> Panel:
    panel = graph(
        "Budget left",
        "Share of the 60 h's error budget that is left. It falls while something goes wrong and comes back as good "
        "requests follow and old failures leave the window. Below the line more went wrong than was promised.",
        "percentunit",
        [metric("slo:period_error_budget_remaining:ratio", "{{slo}}")],
        lines_at=((0, RED),),
        colors=COLORS,
        floor=None,
    )
    return panel.scale_distribution(_wide(linear=1)).axis_soft_min(-1).axis_soft_max(1)


def _pair(long: str, short: str, times: float, kind: str, color: str) -> Panel:
    """The lower of both windows is what the alert compares."""
    longs, shorts = f"slo:sli_error:ratio_rate{long}", f"slo:sli_error:ratio_rate{short}"
    alert = "ErrorBudgetFastBurn" if kind == "page" else "ErrorBudgetSlowBurn"
    panel = graph(
        f"Burn over {long} and {short}: {kind} at {times:g}",
        f"Times as fast as the budget allows, over {long} and over {short}, whichever is lower: both must be above the "
        f"line for {alert}, with at least 10 failures in the {long}. The scale is linear up to 1 and logarithmic "
        "above.",
        "none",
        [metric(f"(({longs} < {shorts}) or {shorts}) / slo:error_budget:ratio", "{{slo}}")],
        lines_at=((times, color),),
        colors=COLORS,
        soft_max=2 * times,
    )
    return panel.scale_distribution(_wide(linear=1))


def _failures() -> Panel:
    return graph(
        "Failures in 5 min",
        "How many chats failed, chats were slow, and bookings failed in the last 5 min. Below 10, the line, the first "
        "pair sends no page, however high the share is: one failure of three on a quiet lab is no emergency.",
        "none",
        [metric("slo:sli_error:increase5m", "{{slo}}")],
        lines_at=((10, RED),),
        colors=COLORS,
        soft_max=20,
    )


def _wide(*, linear: float) -> common.ScaleDistributionConfig:
    """A scale on which both 0.5 and 200 can be read."""
    scale = common.ScaleDistributionConfig().type(cm.ScaleDistribution.SYMLOG).log(10)
    return scale.linear_threshold(linear)

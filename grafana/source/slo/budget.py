"""Remaining error budgets and burn rates."""

from typing import Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as cm

from grafana.source.panels import BLUE, ORANGE, PURPLE, RED, YELLOW, Panel, graph
from grafana.source.sources import metric
from prometheus.source.slo import ALERTS, BurnAlert, BurnRate

# What each objective allows; the numbers come from prometheus/source/slos.yml.
SLOS: Final = {
    "chat-availability": "of 1,000 chats 5 may fail",
    "chat-latency": "of 100 chats 5 may take longer than 2 s",
    "bookings": "of 100 bookings 1 may fail",
}
COLORS: Final = {"chat-availability": BLUE, "chat-latency": PURPLE, "bookings": "dark-green"}
# Both 0.5 and 200 are legible on it.
_SYMLOG: Final = common.ScaleDistributionConfig().type(cm.ScaleDistribution.SYMLOG).log(10).linear_threshold(1)


def _burn_rate(alert: BurnAlert, pair: BurnRate, color: str) -> Panel:
    """Build a graph of the lower burn rate of both windows, which the alert compares."""
    longs, shorts = f"slo:sli_error:ratio_rate{pair.long}", f"slo:sli_error:ratio_rate{pair.short}"
    panel = graph(
        f"Burn over {pair.long} and {pair.short}: {alert.severity} at {pair.rate:g}",
        f"Times as fast as the budget allows, over {pair.long} and over {pair.short}, whichever is lower: both must be "
        f"above the line for {alert.name}, with at least 10 failures in the {pair.long}. The scale is linear up to 1 "
        "and logarithmic above.",
        [metric(f"(({longs} < {shorts}) or {shorts}) / slo:error_budget:ratio", "{{slo}}")],
        lines_at=((pair.rate, color),),
        colors=COLORS,
        soft_max=2 * pair.rate,
    )
    return panel.scale_distribution(_SYMLOG)


_LEFT = graph(
    "Budget remaining",
    "Share of the 60 h's error budget that is left. It falls while something goes wrong and comes back as good "
    "requests follow and old failures leave the window. Below the line more went wrong than was promised.",
    [metric("slo:period_error_budget_remaining:ratio", "{{slo}}")],
    unit="percentunit",
    lines_at=((0, RED),),
    colors=COLORS,
    floor=None,
)
_FAILURES = graph(
    "Failures in 5 min",
    "How many chats failed, chats were slow, and bookings failed in the last 5 min. Below 10, the line, the first "
    "pair sends no page, however high the share is: one failure of three on a quiet lab is no emergency.",
    [metric("slo:sli_error:increase5m", "{{slo}}")],
    lines_at=((10, RED),),
    colors=COLORS,
    soft_max=20,
)
_PAIRS = [(alert, pair) for alert in ALERTS for pair in alert.pairs]
PANELS = [
    _LEFT.scale_distribution(_SYMLOG).axis_soft_min(-1).axis_soft_max(1),
    *(_burn_rate(*pair, color) for pair, color in zip(_PAIRS, (RED, ORANGE, YELLOW, YELLOW), strict=True)),
    _FAILURES,
]

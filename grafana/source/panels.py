"""The kinds of panels that the dashboards use, each with one look."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, logs, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as dm
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.statetimeline import Options as StateTimelineOptions

from grafana.source import queries
from grafana.source.sources import LOKI, PROMETHEUS, logs_query, metric

GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
PURPLE: Final = "purple"
DARK_PURPLE: Final = "dark-purple"
GREY: Final = "#8e8e8e"
SERVICES: Final = {"assistant": BLUE, "model": PURPLE, "pager": ORANGE}

Panel = Builder[dm.Panel]
Query = Builder[Dataquery]
Steps = Sequence[tuple[float | None, str]]
Links = Sequence[dashboard.DashboardLink]
# Value -> its text and colour.
Texts = Mapping[str, tuple[str, str]]


class _PanelBuilder(Protocol):
    """What the library's builders have in common."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: dm.DataSourceRef) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...


P = TypeVar("P", bound=_PanelBuilder)


def _describe(panel: P, title: str, description: str, width: int, height: int) -> P:
    return panel.title(title).description(description).datasource(PROMETHEUS).span(width).height(height)


def resize(panels: Sequence[timeseries.Panel], width: int, height: int = 8) -> list[Panel]:
    """Return the graphs of a row in another size, in 24ths of the page's width and in rows of the grid."""
    return [panel.span(width).height(height) for panel in panels]


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Build colours from a value upwards; the value of the first step is None (from minus infinity)."""
    listed = [dm.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(dm.ThresholdsMode.ABSOLUTE).steps(listed)


def _text_mapping(texts: Texts) -> dm.ValueMap:
    return dm.ValueMap({v: dm.ValueMappingResult(text=t, color=c) for v, (t, c) in texts.items()})


_NO_DATA: Final = dm.SpecialValueMap(
    dm.DashboardSpecialValueMapOptions(
        match=dm.SpecialValueMatch.NULL_AND_NAN, result=dm.ValueMappingResult(text="no data", color=GREY)
    )
)
# The lines of the alerts ErrorRateHigh and ErrorRateCritical.
ERROR_STEPS: Final = ((queries.ERROR_RATE_HIGH, YELLOW), (queries.ERROR_RATE_CRITICAL, RED))
_BY_THRESHOLD: Final = dashboard.FieldColor().mode(dm.FieldColorModeId.THRESHOLDS)
_BY_PALETTE: Final = dashboard.FieldColor().mode(dm.FieldColorModeId.PALETTE_CLASSIC)
_LAST_VALUE: Final = common.ReduceDataOptions().calcs(["lastNotNull"])


def stat_panel(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "none",
    steps: Steps = ((None, GREEN),),
    texts: Texts | None = None,
    width: int = 3,
    decimals: int | None = None,
    links: Links = (),
) -> stat.Panel:
    """Build a panel of one large value.

    Args:
        query: returns one series for each value.
        steps: background colours.
        texts: text and colour in place of a value.
        width: in 24ths of the page.
        decimals: None for Grafana's choice.
        title, description, unit, links: as in `graph`.
    """
    panel = (
        _describe(stat.Panel(), title, description, width, height=4)
        .unit(unit)
        .with_target(query)
        .thresholds(_thresholds(steps))
        .color_scheme(_BY_THRESHOLD)
        .color_mode(cm.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(cm.BigValueGraphMode.NONE)
        .reduce_options(_LAST_VALUE)
        .text_mode(cm.BigValueTextMode.VALUE)
        .mappings([_text_mapping(texts), _NO_DATA] if texts else [_NO_DATA])
        .data_links(list(links))
    )
    return panel if decimals is None else panel.decimals(decimals)


def graph(
    title: str,
    description: str,
    targets: Sequence[Query],
    *,
    unit: str = "none",
    stacked_bars: bool = False,
    lines_at: Steps = (),
    colors: Mapping[str, str] | None = None,
    shades_of: str | None = None,
    links: Links = (),
    soft_max: float | None = None,
    floor: float | None = 0,
) -> timeseries.Panel:
    """Build a graph of values over time, a third of the page wide.

    Args:
        title: of the panel.
        description: shown at its title.
        unit: as Grafana names it.
        targets: queries.
        stacked_bars: draws bars on each other in place of lines.
        lines_at: thresholds of alerts.
        colors: of series, by name.
        shades_of: the colour of all other series; None for the palette.
        links: of the points.
        soft_max: least upper end of the axis.
        floor: lower end of the axis; None for the lowest value.
    """
    panel = (
        _describe(timeseries.Panel(), title, description, width=8, height=8)
        .unit(unit)
        .targets(list(targets))
        .line_width(0 if stacked_bars else 2)
        .fill_opacity(70 if stacked_bars else 8)
        .show_points(cm.VisibilityMode.NEVER)
        # A longer gap, in ms, is drawn as one: a server that was down must not look as if it were up.
        .span_nulls(30_000)
        .color_scheme(
            dashboard.FieldColor().mode(dm.FieldColorModeId.SHADES).fixed_color(shades_of) if shades_of else _BY_PALETTE
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(cm.LegendDisplayMode.LIST)
            .placement(cm.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(cm.TooltipDisplayMode.MULTI).sort(cm.SortOrder.DESCENDING))
        .data_links(list(links))
    )
    if stacked_bars:
        stacking = common.StackingConfig().mode(cm.StackingMode.NORMAL).group("A")
        panel = panel.draw_style(cm.GraphDrawStyle.BARS).stacking(stacking)
    if lines_at:
        dashed = common.GraphThresholdsStyleConfig().mode(cm.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(((None, "transparent"), *lines_at))).thresholds_style(dashed)
    if floor is not None:
        panel = panel.min(floor)
    if soft_max is not None:
        panel = panel.axis_soft_max(soft_max)
    for name, color in (colors or {}).items():
        fixed = {"mode": "fixed", "fixedColor": color}
        panel = panel.override_by_name(name, [dm.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def rare_bars(
    title: str,
    description: str,
    query: str,
    label: str,
    *,
    unit: str = "none",
    shades_of: str = RED,
    soft_max: float = 1,
    links: Links = (),
) -> timeseries.Panel:
    """Build a graph of stacked bars that are usually 0: a grey series "none" while no other is above 0.

    Args:
        query: PromQL.
        label: names the series.
        title, description, unit, shades_of, soft_max, links: as in `graph`.
    """
    return graph(
        title,
        description,
        [metric(queries.or_none(query, label), f"{{{{{label}}}}}")],
        unit=unit,
        stacked_bars=True,
        colors={"none": GREY},
        shades_of=shades_of,
        soft_max=soft_max,
        links=links,
    )


class OnePage(statetimeline.Panel):
    """A state timeline without buttons to turn pages, which Grafana shows even where there is one page."""

    def build(self) -> dm.Panel:
        """Return the panel."""
        panel = super().build()
        assert isinstance(panel.options, StateTimelineOptions)
        panel.options.per_page = 0
        return panel


def state_timeline(
    title: str,
    description: str,
    targets: Sequence[Query],
    texts: Texts,
    *,
    width: int = 8,
    links: Links = (),
) -> Panel:
    """Build a coloured band of states over time for each series.

    Args:
        texts: name and colour of each state, by value.
        width: in 24ths of the page.
        title, description, targets, links: as in `graph`.
    """
    return (
        _describe(OnePage(), title, description, width, height=8)
        .unit("none")
        .targets(list(targets))
        .mappings([_text_mapping(texts)])
        .data_links(list(links))
        # Colours by threshold would name the bands by the thresholds' range and not by the mapped text.
        .color_scheme(_BY_PALETTE)
        .show_value(cm.VisibilityMode.AUTO)
        .row_height(0.8)
        .merge_values(True)
        .legend(common.VizLegendOptions().show_legend(False).display_mode(cm.LegendDisplayMode.HIDDEN))
    )


def bar_gauge(title: str, description: str, query: Query) -> Panel:
    """Build a panel with one bar for each series of an instant query, as long as its value."""
    return (
        _describe(bargauge.Panel(), title, description, width=8, height=8)
        .unit("short")
        .with_target(query)
        .min(0)
        .orientation(cm.VizOrientation.HORIZONTAL)
        .display_mode(cm.BarGaugeDisplayMode.BASIC)
        .name_placement(cm.BarGaugeNamePlacement.LEFT)
        .show_unfilled(False)
        .reduce_options(_LAST_VALUE)
        .thresholds(_thresholds(((None, GREEN), (1, ORANGE))))
        .color_scheme(_BY_THRESHOLD)
    )


def heatmap_panel(title: str, description: str, expr: str) -> Panel:
    """Build a heatmap of the rate by `le` of a histogram of seconds."""
    return (
        _describe(heatmap.Panel(), title, description, width=8, height=8)
        .unit("reqps")
        .with_target(metric(expr, "{{le}}").format(PromQueryFormat.HEATMAP))
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .cell_gap(1)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64))
        .mode(cm.TooltipDisplayMode.SINGLE)
        .hide_legend()
    )


def log_panel(title: str, description: str, logql: str) -> Panel:
    """Build a panel of log lines, newest first; an opened line shows its fields and the link to its trace."""
    return (
        _describe(logs.Panel(), title, description, width=16, height=10)
        .datasource(LOKI)
        .with_target(logs_query(logql).max_lines(200))
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(cm.LogsSortOrder.DESCENDING)
        .dedup_strategy(cm.LogsDedupStrategy.NONE)
    )


def alert_list(height: int) -> Panel:
    """Build the list of pending and firing alerts. It must name Prometheus: with Alertmanager it stays empty."""
    options = {
        "viewMode": "list",
        "groupMode": "default",
        "groupBy": [],
        "maxItems": 20,
        "sortOrder": 3,  # by importance
        "dashboardAlerts": False,
        "alertName": "",
        # The Watchdog always fires: it would hide the word "none".
        "alertInstanceLabelFilter": '{alertname!="Watchdog"}',
        "datasource": "Prometheus",
        "showInactiveAlerts": False,
        "stateFilter": {
            "firing": True,
            "pending": True,
            "recovering": True,
            "noData": False,
            "normal": False,
            "error": True,
        },
    }
    description = (
        'Pending and firing alerts of Prometheus. "View alert rule" opens the condition and its figures; the runbook '
        'is under "Alerts and runbooks" above.'
    )
    return _describe(dashboard.Panel().type("alertlist"), "Alerts", description, 8, height).options(options)

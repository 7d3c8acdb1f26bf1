"""The few kinds of panels that our dashboards use, each with the same look."""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, logs, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as dm
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.statetimeline import Options as StateTimelineOptions

from grafana.source.sources import LOKI, PROMETHEUS

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


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Colours from a value upwards; the first step's value is None (from minus infinity)."""
    listed = [dm.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(dm.ThresholdsMode.ABSOLUTE).steps(listed)


def values(texts: Mapping[str, tuple[str, str]]) -> dm.ValueMap:
    """Show the word and colour in the place of a value."""
    return dm.ValueMap({v: dm.ValueMappingResult(text=t, color=c) for v, (t, c) in texts.items()})


def nothing(text: str) -> dm.SpecialValueMap:
    """Show `text` where there is no value or a division by zero."""
    options = dm.DashboardSpecialValueMapOptions(
        match=dm.SpecialValueMatch.NULL_AND_NAN, result=dm.ValueMappingResult(text=text, color=GREY)
    )
    return dm.SpecialValueMap(options)


def big_number(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Steps = ((None, GREEN),),
    mappings: Sequence[dm.ValueMapping] = (),
    width: int = 3,
    decimals: int | None = None,
    links: Sequence[dashboard.DashboardLink] = (),
) -> stat.Panel:
    """One value, readable from the back of a room."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .height(4)
        .span(width)
        .with_target(query)
        .thresholds(thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(dm.FieldColorModeId.THRESHOLDS))
        .color_mode(cm.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(cm.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .text_mode(cm.BigValueTextMode.VALUE)
        .mappings([*mappings, nothing("no data")])
        .data_links(list(links))
    )
    return panel if decimals is None else panel.decimals(decimals)


def graph(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 8,
    height: int = 8,
    stacked_bars: bool = False,
    lines_at: Steps = (),
    colors: Mapping[str, str] | None = None,
    shades_of: str | None = None,
    links: Sequence[dashboard.DashboardLink] = (),
    soft_max: float | None = None,
    floor: float | None = 0,
) -> timeseries.Panel:
    """Values over time.

    `lines_at` draws alert thresholds; `floor` is where the axis begins (None: at the lowest value); `colors` fixes the
    colour of a series by its name, `shades_of` that of the rest.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .height(height)
        .span(width)
        .targets(list(queries))
        .line_width(2)
        .fill_opacity(70 if stacked_bars else 8)
        .show_points(cm.VisibilityMode.NEVER)
        # A gap of more than half a minute is a gap: a server that was away must not look alive.
        .span_nulls(30_000)
        .color_scheme(dashboard.FieldColor().mode(dm.FieldColorModeId.PALETTE_CLASSIC))
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
        panel = panel.draw_style(cm.GraphDrawStyle.BARS).stacking(
            common.StackingConfig().mode(cm.StackingMode.NORMAL).group("A")
        )
        panel = panel.line_width(0)
    if lines_at:
        panel = panel.thresholds(thresholds(((None, "transparent"), *lines_at))).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(cm.GraphThresholdsStyleMode.DASHED)
        )
    if floor is not None:
        panel = panel.min(floor)
    if soft_max is not None:
        panel = panel.axis_soft_max(soft_max)
    if shades_of:
        panel = panel.color_scheme(dashboard.FieldColor().mode(dm.FieldColorModeId.SHADES).fixed_color(shades_of))
    for name, color in (colors or {}).items():
        fixed = {"mode": "fixed", "fixedColor": color}
        panel = panel.override_by_name(name, [dm.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


class OnePage(statetimeline.Panel):
    """A state timeline without buttons to turn pages, which Grafana shows even where there is one page."""

    def build(self) -> dm.Panel:
        """Return the panel."""
        panel = super().build()
        assert isinstance(panel.options, StateTimelineOptions)
        panel.options.per_page = 0
        return panel


def states(
    title: str,
    description: str,
    queries: Sequence[Query],
    texts: Mapping[str, tuple[str, str]],
    *,
    width: int = 8,
    height: int = 8,
    links: Sequence[dashboard.DashboardLink] = (),
) -> Panel:
    """A coloured band for each series that shows which state it was in when."""
    return (
        OnePage()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit("none")
        .height(height)
        .span(width)
        .targets(list(queries))
        .mappings([values(texts)])
        .data_links(list(links))
        # Colours by threshold would name the bands by the thresholds' range and not by the mapped word.
        .color_scheme(dashboard.FieldColor().mode(dm.FieldColorModeId.PALETTE_CLASSIC))
        .show_value(cm.VisibilityMode.AUTO)
        .row_height(0.8)
        .merge_values(True)
        .legend(common.VizLegendOptions().show_legend(False).display_mode(cm.LegendDisplayMode.HIDDEN))
    )


def ranking(title: str, description: str, unit: str, query: Query, *, width: int = 8, height: int = 8) -> Panel:
    """One bar for each series of an instant query, as long as its value."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .height(height)
        .span(width)
        .with_target(query)
        .min(0)
        .orientation(cm.VizOrientation.HORIZONTAL)
        .display_mode(cm.BarGaugeDisplayMode.BASIC)
        .name_placement(cm.BarGaugeNamePlacement.LEFT)
        .show_unfilled(False)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(thresholds(((None, GREEN), (1, ORANGE))))
        .color_scheme(dashboard.FieldColor().mode(dm.FieldColorModeId.THRESHOLDS))
    )


def spread(title: str, description: str, unit: str, query: Query, *, width: int = 8, height: int = 8) -> heatmap.Panel:
    """A heatmap of a histogram's buckets: `unit` is that of the bucket borders."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit("reqps")
        .height(height)
        .span(width)
        .with_target(query)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_gap(1)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64))
        .mode(cm.TooltipDisplayMode.SINGLE)
        .hide_legend()
    )


def lines_of_logs(title: str, description: str, query: Query, *, width: int = 24, height: int = 10) -> logs.Panel:
    """Log lines, newest first; an opened line shows its fields and the link to its trace."""
    return (
        logs.Panel()
        .title(title)
        .description(description)
        .datasource(LOKI)
        .height(height)
        .span(width)
        .with_target(query)
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(cm.LogsSortOrder.DESCENDING)
        .dedup_strategy(cm.LogsDedupStrategy.NONE)
    )


def alerts(title: str, description: str, *, width: int = 8, height: int = 6) -> dashboard.Panel:
    """What Prometheus has pending and firing. Its list must name Prometheus: with Alertmanager it stays empty."""
    options = {
        "viewMode": "list",
        "groupMode": "default",
        "groupBy": [],
        "maxItems": 20,
        "sortOrder": 3,  # by importance
        "dashboardAlerts": False,
        "alertName": "",
        # The Watchdog always fires, by design: it would hide the word "none".
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
    panel = dashboard.Panel().type("alertlist").title(title).description(description)
    return panel.datasource(PROMETHEUS).options(options).height(height).span(width)

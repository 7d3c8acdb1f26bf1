"""The synthetic journey: a script of fixed steps, so that a change comes from the service."""

from typing import Final

from grafana.source import links, queries
from grafana.source.load import locust
from grafana.source.panels import BLUE, GREEN, RED, graph, rare_bars, resize
from grafana.source.sources import metric
from loadtest.stats import metric_names as load_names

_RUNS: Final = queries.increase(load_names.JOURNEY_RUNS, locust.ALL)
_SUCCESSES: Final = queries.increase(load_names.JOURNEY_RUNS, f'{locust.ALL},outcome="ok"')
# Share of the runs of the last 5 minutes that succeeded; 1 before the first run has ended.
SUCCESS: Final = f"{_SUCCESSES} / ({_RUNS} > 0) or vector(1)"
LAST: Final = f"min({load_names.JOURNEY_UP}{{{locust.ALL}}})"
STATES: Final = {"1": ("OK", GREEN), "0": ("FAILS", RED)}

PANELS = resize(
    [
        graph(
            "Successful journeys",
            "Share of the runs of the last 5 minutes that went through; there is one every 15 s. Normal: 100 %. Below: "
            "customers cannot book, and the step that fails, to the right, says where to look.",
            [metric(SUCCESS, "done")],
            unit="percentunit",
            colors={"done": GREEN},
            soft_max=1,
        ),
        graph(
            "Journey duration",
            "Seconds that the three steps took together, without think times; over the last 5 minutes. Normal: a level "
            "line. It moves with the model's latency and the database's.",
            [
                metric(queries.quantile(share, load_names.JOURNEY_DURATION, locust.ALL, window=queries.LAB_HOUR), name)
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ],
            unit="s",
            colors={"p50": GREEN, "p95": BLUE},
        ),
        rare_bars(
            "Failed journeys by step",
            "Runs of the last minute that failed, by the step. Normal: none. Book: chat or model. Read and cancel: "
            "the database.",
            queries.increase(load_names.JOURNEY_RUNS, f'{locust.ALL},outcome="failed"', "step", queries.WINDOW),
            "step",
            unit="short",
            links=[links.ERROR_LOGS],
        ),
    ],
    width=8,
    height=7,
)

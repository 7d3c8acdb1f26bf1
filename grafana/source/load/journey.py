"""The synthetic journey: always the same few steps, so that a change is the service's."""

from typing import Final

from grafana.source import links, queries
from grafana.source.load import locust
from grafana.source.panels import BLUE, GREEN, GREY, RED, Panel, graph
from grafana.source.sources import metric
from loadtest.stats import metric_names as load_names

_OK: Final = f'{locust.ALL},outcome="ok"'
_FAILED: Final = f'{locust.ALL},outcome="failed"'
_RUNS: Final = queries.increase(load_names.JOURNEY_RUNS, locust.ALL)
_DONE: Final = queries.increase(load_names.JOURNEY_RUNS, _OK)
_FAILED_STEPS: Final = f"sum by (step) (increase({load_names.JOURNEY_RUNS}{{{_FAILED}}}[{queries.WINDOW}]))"
# Share of the runs of the last 5 minutes that reached their end; 1 before the first has ended.
SUCCESS: Final = f"{_DONE} / ({_RUNS} > 0) or vector(1)"
LAST: Final = f"min({load_names.JOURNEY_UP}{{{locust.ALL}}})"
WORDS: Final = {"1": ("OK", GREEN), "0": ("FAILS", RED)}


def panels() -> list[Panel]:
    """How many runs reach their end, how long they take, which step fails."""
    return [
        graph(
            "Journeys that reached their end",
            "Share of the runs of the last 5 minutes that went through; there is one every 15 s. Normal: 100 %. Below: "
            "customers cannot book, and the step that fails, to the right, says where to look.",
            "percentunit",
            [metric(SUCCESS, "done")],
            colors={"done": GREEN},
            soft_max=1,
            height=7,
        ),
        graph(
            "Time of a journey",
            "Seconds that the three steps took together, without think times; over the last 5 minutes. Normal: a level "
            "line. It moves with the model's latency and the database's.",
            "s",
            [
                metric(queries.quantile(share, load_names.JOURNEY_DURATION, locust.ALL, window=queries.LAB_HOUR), name)
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ],
            colors={"p50": GREEN, "p95": BLUE},
            height=7,
        ),
        graph(
            "Step at which journeys failed",
            "Runs of the last minute that failed, by the step. Normal: none. Book: chat or model. Read and cancel: "
            "the database.",
            "short",
            [metric(queries.or_none(_FAILED_STEPS, "step"), "{{step}}")],
            stacked_bars=True,
            colors={"none": GREY},
            shades_of=RED,
            soft_max=1,
            height=7,
            links=[links.logs_link("Errors and warnings of this time", queries.FAILED_LOGS)],
        ),
    ]

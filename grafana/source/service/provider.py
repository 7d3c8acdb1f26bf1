"""The model provider: how fast, how well, how much, how dear."""

from grafana.source import links, queries
from grafana.source.panels import GREEN, ORANGE, RED, YELLOW, Panel, graph
from grafana.source.sources import metric
from services.telemetry import names

MODEL_SPANS = '{resource.service.name="assistant" && span.gen_ai.operation.name="chat"}'


def panels() -> list[Panel]:
    """Latency and errors of the calls, tokens, cost."""
    return [
        graph(
            "Call to the model",
            "50 and 95 of 100 calls of the last minute were answered within this time, as the assistant measures it. A "
            "dot is one call: open its trace.",
            "s",
            [
                metric(queries.quantile(0.5, names.GEN_AI_DURATION, queries.ASSISTANT), "p50"),
                metric(queries.quantile(0.95, names.GEN_AI_DURATION, queries.ASSISTANT), "p95", exemplars=True),
            ],
            colors={"p50": GREEN, "p95": YELLOW},
            width=6,
            links=[links.traces_link("Traces with model calls", MODEL_SPANS)],
        ),
        graph(
            "Calls by result",
            "Calls a second over the last minute. Retries are calls of their own.",
            "reqps",
            [
                metric(queries.rate(f"{names.GEN_AI_DURATION}_count", f'{queries.ASSISTANT},error_type=""'), "ok"),
                metric(
                    queries.rate(f"{names.GEN_AI_DURATION}_count", f'{queries.ASSISTANT},error_type!=""', "error_type"),
                    "{{error_type}}",
                ),
            ],
            stacked_bars=True,
            colors={"ok": GREEN, "503": RED, "429": YELLOW, "timeout": ORANGE},
            width=6,
            links=[links.traces_link("Failed traces of this time", queries.FAILED_TRACES)],
        ),
        graph(
            "Tokens",
            "Tokens a second over the last minute. Input grows with the length of a conversation.",
            "short",
            [metric(queries.rate(names.AI_TOKENS, by="type"), "{{type}} /s")],
            width=6,
        ),
        graph(
            "Cost of the last 5 minutes",
            "Dollars of the last 5 minutes, at the prices set for the model.",
            "currencyUSD",
            [metric(queries.counted(names.AI_COST, "model"), "{{model}}")],
            width=6,
        ),
    ]

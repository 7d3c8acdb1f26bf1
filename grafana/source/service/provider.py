"""The model provider: latency, errors, tokens, cost."""

from grafana.source import links, queries
from grafana.source.panels import GREEN, ORANGE, RED, YELLOW, graph, resize
from grafana.source.sources import metric
from services.telemetry import names

_MODEL_SPANS = '{resource.service.name="assistant" && span.gen_ai.operation.name="chat"}'

PANELS = resize(
    [
        graph(
            "Model call duration",
            "50 and 95 of 100 calls of the last minute were answered within this time, as the assistant measures it. A "
            "dot is one call: open its trace.",
            [
                metric(queries.quantile(0.5, names.GEN_AI_DURATION), "p50"),
                metric(queries.quantile(0.95, names.GEN_AI_DURATION), "p95", exemplars=True),
            ],
            unit="s",
            colors={"p50": GREEN, "p95": YELLOW},
            links=[links.traces_link("Traces with model calls", _MODEL_SPANS)],
        ),
        graph(
            "Calls by result",
            "Calls a second over the last minute. Retries are calls of their own.",
            [
                metric(queries.rate(f"{names.GEN_AI_DURATION}_count", f'{queries.ASSISTANT},error_type=""'), "ok"),
                metric(
                    queries.rate(f"{names.GEN_AI_DURATION}_count", f'{queries.ASSISTANT},error_type!=""', "error_type"),
                    "{{error_type}}",
                ),
            ],
            unit="reqps",
            stacked_bars=True,
            colors={"ok": GREEN, "503": RED, "429": YELLOW, "timeout": ORANGE},
            links=[links.FAILED_TRACES],
        ),
        graph(
            "Tokens",
            "Tokens a second over the last minute. Input grows with the length of a conversation.",
            [metric(queries.rate(names.AI_TOKENS, by="type"), "{{type}} /s")],
            unit="short",
        ),
        graph(
            "Cost of the last 5 minutes",
            "Dollars of the last 5 minutes, at the prices set for the model.",
            [metric(queries.increase(names.AI_COST, by="model"), "{{model}}")],
            unit="currencyUSD",
        ),
    ],
    width=6,
)

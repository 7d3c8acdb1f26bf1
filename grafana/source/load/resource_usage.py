"""Resource usage of the services and of the monitoring."""

from grafana.source.panels import RED, SERVICES, graph, resize
from grafana.source.sources import metric
from services.telemetry import names

PANELS = resize(
    [
        graph(
            "CPU",
            "Cores in use. A service of ours runs one interpreter, so 1 is its end: near it requests wait, and users "
            "see a longer p95 than the service.",
            [metric(f"max by (job) ({names.PROCESS_CPU})", "{{job}}")],
            unit="short",
            colors=SERVICES,
            lines_at=((1, RED),),
        ),
        graph(
            "Memory",
            "Memory of our services. Normal: level after the first minutes. A line that only rises is a leak.",
            [metric(f"max by (job) ({names.PROCESS_MEMORY})", "{{job}}")],
            unit="bytes",
            colors=SERVICES,
        ),
        graph(
            "Scrape duration",
            "Seconds that Prometheus needed to read the metrics of each server, every 5 s. Normal: well below half a "
            "second. At 4 s, the line, Prometheus gives up and the server counts as down.",
            [metric("max by (job) (scrape_duration_seconds)", "{{job}}")],
            unit="s",
        ),
        graph(
            "Samples per scrape",
            "How many samples each server hands over. Normal: level. What rises without end has a label whose values "
            "are not bounded.",
            [metric("sum by (job) (scrape_samples_scraped)", "{{job}}")],
            unit="short",
        ),
    ],
    width=6,
    height=9,
)

"""Reads single metrics from the metrics pages of assistant and model."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from lab.query import Lab


def service_samples(lab: Lab, service: str, metric: str, timeout_seconds: float) -> list[Sample]:
    """Return the current samples of one metric of a service.

    Raises:
        QueryError: the service did not respond.
    """
    text = (
        lab.service(service).request("GET", "/metrics", headers={"Accept": "text/plain"}, timeout=timeout_seconds).text
    )
    # The whole page has thousands of lines, and the observer reads it every second.
    lines = "\n".join(line for line in text.splitlines() if line.startswith(metric))
    samples = (one for family in text_string_to_metric_families(lines + "\n") for one in family.samples)
    return [one for one in samples if one.name == metric]

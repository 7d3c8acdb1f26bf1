"""The tests of the rules are tested in every detail: whatever is broken in a rule, promtool's tests of it fail.

The coarse breaks of each alert are in tests/config/test_broken_rules.py.
"""

from pathlib import Path

import pytest

from tests.support.alerting.broken_rules import fails

# Everything else that a rule says: thresholds by a hair, guards, windows, what is counted.
OTHERS = [
    ("ConversionDrop", "< 0.5 *", "<= 0.5 *"),
    ("ConversionDrop", ">= 40", ">= 0"),
    ("ConversionDrop", ">= 40", ">= 50"),
    ("ConversionDrop", "for: 15s", "for: 0s"),
    ("ConversionDrop", "for: 15s", "for: 5m"),
    ("DatabaseDown", ">= 10", ">= 0"),
    ("DatabaseDown", "for: 15s", "for: 0s"),
    ("DatabaseDown", "for: 15s", "for: 20s"),
    ("DatabaseDown", "keep_firing_for: 1m", "keep_firing_for: 55s"),
    ("DatabaseDown", "keep_firing_for: 1m", "keep_firing_for: 65s"),
    ("DiskFilling", "< 0.10", "<= 0.10"),
    ("DiskFilling", "for: 15s", "for: 0s"),
    ("DiskFilling", "for: 15s", "for: 20s"),
    ("DiskFilling", "(lab_disk_limit_bytes > 0) < 0.10", "lab_disk_limit_bytes < 0.10 or lab_disk_free_bytes == 0"),
    ("ErrorRateCritical", "> 0.10", ">= 0.10"),
    ("ErrorRateCritical", ">= 10", ">= 0"),
    ("ErrorRateCritical", "for: 10s", "for: 0s"),
    ("ErrorRateCritical", "for: 10s", "for: 5m"),
    ("ErrorRateHigh", "> 0.05", ">= 0.05"),
    ("ErrorRateHigh", ">= 10", ">= 0"),
    ("ErrorRateHigh", ">= 2", ">= 0"),
    ("ErrorRateHigh", "for: 10s", "for: 0s"),
    ("ErrorRateHigh", "for: 10s", "for: 5m"),
    ("MemoryHigh", "> 0.80", ">= 0.80"),
    ("MemoryHigh", "(process_memory_limit_bytes > 0)", "process_memory_limit_bytes"),
    ("MemoryHigh", "for: 15s", "for: 0s"),
    ("MemoryHigh", "for: 15s", "for: 20s"),
    ("ProviderThrottled", "> 0.20", ">= 0.20"),
    ("ProviderThrottled", ">= 3", ">= 0"),
    ("ProviderThrottled", '{error_type="429"}[15s])) >= 3', "[15s])) >= 3"),
    ("ProviderThrottled", '{error_type="429"}', '{error_type!=""}'),
    ("ProviderThrottled", "[15s]", "[60s]"),
    ("ProviderThrottled", "for: 15s", "for: 0s"),
    ("ProviderThrottled", "for: 15s", "for: 20s"),
    ("ProviderThrottled", "keep_firing_for: 1m", "keep_firing_for: 55s"),
    ("ProviderThrottled", "keep_firing_for: 1m", "keep_firing_for: 65s"),
    ("RuleFailure", "|loki_prometheus_rule_evaluation_failures_total", ""),
    ("RuleFailure", "[90s] offset 90s)) > 0", "[90s] offset 90s)) >= 0"),
    ("RuleFailure", "for: 30s", "for: 0s"),
    ("RuleFailure", "for: 30s", "for: 5m"),
    ("ScrapeSlow", "> 2", ">= 2"),
    ("ScrapeSlow", ">= 10", ">= 0"),
    ("ScrapeSlow", "sum_over_time(up[1m])", "count_over_time(up[1m])"),
    ("ScrapeSlow", "for: 15s", "for: 5m"),
    ("ScrapeSlow", '"spanmetrics" }}collector', '"spanmetrics" }}spanmetrics'),
    ("ServiceDown", ">= 10", ">= 0"),
    ("ServiceDown", "for: 15s", "for: 0s"),
    ("ServiceDown", "keep_firing_for: 30s", "keep_firing_for: 25s"),
    ("ServiceDown", "keep_firing_for: 30s", "keep_firing_for: 35s"),
    ("ServiceDown", '"spanmetrics" }}collector', '"spanmetrics" }}spanmetrics'),
    ("SlowResponses", "> 0.01", ">= 0.01"),
    ("SlowResponses", ">= 5", ">= 0"),
    ("SlowResponses", 'le="5.0"}[1m])) >= 1', 'le="5.0"}[1m])) >= 0'),
    ("SlowResponses", "mean5m > 3", "mean5m >= 3"),
    ("SlowResponses", "mean5m > 3", "mean5m > 30"),
    ("SlowResponses", ">= 20", ">= 0"),
    ("SlowResponses", "for: 10s", "for: 0s"),
    ("SlowResponses", "for: 10s", "for: 5m"),
    ("SyntheticJourneyFailing", ">= 2,", "> 2,"),
    ("SyntheticJourneyFailing", "for: 15s", "for: 10s"),
    ("SyntheticJourneyFailing", "for: 15s", "for: 20s"),
    ("SyntheticJourneyFailing", ">= 2,", ">= 1,"),
    ("SyntheticJourneyFailing", ">= 10", ">= 0"),
    ("TelemetryLoss", "> 0.5", ">= 0.5"),
    ("TelemetryLoss", "> 0.5", "> 5"),
    ("TelemetryLoss", "offset 30s)\n            > (", "offset 30s)\n            >= ("),
    ("TelemetryLoss", 'job="collector"} offset 1m) == 1', 'job="collector"} offset 1m) >= 0 or up'),
    ("TelemetryLoss", "sum_over_time(up", "count_over_time(up"),
    ("TelemetryLoss", "[30s]) > 0.2", "[30s]) >= 0"),
    ("TelemetryLoss", "            and on ()\n            job:loki_target:established", ""),
    (
        "TelemetryLoss",
        "            and on ()\n            job:loki_target:established",
        '            and on ()\n            up{job="loki"}',
    ),
    ("TelemetryLoss", "predict_linear(otelcol_exporter_queue_size[30s], 300)", "otelcol_exporter_queue_size"),
    ("TelemetryLoss", "count_over_time(otelcol_exporter_queue_size[1m]) >= 10", "otelcol_exporter_queue_size"),
    ("TelemetryLoss", "unless on () job:loki_target:established", "unless on () up"),
    ("TelemetryLoss", "for: 5s", "for: 0s"),
    ("TelemetryLoss", "for: 5s", "for: 1m"),
    ("TrafficSpike", "rate30s > 20", "rate30s >= 20"),
    ("TrafficSpike", "> 3 *", "> 2.9 *"),
    ("TrafficSpike", "> 3 *", "> 3.1 *"),
    ("TrafficSpike", ">= 55", ">= 0"),
    ("TrafficSpike", "[5m] offset 1m", "[5m]"),
    ("TrafficSpike", "for: 25s", "for: 15s"),
    ("TrafficSpike", "for: 25s", "for: 5m"),
]
# The same for what they compare: the alert whose tests must fail, and the recording rule.
RECORDED = [
    ("ErrorRateCritical", "job:ai_requests_failed:ratio_rate1m", '{outcome!="ok"}', '{outcome!="okay"}'),
    ("ErrorRateCritical", "job:ai_requests_failed:ratio_rate1m", '{outcome!="ok"}', '{outcome="error"}'),
    ("ErrorRateCritical", "job:ai_requests_failed:ratio_rate1m", "sum by (job) (rate(ai", "sum(rate(ai"),
    ("ErrorRateCritical", "job:ai_requests_failed:ratio_rate1m", "0 * sum", "1 * sum"),
    ("SlowResponses", "job_route:ai_responses_slow:increase5m", 'le="5.0"', 'le="2.0"'),
    ("SlowResponses", "job_route:ai_responses:increase5m", "sum by (job, route)", "sum by (job)"),
    ("ConversionDrop", "job:ai_conversion:target_ratio", "0.8", "0.7"),
    ("ConversionDrop", "job:ai_conversations_finished:increase2m30s", "min by", "max by"),
    ("ConversionDrop", "job:ai_conversations_finished:increase2m30s", 'result="started"', 'result="booked"'),
    ("ConversionDrop", "job:ai_conversion:ratio_increase2m30s", "increase2m30s > 0", "increase2m30s"),
    ("TelemetryLoss", "job:otelcol_lost_items:sum", "refused|", ""),
    ("TelemetryLoss", "job:otelcol_lost_items:sum", "(send|enqueue)", "send"),
    ("TelemetryLoss", "job:otelcol_lost_items:sum", "(send|enqueue)", "enqueue"),
    ("TelemetryLoss", "job:otelcol_lost_items:sum", "job:loki_target:established", "up"),
    ("TelemetryLoss", "job:loki_target:established", "[2m])) > sum", "[30s])) > sum"),
    ("TelemetryLoss", "job:loki_target:established", "- 3", "- 99"),
]


@pytest.mark.parametrize(("alert", "good", "bad"), OTHERS)
def test_a_broken_alert_is_noticed(tmp_path: Path, alert: str, good: str, bad: str) -> None:
    assert fails(tmp_path, alert, f"alert: {alert}", good, bad)


@pytest.mark.parametrize(("alert", "rule", "good", "bad"), RECORDED)
def test_a_broken_recording_is_noticed(tmp_path: Path, alert: str, rule: str, good: str, bad: str) -> None:
    assert fails(tmp_path, alert, f"record: {rule}", good, bad)

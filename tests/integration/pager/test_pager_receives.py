"""A real Alertmanager with the lab's configuration and a real pager: from an alert to the page that people read."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.alerting.alert_chain import Chain, sample
from tests.support.servers.processes import until


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Alertmanager and the pager on free ports."""
    servers = Chain.on_free_ports(tmp_path_factory.mktemp("chain"))
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def test_cause_and_symptoms_from_firing_to_resolved(chain: Chain) -> None:
    """A cause arrives in 5 s and inhibits the symptom of its service; another service's symptom arrives in 20 s."""
    chain.post("ServiceDown", "model")
    chain.post("ErrorRateCritical", "model")
    chain.post("ErrorRateCritical", "assistant")
    took = until("cause", lambda: chain.incidents("ServiceDown", "model"), 10)
    assert took > 3, "the cause did not wait for further instances"

    [incident] = chain.incidents("ServiceDown", "model")
    page = httpx.get(f"{chain.pager.url}/incidents/{incident['id']}", headers={"Accept": "text/html"}).text
    assert "model suffers" in page
    assert httpx.get(incident["links"]["runbook"]).status_code == 200
    assert "ServiceDown" in httpx.get(chain.pager.url).text

    took = until("symptom", lambda: chain.incidents("ErrorRateCritical", "assistant"), 25)
    assert took > 10, "the symptom did not wait for a cause"
    assert chain.incidents("ErrorRateCritical", "model") == [], "the cause did not inhibit the symptom"

    chain.post("ServiceDown", "model", ended=True)
    chain.post("ErrorRateCritical", "assistant", ended=True)
    for name, service in (("ServiceDown", "model"), ("ErrorRateCritical", "assistant")):
        until(f"{name} resolved", lambda: chain.incidents(name, service)[0]["status"] == "resolved", 15)  # noqa: B023
        assert chain.events(name, service)[-1] == "resolved"
    # The symptom still fires after its cause: now it is notified.
    until("symptom after its cause", lambda: chain.incidents("ErrorRateCritical", "model"), 35)
    chain.post("ErrorRateCritical", "model", ended=True)


def test_the_heartbeat_arrives_every_20_seconds(chain: Chain) -> None:
    chain.post("Watchdog", "prometheus")
    heartbeat = "pager_heartbeat_timestamp_seconds"
    until("first heartbeat", lambda: sample(chain.pager, heartbeat) > 0, 5)
    first = sample(chain.pager, heartbeat)
    until("second heartbeat", lambda: sample(chain.pager, heartbeat) > first, 25)
    assert 15 <= sample(chain.pager, heartbeat) - first <= 25
    assert chain.incidents("Watchdog", "prometheus") == []


def test_a_pager_that_was_down_is_notified_after_its_return(chain: Chain) -> None:
    chain.pager.kill()
    chain.post("ServiceDown", "loki")
    failed = "alertmanager_notification_requests_failed_total"
    for integration in ("webhook", "email"):
        until(f"{integration} fails", lambda: sample(chain.alertmanager, failed, integration=integration) > 0, 15)  # noqa: B023
    chain.pager.start()
    # Alertmanager retries each channel by itself, with pauses that grow.
    until("a mail after all", lambda: "mailed" in chain.events("ServiceDown", "loki"), 40)
    until("a webhook after all", lambda: chain.received("webhook") >= 1, 40)
    assert len(chain.incidents("ServiceDown", "loki")) == 1

    # Both are killed: neither the database nor Alertmanager's notification log makes a second incident.
    chain.pager.kill()
    chain.alertmanager.kill()
    chain.pager.start()
    chain.alertmanager.start()
    chain.post("ServiceDown", "loki")
    logged = "alertmanager_nflog_queries_total"
    until("both channels are decided on", lambda: sample(chain.alertmanager, logged) >= 2, 15)
    [incident] = chain.incidents("ServiceDown", "loki")
    assert incident["status"] == "open"


def test_a_cause_inhibits_after_another_cause_of_its_service_has_resolved(chain: Chain) -> None:
    """Alertmanager finds one source alert of a rule by the equal labels: each cause has a rule of its own."""
    chain.post("ServiceDown", "assistant")
    chain.post("DatabaseDown", "assistant")
    chain.post("DatabaseDown", "assistant", ended=True)
    chain.post("SyntheticJourneyFailing", "assistant")

    def inhibiting() -> int:
        found = httpx.get(f"{chain.alertmanager.url}/api/v2/alerts").raise_for_status().json()
        return next(
            len(one["status"]["inhibitedBy"])
            for one in found
            if one["labels"]["alertname"] == "SyntheticJourneyFailing" and one["labels"]["service"] == "assistant"
        )

    until("inhibited by ServiceDown", lambda: inhibiting() == 1, 10)
    assert chain.incidents("SyntheticJourneyFailing", "assistant") == []
    for name in ("SyntheticJourneyFailing", "ServiceDown"):
        chain.post(name, "assistant", ended=True)

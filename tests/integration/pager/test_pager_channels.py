"""Two channels to the pager, and what is inhibited: a real Alertmanager, real receivers, a real pager."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.pager.intake.mail_parser import parse_mail
from services.pager.model.notification import parse_notification
from tests.support.alerting.alert_chain import Chain, labelled, post, sample
from tests.support.labs.programs import program
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, alertmanager, until
from tests.support.servers.receivers import Mails, Webhooks

MARKUP = '<script>alert(1)</script> & "q" <b onclick=x>é 日本 💥</b>'
SUPPRESSED = "alertmanager_notifications_suppressed_total"

# A service of its own for each case: the alerts that fire, and those that are notified.
_CASES: list[tuple[str, list[tuple[str, dict[str, str]]], set[str]]] = [
    ("cause-and-symptom", [("ServiceDown", {}), ("ErrorRateCritical", {})], {"ServiceDown"}),
    ("cause-and-ticket", [("DatabaseDown", {}), ("SlowResponses", {}), ("MemoryHigh", {})], {"DatabaseDown"}),
    ("cause-and-journey", [("ServiceDown", {}), ("SyntheticJourneyFailing", {})], {"ServiceDown"}),
    ("symptom-alone", [("ErrorRateCritical", {})], {"ErrorRateCritical"}),
    ("two-causes", [("ServiceDown", {}), ("DatabaseDown", {})], {"ServiceDown", "DatabaseDown"}),
    ("critical-and-high", [("ErrorRateCritical", {}), ("ErrorRateHigh", {})], {"ErrorRateCritical"}),
    ("high-alone", [("ErrorRateHigh", {})], {"ErrorRateHigh"}),
    (
        "burns-of-one-slo",
        [("ErrorBudgetFastBurn", {"slo": "one"}), ("ErrorBudgetSlowBurn", {"slo": "one"})],
        {"ErrorBudgetFastBurn"},
    ),
    (
        "burns-of-two-slos",
        [("ErrorBudgetFastBurn", {"slo": "two"}), ("ErrorBudgetSlowBurn", {"slo": "three"})],
        {"ErrorBudgetFastBurn", "ErrorBudgetSlowBurn"},
    ),
    ("high-and-conversion", [("ErrorRateHigh", {}), ("ConversionDrop", {})], {"ErrorRateHigh"}),
    (
        "burn-and-conversion",
        [("ErrorBudgetFastBurn", {"slo": "four"}), ("ConversionDrop", {})],
        {"ErrorBudgetFastBurn"},
    ),
    (
        "slow-burn-and-conversion",
        [("ErrorBudgetSlowBurn", {"slo": "five"}), ("ConversionDrop", {})],
        {"ErrorBudgetSlowBurn", "ConversionDrop"},
    ),
]
CASES = {
    service: ([labelled(name, service, **more) for name, more in fires], notified)
    for service, fires, notified in _CASES
}
INHIBITED = sum(len(alerts) - len(notified) for alerts, notified in CASES.values())


@dataclass
class Sent:
    """An Alertmanager, and all that it has sent after some alerts."""

    alertmanager: Server
    webhooks: Webhooks
    mails: Mails


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """Every case fires at once, and three strange alerts with them; wait until all is sent or inhibited."""
    folder: Path = tmp_path_factory.mktemp("sent")
    webhook_port, mail_port, port = free_ports(3)
    webhooks, mails = Webhooks(webhook_port), Mails(mail_port)
    server = alertmanager(program("alertmanager"), port, webhook_port, folder, mail_port)
    webhooks.start()
    mails.start()
    try:
        server.start()
        post(server.url, [one for alerts, _ in CASES.values() for one in alerts], {"summary": "Users suffer"})
        strange = {
            "summary": MARKUP,
            "description": "line one\nline two\t" + "long " * 100,
            "runbook_url": "http://127.0.0.1:5003/runbooks/Strange",
            "logs_url": "http://127.0.0.1:3000/explore?panes=%7B%22a%22%7D&x=<y>",
        }
        post(server.url, [labelled("Strange", "strange", severity="page", role="cause", text=MARKUP)], strange)
        many = [labelled("Many", "strange", severity="ticket", number=str(number)) for number in range(25)]
        post(server.url, many, strange)
        scripted = {"alertname": MARKUP, "service": MARKUP, "severity": "page", "role": "cause"}
        post(server.url, [scripted], {"summary": "é" * 900})
        expected = sum(len(notified) for _, notified in CASES.values()) + 3
        until("all are mailed", lambda: len(mails.taken) >= expected, 60)
        until("all are posted", lambda: len(webhooks.bodies) >= expected, 10)
        # Alertmanager counts an inhibited alert once for the webhook and once for the mail.
        until("the rest is inhibited", lambda: sample(server, SUPPRESSED, reason="inhibition") >= 2 * INHIBITED, 30)
        yield Sent(server, webhooks, mails)
    finally:
        server.stop()
        webhooks.stop()
        mails.stop()


@pytest.mark.parametrize("service", CASES)
def test_what_is_notified_and_what_is_inhibited(sent: Sent, service: str) -> None:
    alerts, notified = CASES[service]
    posted = [body["groupLabels"] for body in sent.webhooks.bodies]
    assert {one["alertname"] for one in posted if one["service"] == service} == notified
    subjects = [str(mail["Subject"]) for mail in _mails(sent)]
    for alert in alerts:
        name = alert["alertname"]
        mailed = [subject for subject in subjects if f" {name} {service}: " in subject]
        assert bool(mailed) is (name in notified), name

    # Alertmanager still lists what is inhibited, with what inhibits it.
    seen = httpx.get(f"{sent.alertmanager.url}/api/v2/alerts", params={"filter": f'service="{service}"'}).json()
    inhibited = {one["labels"]["alertname"] for one in seen if one["status"]["inhibitedBy"]}
    assert inhibited == {alert["alertname"] for alert in alerts} - notified


def test_mails_go_to_the_team_of_the_service(sent: Sent) -> None:
    assert {recipient for recipient, _ in sent.mails.taken} == {"platform@lab.example"}
    post(sent.alertmanager.url, [labelled("ServiceDown", "assistant")])
    until("a mail", lambda: sent.mails.taken[-1][0] == "application@lab.example", 10)


def test_a_mail_carries_the_notification_of_the_webhook(sent: Sent) -> None:
    """Through the template's escaping and the mail's encoding, and back."""
    now = datetime.now(UTC)
    posted = {
        notification.key: notification
        for notification in (parse_notification(body, now) for body in sent.webhooks.bodies)
    }
    mails = [parse_mail(content, "alertmanager@lab.example", now) for _, content in sent.mails.taken]
    assert len(mails) >= 15
    for mail in mails:
        assert mail.notification is not None
        assert mail.notification == replace(posted[mail.notification.key], channel="mail")


def test_mails_are_mails(sent: Sent) -> None:
    for mail, (_, content) in zip(_mails(sent), sent.mails.taken, strict=True):
        assert max(len(line) for line in content.split(b"\r\n")) <= 998, "servers refuse longer lines"
        assert len(content) < 128 * 1024
        assert mail["From"] == "Alertmanager <alertmanager@lab.example>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Message-Id"] and mail["References"]
        assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_markup_and_other_scripts_arrive_as_text(sent: Sent) -> None:
    [mail] = [mail for mail in _mails(sent) if str(mail["Subject"]).startswith("[PAGE] Strange strange: ")]
    assert MARKUP[:40] in str(mail["Subject"])
    assert mail["Importance"] == "high"
    text, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    assert MARKUP in text
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "日本 💥" in html


def _mails(sent: Sent) -> list[Any]:
    return [message_from_bytes(content, policy=policy.default) for _, content in sent.mails.taken]


# --- The pager behind it ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Both channels work; the dead man's switch is quicker than the lab's and has no grace period."""
    quick = {"WATCHDOG_SILENCE_SECONDS": "30", "WATCHDOG_GRACE_SECONDS": "0"}
    servers = Chain.on_free_ports(tmp_path_factory.mktemp("both"), environment=quick)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def test_webhook_and_mail_meet_in_one_incident(chain: Chain) -> None:
    chain.post("ServiceDown", "model", summary=MARKUP)
    until("a mail", lambda: "mailed" in chain.events("ServiceDown", "model"), 15)
    until("a webhook", lambda: chain.received("webhook", "accepted", "repeated") >= 1, 15)
    [incident] = chain.incidents("ServiceDown", "model")
    page = httpx.get(f"{chain.pager.url}/incidents/{incident['id']}", headers={"Accept": "text/html"}).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    link = f"{chain.pager.url}/incidents/latest?alert=ServiceDown&service=model"
    assert httpx.get(link).headers["location"] == f"/incidents/{incident['id']}"

    chain.post("ServiceDown", "model", ended=True)
    until("resolved", lambda: "resolved" in chain.events("ServiceDown", "model"), 20)
    until(
        "resolved by both channels",
        lambda: chain.received("mail") == chain.received("webhook") == 2,
        20,
    )
    events = chain.events("ServiceDown", "model")
    assert [events.count(event) for event in ("fired", "mailed", "resolved", "reopened")] == [1, 1, 1, 0]
    assert chain.received("mail", "refused") == chain.received("webhook", "refused") == 0


def test_a_restarted_alertmanager_repeats_no_notification(chain: Chain) -> None:
    chain.post("ServiceDown", "tempo")
    chain.post("ServiceDown", "loki")
    for service in ("tempo", "loki"):
        until("a mail", lambda: "mailed" in chain.events("ServiceDown", service), 15)  # noqa: B023
    until("notified twice", lambda: sample(chain.alertmanager, "alertmanager_notifications_total") >= 4, 10)
    before = chain.received("webhook"), chain.received("mail")

    chain.alertmanager.stop()
    chain.alertmanager.start()
    # Prometheus sends them again within 15 s; one of them has ended meanwhile.
    chain.post("ServiceDown", "tempo")
    chain.post("ServiceDown", "loki", ended=True)
    decided = "alertmanager_nflog_queries_total"
    until("what ended is resolved", lambda: chain.incidents("ServiceDown", "loki")[0]["status"] == "resolved", 30)
    until("both groups are decided on", lambda: sample(chain.alertmanager, decided) >= 4, 30)
    until("by mail, too", lambda: chain.received("mail") > before[1], 15)
    assert (chain.received("webhook"), chain.received("mail")) == (before[0] + 1, before[1] + 1)
    assert "repeated" not in chain.events("ServiceDown", "tempo")


def test_the_watchdog_counts_by_its_age(chain: Chain) -> None:
    """Alertmanager repeats an old Watchdog for a while: the pager ignores the copies and takes the next fresh one."""
    heartbeat = "pager_heartbeat_timestamp_seconds"
    evaluated = round(datetime.now(UTC).timestamp())
    start = chain.received("webhook")
    chain.post("Watchdog", "prometheus", evaluated_at=str(evaluated))
    until("received", lambda: sample(chain.pager, heartbeat) == evaluated, 10)
    until("received again", lambda: chain.received("webhook") >= start + 2, 40)
    assert sample(chain.pager, heartbeat) == evaluated, "an old one was taken for a fresh one"
    took = until("the missing heartbeat opens an incident", lambda: chain.incidents("Watchdog", "prometheus"), 60)
    assert took < 40
    [incident] = chain.incidents("Watchdog", "prometheus")
    assert (incident["severity"], incident["status"]) == ("page", "open")

    fresh = round(datetime.now(UTC).timestamp())
    chain.post("Watchdog", "prometheus", evaluated_at=str(fresh))
    until("a fresh one is received", lambda: sample(chain.pager, heartbeat) == fresh, 40)
    until("resolved", lambda: chain.incidents("Watchdog", "prometheus")[0]["status"] == "resolved", 5)


@pytest.mark.parametrize("way", ["webhook", "mail"])
def test_one_channel_is_enough(tmp_path: Path, way: str) -> None:
    chain = Chain.on_free_ports(tmp_path, webhook=way == "webhook", mail=way == "mail")
    try:
        chain.start()
        chain.post("ServiceDown", "collector")
        until("an incident", lambda: chain.incidents("ServiceDown", "collector"), 15)
        chain.post("ServiceDown", "collector", ended=True)
        until("resolved", lambda: chain.incidents("ServiceDown", "collector")[0]["status"] == "resolved", 40)
        assert ("mailed" in chain.events("ServiceDown", "collector")) is (way == "mail")
        [incident] = chain.incidents("ServiceDown", "collector")
        assert incident["links"]["runbook"].endswith("/runbooks/ServiceDown")
        assert chain.received({"webhook": "mail", "mail": "webhook"}[way]) == 0
    finally:
        chain.stop()

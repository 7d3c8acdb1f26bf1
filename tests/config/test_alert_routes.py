"""Who is reported of what, what holds what back, and how a mail reads: Alertmanager's configuration and its templates.

`tests/integration/pager/test_pager_channels.py` shows the same with a real Alertmanager.
"""

import html
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.envfile import read
from lab.settings import ROOT
from tests.support.alerting.rules import ALERTMANAGER, alerts, log_alerts, rules
from tests.support.labs.programs import program

CONFIG: dict[str, Any] = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
RULES = {rule["alert"]: rule for rule in rules() if "alert" in rule}
TEMPLATES = ALERTMANAGER.parent / "templates"
APPLICATION = ("assistant", "model", "pager")
PLATFORM = ("collector", "prometheus", "alertmanager", "loki", "tempo", "grafana", "loadtest", "")
LINKS = {
    "runbook_url": "http://127.0.0.1:5003/runbooks/ErrorRateCritical",
    "dashboard_url": "http://127.0.0.1:3000/d/service",
    "logs_url": "http://127.0.0.1:3000/explore?schemaVersion=1&orgId=1&panes=%7B%22logs%22%3A1%7D",
}
MARKUP = '<script>alert(1)</script> & "quoted" <img src=x onerror=alert(2)>'

# Which alert holds which back, and what both must have in common.
INHIBITS = {
    **{
        f"{name}-inhibits-symptoms": ([f'alertname="{cause}"'], ['role="symptom"'], ["service"])
        for name, cause in {
            "service-down": "ServiceDown",
            "database-down": "DatabaseDown",
            "provider-throttled": "ProviderThrottled",
            "telemetry-loss": "TelemetryLoss",
        }.items()
    },
    "critical-errors-inhibit-high-errors": (
        ['alertname="ErrorRateCritical"'],
        ['alertname="ErrorRateHigh"'],
        ["service"],
    ),
    "fast-burn-inhibits-slow-burn": (
        ['alertname="ErrorBudgetFastBurn"'],
        ['alertname="ErrorBudgetSlowBurn"'],
        ["slo"],
    ),
    **{
        f"{name}-conversion-drop": ([f'alertname="{errors}"'], ['alertname="ConversionDrop"'], ["service"])
        for name, errors in {
            "critical-errors-inhibit": "ErrorRateCritical",
            "high-errors-inhibit": "ErrorRateHigh",
            "fast-burn-inhibits": "ErrorBudgetFastBurn",
        }.items()
    },
}


def amtool(*words: str | Path) -> str:
    done = subprocess.run(
        [str(program("amtool")), *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- Routes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["cause", "symptom"])
@pytest.mark.parametrize("severity", ["page", "ticket", "unheard-of"])
@pytest.mark.parametrize(
    ("service", "receiver"),
    [*((name, "application") for name in APPLICATION), *((name, "platform") for name in PLATFORM)],
)
def test_each_service_has_its_team_whatever_the_severity(role: str, severity: str, service: str, receiver: str) -> None:
    labels = ("alertname=Any", f"role={role}", f"severity={severity}", *([f"service={service}"] if service else []))
    reported = amtool("config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert reported.split() == [receiver]


def test_an_alert_without_labels_falls_through_to_a_person() -> None:
    assert amtool("config", "routes", "test", f"--config.file={ALERTMANAGER}", "alertname=Any").split() == ["platform"]


def test_symptoms_wait_for_causes_and_tickets_repeat_less_often_than_pages() -> None:
    root = CONFIG["route"]
    [watchdog] = [route for route in root["routes"] if route["matchers"] == ['alertname="Watchdog"']]
    [pages] = [route for route in root["routes"] if route["matchers"] == ['severity="page"']]
    [causes] = [route for route in pages["routes"] if route["matchers"] == ['role="cause"']]
    [journey] = [route for route in pages["routes"] if route["matchers"] == ['alertname="SyntheticJourneyFailing"']]
    assert (causes["group_wait"], journey["group_wait"], root["group_wait"]) == ("5s", "5s", "20s")
    assert (pages["repeat_interval"], root["repeat_interval"]) == ("5m", "30m")
    assert (watchdog["group_interval"], watchdog["repeat_interval"]) == ("10s", "15s")
    assert root["group_by"] == ["alertname", "service"]
    assert not [route for route in _routes(root) if "group_by" in route and route is not root], (
        "two keys of an incident"
    )


def test_the_journeys_alert_comes_after_its_cause_however_often() -> None:
    """Of an alert that comes back Alertmanager reports at once, so that the group wait cannot wait for the cause."""
    reported = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["global"]
    delay = _seconds(reported["scrape_interval"]) + _seconds(reported["evaluation_interval"])
    journey = float(read(ROOT / ".env", {})["JOURNEY_SECONDS"])
    cause = delay + _seconds(RULES["ServiceDown"]["for"])
    soonest = journey + _seconds(RULES["SyntheticJourneyFailing"]["for"])
    assert cause < soonest


@pytest.mark.parametrize(
    ("cause", "looks_back"), [("DatabaseDown", 60), ("ProviderThrottled", 60), ("ServiceDown", 30)]
)
def test_a_cause_inhibits_until_its_symptoms_have_forgotten_it(cause: str, looks_back: float) -> None:
    """The symptoms of a minute's requests; of a server that is gone only the journey, twice in 15 s."""
    assert _seconds(RULES[cause]["keep_firing_for"]) >= looks_back


def _seconds(text: str) -> float:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def _routes(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [route, *(found for child in route.get("routes", ()) for found in _routes(child))]


def test_every_cause_inhibits_the_symptoms_of_its_service() -> None:
    causes = {alert.name for alert in (*alerts(), *log_alerts()) if alert.labels["role"] == "cause"}
    inhibiting = {source for [source], target, _ in INHIBITS.values() if target == ['role="symptom"']}
    assert inhibiting == {f'alertname="{cause}"' for cause in causes}


def test_what_inhibits_what() -> None:
    rules = {
        rule["name"]: (rule["source_matchers"], rule["target_matchers"], rule["equal"])
        for rule in CONFIG["inhibit_rules"]
    }
    assert rules == INHIBITS


@pytest.mark.parametrize("receiver", CONFIG["receivers"], ids=lambda receiver: receiver["name"])
def test_every_receiver_reports_the_pager(receiver: dict[str, Any]) -> None:
    [webhook] = receiver["webhook_configs"]
    assert webhook["url"] == "http://pager:5003/webhook/alertmanager"
    assert webhook["max_alerts"] <= 20
    assert webhook["send_resolved"] is (receiver["name"] != "heartbeat")
    if receiver["name"] == "heartbeat":
        assert "email_configs" not in receiver
        return
    [mail] = receiver["email_configs"]
    assert mail["to"] == f"{receiver['name']}@lab.example"
    assert mail["send_resolved"] is True
    defined = set(re.findall(r'{{ define "([\w.]+)"', _template_text()))
    used = set(
        re.findall(r'template "([\w.]+)"', json.dumps([mail["html"], mail["text"], mail["headers"]]).replace("\\", ""))
    )
    assert used and used <= defined


def test_mails_go_to_the_labs_own_mail_server() -> None:
    assert CONFIG["global"]["smtp_smarthost"] == "pager:5025"
    assert CONFIG["global"]["smtp_require_tls"] is False
    # Next to the file: the same in a container, natively, and for amtool.
    assert CONFIG["templates"] == ["templates/*.tmpl"]


# --- Mails --------------------------------------------------------------------------------------------------------


def _template_text() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.tmpl")))


def alert(number: int = 0, status: str = "firing", **changes: Any) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {
            "alertname": "ErrorRateCritical",
            "service": "assistant",
            "severity": "page",
            "role": "symptom",
            "instance": f"assistant:{5001 + number}",
        },
        "annotations": {
            "summary": "52.3% of the requests failed in the last minute (threshold 10%): users get an error",
            "description": "More than one in ten finished requests ended in an error.",
            **LINKS,
        },
        "startsAt": "2026-11-22T14:00:00.123456789Z",
        "endsAt": "2026-11-22T14:01:30.9Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=up",
        "fingerprint": f"{number:016x}",
        **changes,
    }


def rendered(folder: Path, name: str, *alerts: dict[str, Any], **data: Any) -> str:
    """A template as Alertmanager fills it in; `mail.html` by the engine that escapes."""
    labels = alerts[0]["labels"]
    group = {key: labels[key] for key in ("alertname", "service") if key in labels}
    document = {
        "receiver": "application",
        "status": alerts[0]["status"],
        "externalURL": "http://127.0.0.1:9093",
        "groupLabels": group,
        "commonLabels": labels,
        "alerts": list(alerts),
        **data,
    }
    file = folder / "data.json"
    file.write_text(json.dumps(document))
    return amtool(
        "template",
        "render",
        f"--template.glob={TEMPLATES}/*.tmpl",
        f"--template.data={file}",
        f'--template.text={{{{ template "lab.{name}" . }}}}',
        f"--template.type={'html' if name.endswith('html') else 'text'}",
    )


def test_a_subject_reports_severity_alert_service_and_value(tmp_path: Path) -> None:
    subject = rendered(tmp_path, "mail.subject", alert())
    assert subject == (
        "[PAGE] ErrorRateCritical assistant: "
        "52.3% of the requests failed in the last minute (threshold 10%): users get an error"
    )
    assert rendered(tmp_path, "mail.subject", alert(), alert(1)).startswith("[PAGE] ErrorRateCritical assistant (2): ")
    over = rendered(tmp_path, "mail.subject", alert(status="resolved"))
    assert over == "[RESOLVED] ErrorRateCritical assistant: resolved after 1m31s"


def test_only_a_page_that_fires_rings(tmp_path: Path) -> None:
    ticket = alert(labels={**alert()["labels"], "severity": "ticket"})
    for one, importance in ((alert(), "high"), (alert(status="resolved"), "normal"), (ticket, "normal")):
        assert rendered(tmp_path, "mail.importance", one) == importance


def test_the_text_can_be_read_without_html(tmp_path: Path) -> None:
    text = rendered(tmp_path, "mail.text", alert(), alert(1, labels={**alert()["labels"], "zone": "b"}))
    assert text.startswith("PAGE: ErrorRateCritical of assistant\n")
    for wanted in (
        "52.3% of the requests failed",
        "- firing since 2026-11-22 14:00:00 UTC, instance assistant:5001\n",
        "zone b\n",
        "http://127.0.0.1:5003/incidents/latest?alert=ErrorRateCritical&service=assistant\n",
        *LINKS.values(),
    ):
        assert wanted in text
    over = rendered(tmp_path, "mail.text", alert(status="resolved"))
    assert "- resolved at 14:01:30 UTC, after 1m31s, instance assistant:5001\n" in over


class Page(HTMLParser):
    """What a browser makes of a mail: its tags, its links and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.attributes: set[str] = set()
        self.notification = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.notification = dict(attrs).get("data-lab-notification") or self.notification
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_has_the_same_links(tmp_path: Path) -> None:
    page = Page(rendered(tmp_path, "mail.html", alert()))
    assert page.links == [
        "http://127.0.0.1:5003/incidents/latest?alert=ErrorRateCritical&service=assistant",
        *LINKS.values(),
        "http://127.0.0.1:9090/graph?g0.expr=up",
        "http://127.0.0.1:9093",
    ]
    # Nothing is fetched, nothing runs, and no style is where half of the mail programs drop it.
    assert not page.tags & {"script", "img", "link", "style", "iframe", "form"}


def test_markup_in_an_alert_shows_as_text(tmp_path: Path) -> None:
    strange = alert(
        labels={"alertname": MARKUP, "service": MARKUP, "severity": "page", MARKUP: MARKUP},
        annotations={
            "summary": MARKUP,
            "description": MARKUP,
            "runbook_url": "javascript:alert(3)",
            "logs_url": MARKUP,
        },
        generatorURL="javascript:alert(4)",
    )
    text = rendered(tmp_path, "mail.html", strange)
    page = Page(text)
    assert page.text.count(MARKUP) >= 5
    assert not page.tags & {"script", "img"}
    assert not [name for name in page.attributes if name.startswith("on")]
    assert not [link for link in page.links if "javascript:" in html.unescape(link)]


@pytest.mark.parametrize("name", ["mail.subject", "mail.text", "mail.html"])
def test_a_bare_alert_and_one_with_a_novel_make_a_mail(tmp_path: Path, name: str) -> None:
    bare = alert(labels={"alertname": "Bare"}, annotations={}, generatorURL="")
    assert "Bare" in rendered(tmp_path, name, bare)
    novel = "A very long story. " * 10_000
    long = alert(labels={"alertname": "Long", "novel": novel}, annotations={"summary": novel, "logs_url": novel})
    assert len(rendered(tmp_path, name, *[long] * 30)) < (300 if name == "mail.subject" else 60_000)


def test_a_group_of_thirty_is_cut_and_the_rest_counted(tmp_path: Path) -> None:
    many = [alert(number) for number in range(30)]
    for name in ("mail.text", "mail.html"):
        mail = rendered(tmp_path, name, *many)
        assert "assistant:5020" in mail
        assert "assistant:5021" not in mail
        assert "and 10 more" in mail


def test_the_notification_is_what_the_webhook_would_have_said(tmp_path: Path) -> None:
    many = [alert(number) for number in range(22)]
    many[0]["annotations"]["summary"] = MARKUP + "'\\ \n"
    notification = json.loads(Page(rendered(tmp_path, "mail.html", *many)).notification)
    assert notification["groupLabels"] == {"alertname": "ErrorRateCritical", "service": "assistant"}
    assert (notification["status"], notification["receiver"], notification["truncatedAlerts"]) == (
        "firing",
        "application",
        2,
    )
    assert notification["alerts"][0] == many[0]
    lean = {key: value for key, value in many[1].items() if key not in ("annotations", "generatorURL")}
    assert notification["alerts"][1] == lean
    assert len(notification["alerts"]) == 20


@pytest.mark.parametrize("sign", ["a", "é", "日", "💥", "\n", "%", "\u200f"])
def test_a_subject_fits_a_line(tmp_path: Path, sign: str) -> None:
    """Alertmanager folds no header; in the worst case each byte of another script takes three, in words of 75."""
    labels = {"alertname": sign * 500, "service": sign * 500, "severity": sign * 500}
    subject = rendered(tmp_path, "mail.subject", alert(labels=labels, annotations={"summary": sign * 500}))
    encoded = sum(1 if 32 < byte < 127 and byte not in b"=?_" else 3 for byte in subject.encode())
    assert encoded * 75 / 60 < 980
    assert len(subject) >= 50

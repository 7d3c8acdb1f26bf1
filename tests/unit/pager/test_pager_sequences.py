"""Any sequence of notifications, mails, hands, beats of the clock and restarts.

An alert is one incident, none is lost.
"""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.pager.model.notification import parse_notification
from tests.support.alerting.pager import Pager, notification

SERVICES = st.sampled_from(["assistant", "model"])
SEVERITIES = st.sampled_from(["page", "ticket"])
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
LEVELS = 3


class Sequences(RuleBasedStateMachine):
    """What Alertmanager says and people do, next to what should be true."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.pager = Pager(Path(self.folder.name), Path(self.folder.name))
        self.minutes = 0
        self.firing: dict[str, datetime] = {}
        self.ended: dict[str, tuple[datetime, datetime]] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    def moment(self) -> datetime:
        """A moment after all the others."""
        self.minutes += 1
        return BEGIN + timedelta(minutes=self.minutes)

    def body(
        self, service: str, start: datetime, end: datetime | None = None, severity: str = "page"
    ) -> dict[str, Any]:
        def change(body: dict[str, Any]) -> None:
            alert = body["alerts"][0]
            body["groupLabels"]["service"] = alert["labels"]["service"] = service
            alert["labels"]["severity"] = severity
            alert["startsAt"] = start.isoformat()
            if end is not None:
                body["status"] = alert["status"] = "resolved"
                alert["endsAt"] = end.isoformat()

        return notification(change)

    def open(self, service: str) -> list[dict[str, Any]]:
        return [one for one in self.pager.incidents() if one["status"] == "open" and one["service"] == service]

    @rule(service=SERVICES, severity=SEVERITIES)
    def fires(self, service: str, severity: str) -> None:
        """It begins, or is reported again."""
        start = self.firing.setdefault(service, self.moment())
        self.pager.send(self.body(service, start, severity=severity))
        assert len(self.open(service)) == 1

    @rule(service=SERVICES)
    def is_over(self, service: str) -> None:
        """It ends, or its end is reported again."""
        if service in self.firing:
            self.ended[service] = self.firing.pop(service), self.moment()
        if service in self.ended:
            self.pager.send(self.body(service, *self.ended[service]))

    @rule(service=SERVICES)
    def an_old_end_arrives_late(self, service: str) -> None:
        if service in self.firing and service in self.ended:
            before = self.open(service)
            assert self.pager.send(self.body(service, *self.ended[service]))["outcome"] == "ignored"
            assert self.open(service) == before

    @rule(service=SERVICES)
    def a_mail_arrives(self, service: str) -> None:
        """Of what fires, or late, of what is over."""
        start = self.firing.get(service) or self.ended.get(service, (None,))[0]
        if start is None:
            return
        before = self.open(service)
        reported = parse_notification(self.body(service, start), datetime.now(UTC))
        # A mail does not carry the fingerprint.
        alerts = tuple(replace(one, fingerprint="of the mail") for one in reported.alerts)
        self.pager.parts.store.receive(replace(reported, channel="mail", alerts=alerts))
        assert [one["id"] for one in self.open(service)] == [one["id"] for one in before]

    @rule(
        number=st.integers(1, 4),
        by=st.sampled_from(["Ada", "Ben"]),
        action=st.sampled_from(["acknowledge", "escalate", "resolve", "comments"]),
    )
    def a_person_acts(self, number: int, by: str, action: str) -> None:
        more = {"text": "done"} if action == "comments" else {}
        assert self.pager.act(action, number, by=by, **more).status_code in (200, 201, 404, 409)

    @rule(seconds=st.sampled_from([1, 130, 260, 10_000]))
    def time_goes_by(self, seconds: int) -> None:
        self.pager.tick(seconds)

    @rule()
    def the_pager_restarts(self) -> None:
        before = self.pager.incidents()
        self.pager.start()
        assert self.pager.incidents() == before

    @invariant()
    def what_is_there_is_whole(self) -> None:
        if not hasattr(self, "pager"):
            return
        incidents = self.pager.incidents()
        for service in ("assistant", "model"):
            still_open = [one for one in incidents if one["status"] == "open" and one["service"] == service]
            assert len(still_open) <= 1
            assert service in self.firing or not still_open
        for one in incidents:
            waits = one["next_escalation_at"] is not None
            assert not waits or (one["status"] == "open" and one["severity"] == "page" and not one["acknowledged_at"])
            assert one["responder"]
            assert 0 <= one["escalation_level"] < LEVELS
            kinds = [line["event"] for line in one["timeline"]]
            assert kinds.count("notified") == 1
            assert kinds.count("resolved") - kinds.count("reopened") == (one["status"] == "resolved")
            assert kinds.count("mailed") <= 1
        for severity in ("page", "ticket"):
            count = sum(one["status"] == "open" and one["severity"] == severity for one in incidents)
            assert self.pager.metric(f'pager_incidents_open{{severity="{severity}"}}') == count


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

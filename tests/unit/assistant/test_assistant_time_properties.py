"""Any time in any form, offset and zone: the parsed instant, the opening hours, the appointments that are stored."""

import json
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import combinations, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from services.assistant.appointments import local_time, opening_hours
from services.assistant.appointments.business import Business, Provider
from services.assistant.appointments.timeparse import parse_day, parse_earliest, parse_instant
from services.assistant.conversation.tools import Toolbox
from services.assistant.conversation.turn import Conversation, Turn
from services.assistant.llm.completion import ToolCall
from services.assistant.storage.tables import AppointmentRow, BusinessRow, BusyTime, ProviderRow

# Clocks that change by half an hour, at midnight, at 02:45, at an offset of quarters, or never.
ZONES = [
    "America/Los_Angeles",
    "America/Havana",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
]
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


def changes(zone: ZoneInfo) -> list[datetime]:
    """Return the hours of the next eleven months within which the clock changes; any hour where it never does."""
    hours = [NOW + HOUR * number for number in range(48, 24 * 330)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    found = [hours[at] for at, (before, after) in enumerate(pairwise(offsets)) if before != after]
    return found or [hours[0]]


CHANGES = {name: changes(ZoneInfo(name)) for name in ZONES}


@st.composite
def instants(draw: st.DrawFn, name: str) -> datetime:
    """Draw an instant near a clock change of the zone, mostly on the grid of quarters."""
    change = draw(st.sampled_from(CHANGES[name]))
    steps = st.integers(-4, 8).map(lambda number: number * timedelta(minutes=15))
    minutes = st.integers(-60, 120).map(lambda number: number * timedelta(minutes=1))
    odd = st.timedeltas(-3 * HOUR, 3 * HOUR)
    return change + draw(st.one_of(steps, steps, steps, minutes, odd))


OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@st.composite
def rfc3339(draw: st.DrawFn, instant: datetime) -> str:
    """Draw one of the forms of RFC 3339 of an instant."""
    offset = timedelta(minutes=draw(OFFSETS))
    local = instant.astimezone(timezone(offset))
    fraction = f".{local.microsecond:06}" if local.microsecond else draw(st.sampled_from(["", ".0", ".000000000"]))
    minutes = abs(offset) // timedelta(minutes=1)
    numeric = f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
    zeros = ["Z", "z", "+00:00", "-00:00"]
    shown = numeric if offset else draw(st.sampled_from(zeros))
    return f"{local:%Y-%m-%d}{draw(st.sampled_from('Tt '))}{local:%H:%M:%S}{fraction}{shown}"


@st.composite
def broken(draw: st.DrawFn, text: str) -> str:
    """Draw a text that is near a time: a character is replaced, inserted or left out."""
    place = draw(st.integers(0, len(text)))
    digits, others = st.sampled_from("0123456789"), st.sampled_from(["", *":-+.TZtzW ,;/\n\u0660\u2212\u00a0e"])
    other = draw(st.one_of(digits, digits, others))
    return text[:place] + other + text[place + draw(st.sampled_from([1, 1, 0, 2])) :]


def seconds_after_2000(seconds: int) -> datetime:
    return datetime(2000, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)


@given(st.data())
def test_every_form_is_the_same_instant(data: st.DataObject) -> None:
    instant = data.draw(st.integers(0, 36_800 * 86_400).map(seconds_after_2000) | instants(ZONES[0]))
    text = data.draw(rfc3339(instant))
    parsed = parse_instant(text, data.draw(st.sampled_from([None, *map(ZoneInfo, ZONES)])))
    assert (parsed, parsed.tzinfo) == (instant, UTC)


@given(st.data())
def test_a_text_near_a_time_is_read_as_python_reads_it_or_refused(data: st.DataObject) -> None:
    text = data.draw(rfc3339(data.draw(instants(data.draw(st.sampled_from(ZONES))))))
    text = data.draw(broken(text))
    try:
        parsed = parse_instant(text)
    except ValueError as error:
        event("refused")
        assert text not in str(error) or not text
        return
    event("taken")
    # Python cuts a fraction after six digits; the parser rounds it up.
    assert parsed - datetime.fromisoformat(text.upper()) in (timedelta(), timedelta.resolution)


@given(st.text(max_size=40), st.sampled_from(ZONES))
def test_any_text_is_a_time_or_refused(text: str, name: str) -> None:
    day = date(2027, 3, 14)
    for parse in (parse_instant, parse_day, lambda it: parse_earliest(it, day, ZoneInfo(name))):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)


def named_instants(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants at which the clock of the zone shows the time, found without PEP 495."""
    around = [(local.replace(tzinfo=UTC) + timedelta(days=days)).astimezone(zone) for days in (-2, 2)]
    found = {(local - moment.utcoffset()).replace(tzinfo=UTC) for moment in around}
    return sorted(one for one in found if one.astimezone(zone).replace(tzinfo=None) == local)


@given(st.data(), st.sampled_from(ZONES) | st.sampled_from(sorted(zoneinfo.available_timezones())))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_local_time_is_the_first_instant_that_the_clock_shows_it(data: st.DataObject, name: str) -> None:
    zone = ZoneInfo(name)
    CHANGES.setdefault(name, changes(zone))
    change = data.draw(st.sampled_from(CHANGES[name])).astimezone(zone).replace(tzinfo=None, fold=0)
    local = change + data.draw(st.integers(-2, 9)) * timedelta(minutes=15)
    expected = named_instants(local, zone)
    text = local.isoformat()
    event(f"exists {len(expected)} times")
    if expected:
        assert parse_instant(text, zone) == expected[0]
        shown = [one.astimezone(zone) for one in expected]
        assert [local_time.exists_twice(one) for one in shown] == [len(expected) == 2] * len(expected)
        assert parse_earliest(text, None, zone) == expected[0]
        return
    with pytest.raises(local_time.SkippedTimeError) as skipped:
        parse_instant(text, zone)
    resumes_at = skipped.value.resumes_at
    before = (resumes_at - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None)
    assert before < local < resumes_at.astimezone(zone).replace(tzinfo=None)
    assert parse_earliest(text, None, zone) == resumes_at


@given(st.data(), st.sampled_from(ZONES), st.integers(1, 8))
def test_listed_times_can_be_booked(data: st.DataObject, name: str, quarters: int) -> None:
    opens, closes = sorted(
        data.draw(st.lists(st.integers(0, 96).map(lambda n: n * 15), min_size=2, max_size=2, unique=True))
    )
    business = a_business(name, quarters * 15, dict.fromkeys(range(7), (opens, closes)))
    day = data.draw(instants(name)).astimezone(business.zone).date()
    starts = list(opening_hours.starts_of_day(business, day, data.draw(instants(name))))
    assert all(later - earlier == timedelta(minutes=30) for earlier, later in pairwise(starts))
    for start in starts:
        local = start.astimezone(business.zone)
        assert local.date() == day
        assert opening_hours.on_grid(business, start)
        assert opening_hours.is_open(business, start)
        assert opening_hours.is_open(business, local)
        first, last = opening_hours.period(business, local)
        assert (first, last - first) == (start, timedelta(minutes=quarters * 15))
        for edge in (first, last - timedelta(microseconds=1)):
            shown = edge.astimezone(business.zone)
            # A business that has opened stays open when the clock is set back to a time before its opening.
            assert shown.fold or time(opens // 60, opens % 60) <= shown.time()


def a_business(zone: str, minutes: int, hours: dict[int, tuple[int, int]]) -> Business:
    return Business(
        id=zone.rsplit("/", 1)[-1].lower(),
        name=zone,
        kind="doctor",
        city="San Francisco",
        region="bay-west",
        time_zone=zone,
        address="",
        phone="",
        minutes=minutes,
        services=(),
        hours=hours,
        providers=(Provider("p-1", "Ann"), Provider("p-2", "Ben")),
    )


@dataclass(frozen=True)
class Attempt:
    """A time that is sent, and the instant that it names; None where it names none."""

    channel: str
    provider: int
    text: str
    instant: datetime | None
    moved: int | None  # which of the appointments; None books


@st.composite
def attempts(draw: st.DrawFn, name: str) -> Attempt:
    """Draw a booking or a move by request or tool call, with a time with or without offset, or a broken one."""
    zone = ZoneInfo(name)
    channel = draw(st.sampled_from(["api", "chat"]))
    instant: datetime | None = draw(instants(name))
    assert instant is not None
    form = draw(st.sampled_from(["offset"] * 5 + ["local", "local", "skipped", "seconds in the offset", "no time"]))
    local = instant.astimezone(zone).replace(tzinfo=None, fold=0)
    if form == "offset":
        text = draw(rfc3339(instant))
    elif form in ("local", "skipped"):
        local += timedelta(hours=1) * (form == "skipped")
        text = local.isoformat()
        named = named_instants(local, zone)
        instant = named[0] if named and channel == "chat" else None
    elif form == "seconds in the offset":
        text, instant = f"{local.isoformat()}-08:00:30", None
    else:
        text, instant = (
            draw(st.sampled_from(["", "soon", "2027-W04-5", "2027-06-30T23:59:60Z", local.isoformat()[:10]])),
            None,
        )
    provider = draw(st.sampled_from([1, 1, 1, 2]))
    return Attempt(channel, provider, text, instant, draw(st.sampled_from([None, None, 0, 1, 2])))


class Calendar:
    """The service, next to the appointments that it should have."""

    def __init__(self, service: Any, business: Business) -> None:
        self.service = service
        self.business = business
        assistant = service.assistant
        self.tools = Toolbox(assistant.database, assistant.directory, assistant.book, service.telemetry)
        self.expected: dict[str, tuple[str, datetime]] = {}
        with assistant.database.write() as session:
            session.execute(delete(BusyTime))
            session.execute(delete(AppointmentRow))

    def send(self, attempt: Attempt) -> None:
        """Send one attempt, and check the answer against the expected appointments."""
        moved = None
        provider = f"{self.business.id}-{attempt.provider}"
        if attempt.moved is not None and self.expected:
            moved = list(self.expected)[attempt.moved % len(self.expected)]
            provider = self.expected[moved][0]
        verdict = self.verdict(attempt.instant, provider, moved)
        event(f"{'book' if moved is None else 'move'} {verdict}")
        send = self.request if attempt.channel == "api" else self.call
        answer, appointment = send(attempt.text, provider, moved)
        assert answer == verdict, attempt
        if verdict == "done":
            assert attempt.instant is not None
            self.expected[appointment["id"]] = provider, attempt.instant
            shown = [datetime.fromisoformat(appointment[name]) for name in ("starts_at", "ends_at")]
            assert shown[0] == attempt.instant
            assert shown[1].timestamp() - shown[0].timestamp() == self.business.minutes * 60
            for one in shown:
                assert one.utcoffset() == one.astimezone(self.business.zone).utcoffset()
        self.check()

    def verdict(self, instant: datetime | None, provider: str, moved: str | None) -> str:
        if instant is None:
            return "refused"
        local = instant.astimezone(self.business.zone)
        if (local.minute % 15, local.second, local.microsecond) != (0, 0, 0):
            return "refused"
        others = [start for id, (who, start) in self.expected.items() if who == provider and id != moved]
        return "taken" if any(abs(start - instant) < self.business.duration for start in others) else "done"

    def request(self, text: str, provider: str, moved: str | None) -> tuple[str, Any]:
        client = self.service.client
        if moved is None:
            body = {"business_id": self.business.id, "provider_id": provider, "user_id": "ann", "starts_at": text}
            answer = client.post("/appointments", json=body)
        else:
            answer = client.patch(f"/appointments/{moved}", json={"starts_at": text})
        return {200: "done", 201: "done", 409: "taken", 422: "refused"}[answer.status_code], answer.get_json()

    def call(self, text: str, provider: str, moved: str | None) -> tuple[str, Any]:
        if moved is None:
            name, wish = "book_appointment", {"business_id": self.business.id, "provider": provider, "starts_at": text}
        else:
            name, wish = "move_appointment", {"appointment_id": moved, "starts_at": text}
        turn = Turn(Conversation("c", "ann", is_new=True), "m", None)
        result = json.loads(self.tools.run(ToolCall("1", name, wish), turn))
        verdict = "done" if result["ok"] else {"taken": "taken"}.get(result["error"], "refused")
        return verdict, result.get("appointment")

    def check(self) -> None:
        """Compare what is stored; no two appointments of a provider overlap."""
        with self.service.assistant.database.read() as session:
            rows = session.scalars(select(AppointmentRow)).all()
            busy = session.scalars(select(BusyTime)).all()
        assert {row.id: (row.provider_id, row.starts_at) for row in rows} == self.expected
        for row in rows:
            assert row.ends_at - row.starts_at == self.business.duration
        for one, other in combinations(rows, 2):
            assert (
                one.provider_id != other.provider_id or one.ends_at <= other.starts_at or other.ends_at <= one.starts_at
            )
        assert len(busy) == len(rows) * self.business.minutes // 15


@pytest.fixture
def businesses(service) -> dict[str, Business]:
    """Businesses of every zone that are always open, with appointments of three quarters of an hour."""
    always = {str(day): [0, 24 * 60] for day in range(7)}
    database, directory = service.assistant.database, service.assistant.directory
    with database.write() as session:
        session.add_all(_rows(ZONES, always))
    with database.read() as session:
        directory.load(session)
    return {name: business for name in ZONES if (business := directory.get(a_business(name, 45, {}).id))}


def _rows(names: Iterable[str], hours: dict[str, list[int]]) -> Iterable[BusinessRow | ProviderRow]:
    for name in names:
        one = a_business(name, 45, {})
        columns = {column.key: getattr(one, column.key) for column in BusinessRow.__table__.columns}
        yield BusinessRow(**{**columns, "hours": hours, "services": []})
        for number in (1, 2):
            yield ProviderRow(id=f"{one.id}-{number}", business_id=one.id, name=f"Ann {number}")


@given(data=st.data(), name=st.sampled_from(ZONES))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_two_appointments_overlap_whatever_is_sent(service, businesses, data: st.DataObject, name: str) -> None:
    calendar = Calendar(service, businesses[name])
    for attempt in data.draw(st.lists(attempts(name), min_size=6, max_size=15)):
        calendar.send(attempt)

"""Times as users and models write them: one instant, one slot, on days of a clock change too."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

PROVIDER = "lab-doctor-1"
ZONE = ZoneInfo("America/Los_Angeles")


def sundays_of_change() -> tuple[date, date]:
    """Return the next days on which clocks in Los Angeles go forward and back."""
    today = datetime.now(ZONE).date()
    days = [today + timedelta(days=number) for number in range(1, 367)]
    hours = {day: _midnight(day + timedelta(days=1)) - _midnight(day) for day in days}
    forward = next(day for day, length in hours.items() if length == timedelta(hours=23))
    back = next(day for day, length in hours.items() if length == timedelta(hours=25))
    return forward, back


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


FORWARD, BACK = sundays_of_change()


def run(service, model, tool: str, **arguments: Any) -> dict[str, Any]:
    """Let the model call a tool for Ann, and return its result."""
    model.call(tool, **arguments)
    service.say(user_id="ann")
    return model.last_tool_result


def rows(service) -> list[dict[str, Any]]:
    return service.client.get("/appointments?user_id=ann").get_json()["appointments"]


# Nine o'clock in Los Angeles, in winter.
SAME_INSTANT = ["T09:00:00-08:00", "T17:00:00Z", "T17:00:00-00:00", "T16:53:00-00:07", "T22:45:00+05:45"]
OFF_GRID = ["T09:00:00-07:53", "T09:00:00-08:07", "T09:00:30-08:00", "T09:00:00.000000001-08:00"]


@pytest.fixture
def winter_day() -> str:
    """The next tenth of January."""
    now = datetime.now(ZONE)
    year = now.year + ((now.month, now.day) >= (1, 10))
    return f"{year}-01-10"


@pytest.mark.parametrize("channel", ["api", "chat"])
def test_one_instant_is_one_slot_whatever_the_offset(service, model, winter_day: str, channel: str) -> None:
    first = service.book(winter_day + SAME_INSTANT[0], provider_id=PROVIDER)
    assert first.status_code == 201
    other = service.book(f"{winter_day}T12:00:00-08:00", provider_id=PROVIDER).get_json()
    before = rows(service)
    for texts, status, problem, error in (
        (SAME_INSTANT, 409, "time-taken", "taken"),
        (OFF_GRID, 422, "time-off-grid", "closed"),
    ):
        for text in texts:
            starts_at = winter_day + text
            if channel == "api":
                move = service.client.patch(f"/appointments/{other['id']}", json={"starts_at": starts_at})
                for answer in (service.book(starts_at, provider_id=PROVIDER), move):
                    assert (answer.status_code, answer.get_json()["type"]) == (status, f"/problems/{problem}"), text
                    assert len(answer.get_json()["alternatives"]) == 3
            else:
                wish = {"business_id": "lab-doctor", "provider": PROVIDER, "starts_at": starts_at}
                booked = run(service, model, "book_appointment", **wish)
                moved = run(service, model, "move_appointment", appointment_id=other["id"], starts_at=starts_at)
                for result in (booked, moved):
                    assert (result["ok"], result["error"]) == (False, error), text
                    assert len(result["alternatives"]) == 3
    assert rows(service) == before


@pytest.mark.parametrize("text", SAME_INSTANT)
def test_a_time_is_stored_and_shown_in_the_zone_of_the_business(service, winter_day: str, text: str) -> None:
    booked = service.book(winter_day + text).get_json()
    assert booked["starts_at"] == f"{winter_day}T09:00:00-08:00"
    assert booked["ends_at"] == f"{winter_day}T09:30:00-08:00"


def test_alternatives_are_free_with_the_requested_person(service, model, winter_day: str) -> None:
    starts_at = f"{winter_day}T09:00:00-08:00"
    for text in ("T08:30:00", "T09:00:00", "T09:30:00"):
        assert service.book(f"{winter_day}{text}-08:00", provider_id=PROVIDER).status_code == 201
    wish = {"business_id": "lab-doctor", "provider": PROVIDER, "starts_at": starts_at}
    other = service.book(f"{winter_day}T12:00:00-08:00", provider_id=PROVIDER).get_json()
    expected = [f"{winter_day}T{clock}:00-08:00" for clock in ("07:30", "08:00", "10:00")]
    assert service.book(starts_at, provider_id=PROVIDER).get_json()["alternatives"] == expected
    assert run(service, model, "book_appointment", **wish)["alternatives"] == expected
    move = {"appointment_id": other["id"], "starts_at": starts_at}
    assert run(service, model, "move_appointment", **move)["alternatives"] == expected
    answer = service.client.patch(f"/appointments/{other['id']}", json={"starts_at": starts_at})
    assert answer.get_json()["alternatives"] == expected


@pytest.mark.parametrize("clock", ["02:00", "02:30", "02:59:59"])
def test_a_local_time_that_is_skipped_gets_the_nearest_times(service, model, clock: str) -> None:
    mine = service.book(provider_id=PROVIDER).get_json()
    starts_at = f"{FORWARD}T{clock}"
    for result in (
        run(service, model, "book_appointment", business_id="lab-doctor", starts_at=starts_at),
        run(service, model, "move_appointment", appointment_id=mine["id"], starts_at=starts_at),
    ):
        assert (result["ok"], result["error"]) == (False, "closed")
        assert result["detail"] == (
            f"{clock[:5]} does not exist on {FORWARD} in America/Los_Angeles: a clock change skips it. "
            f"The next time is {FORWARD}T03:00:00-07:00."
        )
        assert result["alternatives"] == [
            f"{FORWARD}T01:30:00-08:00",
            f"{FORWARD}T03:00:00-07:00",
            f"{FORWARD}T03:30:00-07:00",
        ]
    assert rows(service) == [mine]


def test_a_local_time_that_exists_twice_is_the_first_and_the_result_says_so(service, model) -> None:
    note = (
        f"The clock shows 01:45 twice on that day; this is the {{which}} one, {BACK:%A, %B %d, %Y} at 01:45 {{zone}}."
    )
    first = run(service, model, "book_appointment", business_id="lab-doctor", starts_at=f"{BACK}T01:45:00")
    assert first["appointment"]["starts_at"] == f"{BACK}T01:45:00-07:00"
    assert first["appointment"]["ends_at"] == f"{BACK}T01:15:00-08:00"
    assert first["note"] == note.format(which="first", zone="PDT")
    mine = first["appointment"]["id"]
    moved = run(service, model, "move_appointment", appointment_id=mine, starts_at=f"{BACK}T01:45:00-08:00")
    assert moved["appointment"]["starts_at"] == f"{BACK}T01:45:00-08:00"
    assert moved["appointment"]["ends_at"] == f"{BACK}T02:15:00-08:00"
    assert moved["note"] == note.format(which="second", zone="PST")
    again = run(service, model, "move_appointment", appointment_id=mine, starts_at=f"{BACK}T01:45")
    assert again["appointment"] == first["appointment"]
    later = run(service, model, "move_appointment", appointment_id=mine, starts_at=f"{BACK}T02:00:00")
    assert later["appointment"]["starts_at"] == f"{BACK}T02:00:00-08:00"
    assert "note" not in later


def test_a_fallback_reply_says_which_of_two_equal_times_is_booked(service, model) -> None:
    model.call("book_appointment", business_id="lab-doctor", starts_at=f"{BACK}T01:30:00")
    model.fail(503, times=3)
    assert service.say()["reply"].endswith(f" is booked for {BACK:%A, %B %d, %Y} at 01:30 PDT.")


@pytest.mark.parametrize("provider_id", [PROVIDER, None])
def test_both_of_two_equal_times_are_booked_apart(service, provider_id: str | None) -> None:
    person = {"provider_id": provider_id} if provider_id else {}
    for offset in ("-07:00", "-08:00"):
        answer = service.book(f"{BACK}T01:30:00{offset}", **person)
        assert (answer.status_code, answer.get_json()["starts_at"]) == (201, f"{BACK}T01:30:00{offset}")


def test_alternatives_of_a_repeated_hour_are_in_the_order_of_time(service) -> None:
    starts_at = f"{BACK}T01:00:00-08:00"
    assert service.book(starts_at, provider_id=PROVIDER).status_code == 201
    assert service.book(starts_at, provider_id=PROVIDER).get_json()["alternatives"] == [
        f"{BACK}T01:00:00-07:00",
        f"{BACK}T01:30:00-07:00",
        f"{BACK}T01:30:00-08:00",
    ]


def test_free_times_of_days_with_a_clock_change(service) -> None:
    for day, count, hours in ((FORWARD, 46, ["00", "01", "03"]), (BACK, 50, ["00", "01", "01"])):
        slots = service.client.get(f"/businesses/lab-doctor/slots?date={day}").get_json()["slots"]
        assert len(slots) == count
        assert [slot[11:13] for slot in slots[:6:2]] == hours
        instants = [datetime.fromisoformat(slot).timestamp() for slot in slots]
        assert {later - earlier for earlier, later in pairwise(instants)} == {1800}


@pytest.mark.parametrize(
    ("day", "after", "first"),
    [
        (FORWARD, "02:15", "T03:00:00-07:00"),
        (FORWARD, f"{FORWARD}T02:15:00", "T03:00:00-07:00"),
        (FORWARD, f"{FORWARD}t10:00:00z", "T03:00:00-07:00"),
        (BACK, "01:30", "T01:30:00-07:00"),
        (BACK, f"{BACK} 01:30:00-08:00", "T01:30:00-08:00"),
    ],
)
def test_a_list_begins_at_the_earliest_time(service, model, day: date, after: str, first: str) -> None:
    result = run(service, model, "list_slots", business_id="lab-doctor", date=str(day), after=after)
    assert result["slots"][0] == f"{day}{first}"


@pytest.mark.parametrize(
    "after", ["9", "0900", "T09:00", "09:00Z", "09:00:00+02:00", "24:00", "09:60", "\u0660\u0669:00", " "]
)
def test_a_list_refuses_other_forms_of_a_time(service, model, after: str) -> None:
    result = run(service, model, "list_slots", business_id="lab-doctor", date=str(FORWARD), after=after)
    assert (result["ok"], result["error"]) == (False, "invalid")


def test_a_day_without_free_times_names_the_next(service, model) -> None:
    sunday = FORWARD  # clocks change on Sundays, when dentists are closed
    result = run(service, model, "list_slots", business_id="bayview-dental-care", date=str(sunday))
    assert result["slots"] == []
    assert result["next"][0] == f"{sunday + timedelta(days=1)}T08:00:00-07:00"


@pytest.mark.parametrize(
    "text", ["{}T17:00:00Z", "{}t17:00:00z", "{} 17:00:00Z", "{} 09:00:00-08:00", "{}t17:00:00.0Z"]
)
def test_forms_of_rfc_3339(service, model, winter_day: str, text: str) -> None:
    text = text.format(winter_day)
    answer = service.book(text, provider_id=PROVIDER)
    assert (answer.status_code, answer.get_json()["starts_at"]) == (201, f"{winter_day}T09:00:00-08:00")
    assert service.client.delete(f"/appointments/{answer.get_json()['id']}").status_code == 204
    booked = run(service, model, "book_appointment", business_id="lab-doctor", starts_at=text)
    assert booked["appointment"]["starts_at"] == f"{winter_day}T09:00:00-08:00"


EXAMPLE = "as in 2030-01-31T09:00:00-08:00"
FORM = f"not an RFC 3339 time of the form YYYY-MM-DDTHH:MM:SS with an offset, {EXAMPLE}"
OFFSET = f"the offset must be Z, or hours and minutes with a colon, {EXAMPLE}"
YEAR = "the year must lie between 2000 and 2100"
NO_DAY = "the calendar has no such day"
CLOCK = "hours go from 00 to 23, minutes and seconds from 00 to 59"
LEAP = "a leap second (:60) is not supported; send the second before or after it"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2027-01-29", f"a time is missing, {EXAMPLE}"),
        ("2027-01-29T09:00:00", f"an offset is missing, {EXAMPLE}"),
        ("2027-01-29T09:00-08:00", f"the seconds are missing, {EXAMPLE}"),
        ("2027-01-29T09:00:00-0800", OFFSET),
        ("2027-01-29T09:00:00-08", OFFSET),
        ("2027-01-29T09:00:00-08:00:30", OFFSET),
        ("2027-01-29T09:00:00+24:00", OFFSET),
        ("2027-01-29T09:00:00+08:60", OFFSET),
        ("2027-W04-5T09:00:00-08:00", FORM),
        ("2027-W04-5", FORM),
        ("2027W045T090000Z", FORM),
        ("2027-029T09:00:00-08:00", FORM),
        ("20270129T090000Z", FORM),
        ("2027-1-29T09:00:00Z", FORM),
        ("2027-01-29T09:00:00,5Z", FORM),
        ("2027-01-29_09:00:00Z", FORM),
        ("2027-01-29\u00a009:00:00Z", FORM),
        ("2027-01-29  09:00:00Z", FORM),
        (" 2027-01-29T09:00:00Z", FORM),
        ("2027-01-29T09:00:00Z\n", FORM),
        ("2027-01-29T09:00:00 Z", FORM),
        ("2027-01-29T09:00:00Z[America/Los_Angeles]", FORM),
        ("2027-01-29T09:00:00\u221208:00", FORM),
        ("\u0662\u0660\u0662\u0667-01-29T09:00:00Z", FORM),
        ("+2027-01-29T09:00:00Z", FORM),
        ("12027-01-29T09:00:00Z", FORM),
        ("1796029200", FORM),
        ("09:00", FORM),
        ("", FORM),
        ("0000-01-01T00:00:00Z", YEAR),
        ("1999-12-31T23:59:59Z", YEAR),
        ("2101-01-01T00:00:00Z", YEAR),
        ("9999-12-31T23:59:59-14:00", YEAR),
        ("2027-06-30T23:59:60Z", LEAP),
        ("2027-06-30T16:59:60-07:00", LEAP),
        ("2027-06-30T23:59:61Z", CLOCK),
        ("2027-01-29T24:00:00Z", CLOCK),
        ("2027-01-29T09:60:00Z", CLOCK),
        ("2027-13-29T09:00:00Z", NO_DAY),
        ("2027-02-29T09:00:00Z", NO_DAY),
        (1796029200, "must be a string"),
        (None, "must be a string"),
    ],
)
def test_other_forms_are_refused_with_what_is_missing(service, text: object, message: str) -> None:
    mine = service.book().get_json()
    book = service.client.post("/appointments", json={"business_id": "lab-doctor", "user_id": "ann", "starts_at": text})
    move = service.client.patch(f"/appointments/{mine['id']}", json={"starts_at": text})
    for answer in (book, move):
        document = answer.get_json()
        assert (answer.status_code, document["type"]) == (422, "/problems/invalid-request"), text
        assert document["errors"] == [{"field": "starts_at", "message": message}]
    assert rows(service) == [mine]


def test_a_tool_says_what_is_missing_too(service, model, winter_day: str) -> None:
    for starts_at, message in (
        (winter_day, f"a time is missing, {EXAMPLE}"),
        ("2027-W04-5T09:00:00-08:00", FORM),
        (f"{winter_day}T09:00:00-0800", OFFSET),
        (f"{winter_day}T23:59:60", LEAP),
    ):
        result = run(service, model, "book_appointment", business_id="lab-doctor", starts_at=starts_at)
        assert result == {"ok": False, "error": "invalid", "detail": message}
    assert rows(service) == []


DAY_FORM = "not a date of the form YYYY-MM-DD, as in 2030-01-31"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2027-1-29", DAY_FORM),
        ("27-01-29", DAY_FORM),
        ("2027-W04-5", DAY_FORM),
        ("2027-029", DAY_FORM),
        ("20270129", DAY_FORM),
        ("\u0662\u0660\u0662\u0667-01-29", DAY_FORM),
        ("2027-02-30", NO_DAY),
        ("0000-01-01", NO_DAY),
    ],
)
def test_other_forms_of_a_day_are_refused(service, model, text: str, message: str) -> None:
    answer = service.client.get("/businesses/lab-doctor/slots", query_string={"date": text})
    assert (answer.status_code, answer.get_json()["errors"]) == (422, [{"field": "date", "message": message}])
    result = run(service, model, "list_slots", business_id="lab-doctor", date=text)
    assert result == {"ok": False, "error": "invalid", "detail": message}

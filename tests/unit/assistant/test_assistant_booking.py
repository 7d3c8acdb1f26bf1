"""No time is booked twice, in any order of parallel requests."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

BUSINESS = "bayview-dental-care"


def at_once(count: int, do) -> list:
    """Run `do(number)` in so many threads that start together; return what each gave."""
    barrier = threading.Barrier(count)
    results: list = [None] * count

    def run(number: int) -> None:
        barrier.wait()
        results[number] = do(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_of_sixty_bookings_at_once_one_gets_the_time(start) -> None:
    service = start(request_budget_seconds=30)
    slot, provider = service.free(BUSINESS), f"{BUSINESS}-1"
    answers = at_once(60, lambda number: service.book(slot, BUSINESS, provider_id=provider, user_id=f"user-{number}"))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 59}
    booked = service.client.get("/appointments", query_string={"business_id": BUSINESS}).get_json()["appointments"]
    assert len(booked) == 1
    assert service.sample("ai_appointments_total", action="booked", kind="dentist") == 1


def test_without_a_wish_for_a_person_as_many_are_booked_as_there_are_people(start) -> None:
    service = start(request_budget_seconds=30)
    slot = service.free(BUSINESS)
    answers = at_once(20, lambda number: service.book(slot, BUSINESS, user_id=f"user-{number}"))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 17}
    assert len({answer.get_json()["provider_id"] for answer in answers if answer.status_code == 201}) == 3


def test_overlapping_appointments_exclude_each_other(service) -> None:
    provider = "quiet-bay-counseling-1"  # appointments of an hour
    slot = datetime.fromisoformat(service.free("quiet-bay-counseling", 4))
    assert service.book(slot.isoformat(), "quiet-bay-counseling", provider_id=provider).status_code == 201
    for minutes, status in ((-60, 201), (-45, 409), (15, 409), (45, 409), (60, 201)):
        other = (slot + timedelta(minutes=minutes)).isoformat()
        assert service.book(other, "quiet-bay-counseling", provider_id=provider).status_code == status, minutes


def test_a_cancelled_time_is_free_again_and_a_moved_one_too(service) -> None:
    slot, later = service.free(number=0), service.free(number=3)
    person = {"provider_id": "lab-doctor-1"}
    first = service.book(slot, **person).get_json()
    assert service.book(slot, **person).status_code == 409
    assert service.client.delete(f"/appointments/{first['id']}").status_code == 204
    second = service.book(slot, **person)
    assert second.status_code == 201
    moved = service.client.patch(f"/appointments/{second.get_json()['id']}", json={"starts_at": later})
    assert moved.status_code == 200
    assert datetime.fromisoformat(moved.get_json()["starts_at"]) == datetime.fromisoformat(later)
    assert service.book(slot, **person).status_code == 201
    assert service.book(later, **person).status_code == 409


def test_moving_onto_a_taken_time_changes_nothing(service) -> None:
    slot, later = service.free(number=0), service.free(number=3)
    mine = service.book(slot, provider_id="lab-doctor-1").get_json()
    assert service.book(later, provider_id="lab-doctor-1").status_code == 201
    assert service.client.patch(f"/appointments/{mine['id']}", json={"starts_at": later}).status_code == 409
    assert service.book(slot, provider_id="lab-doctor-1").status_code == 409


def test_cancelled_appointments_cannot_be_moved_and_cancelling_twice_is_no_error(service) -> None:
    mine = service.book().get_json()
    address = f"/appointments/{mine['id']}"
    assert [service.client.delete(address).status_code for _ in range(2)] == [204, 204]
    assert service.client.patch(address, json={"starts_at": service.free()}).status_code == 404


def test_the_same_key_books_once(service) -> None:
    slot = service.free()
    first, again = service.book(slot, key="k-1"), service.book(slot, key="k-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json()["id"] == again.get_json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    reused = service.book(service.free(number=3), key="k-1")
    assert (reused.status_code, reused.get_json()["type"]) == (422, "/problems/idempotency-key-reused")
    # Another user's key of the same name is another key.
    assert service.book(slot, key="k-1", user_id="bob").status_code == 201


def test_the_same_key_at_once_books_once(start) -> None:
    service = start(request_budget_seconds=30)
    slot = service.free(BUSINESS)
    answers = at_once(12, lambda _: service.book(slot, BUSINESS, key="same"))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 11}
    assert len({answer.get_json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        (lambda: datetime.now(UTC) - timedelta(days=1), "time-past"),
        (lambda: datetime.now(UTC) + timedelta(days=400), "time-too-far"),
        (lambda: datetime(2027, 1, 15, 9, 7, tzinfo=UTC).replace(year=datetime.now(UTC).year + 1), "time-off-grid"),
    ],
)
def test_a_time_that_cannot_be_is_a_problem_with_a_reason(service, when, problem: str) -> None:
    moment = when()
    if problem != "time-off-grid":
        moment = moment.replace(minute=0, second=0, microsecond=0)
    elif moment > datetime.now(UTC) + timedelta(days=366):
        moment = moment.replace(year=moment.year - 1)
    answer = service.book(moment.isoformat())
    assert (answer.status_code, answer.get_json()["type"]) == (422, f"/problems/{problem}")


def test_a_closed_time_names_times_that_are_open(service) -> None:
    sunday = datetime.now(UTC) + timedelta(days=(6 - datetime.now(UTC).weekday()) % 7 + 7)
    answer = service.book(sunday.replace(hour=20, minute=0, second=0, microsecond=0).isoformat(), BUSINESS)
    document = answer.get_json()
    assert (answer.status_code, document["type"]) == (422, "/problems/time-closed")
    assert len(document["alternatives"]) == 3
    assert service.book(document["alternatives"][0], BUSINESS).status_code == 201


def test_appointments_are_listed_page_by_page(service) -> None:
    slots = [service.free(number=number) for number in range(5)]
    for slot in slots:
        assert service.book(slot, provider_id="lab-doctor-1").status_code == 201
    seen, after = [], None
    for _ in range(10):
        query = {"user_id": "ann", "limit": 2} | ({"after": after} if after else {})
        page = service.client.get("/appointments", query_string=query).get_json()
        seen += [appointment["starts_at"] for appointment in page["appointments"]]
        after = page["next"]
        if after is None:
            break
    assert seen == slots


def test_the_probe_is_no_business(service) -> None:
    service.book()
    total = sum(
        sample.value
        for family in service.telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "ai_appointments_total"
    )
    assert total == 0
    labels = {"route": "/appointments", "outcome": "ok", "business_id": "lab-doctor"}
    assert service.sample("ai_requests_total", **labels) == 1


def test_moves_at_once_wait_for_each_other(start) -> None:
    """A transaction that reads before it writes must announce that at its start, or SQLite refuses it at once."""
    service = start(request_budget_seconds=30)
    slots = [service.free(number=number) for number in range(24)]
    mine = [service.book(slot, provider_id="lab-doctor-1").get_json()["id"] for slot in slots[:12]]
    answers = at_once(
        12, lambda number: service.client.patch(f"/appointments/{mine[number]}", json={"starts_at": slots[12 + number]})
    )
    assert Counter(answer.status_code for answer in answers) == {200: 12}

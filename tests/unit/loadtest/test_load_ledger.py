"""What users were reported against what is kept."""

import json

from loadtest.users.ledger import Ledger


def kept(*rows: tuple[str, str]) -> list[dict[str, str]]:
    return [{"id": name, "status": status} for name, status in rows]


def reported() -> Ledger:
    ledger = Ledger()
    ledger.join("ann")
    ledger.found(["old"])
    ledger.record("a", "booked")
    ledger.record("b", "booked")
    ledger.record("b", "cancelled")
    return ledger


def test_everything_as_reported_is_no_difference() -> None:
    difference = reported().compare(kept(("old", "cancelled"), ("a", "booked"), ("b", "cancelled")))
    assert difference.none
    assert (difference.confirmed, difference.kept) == (2, 2)


def test_a_lost_booking_is_named() -> None:
    difference = reported().compare(kept(("b", "cancelled")))
    assert difference.lost == ("a",)
    assert not difference.none


def test_a_booking_that_was_cancelled_behind_the_back_is_named() -> None:
    difference = reported().compare(kept(("a", "cancelled"), ("b", "cancelled")))
    assert difference.wrong_status == ("a",)
    assert not difference.none


def test_a_orphan_is_explained_only_by_an_answer_that_never_came() -> None:
    rows = kept(("a", "booked"), ("b", "cancelled"), ("c", "booked"))
    ledger = reported()
    assert ledger.compare(rows).orphans == ("c",)
    assert not ledger.compare(rows).none
    ledger.unanswered = 1
    assert ledger.compare(rows).none


def test_a_cancellation_without_an_answer_may_have_worked_or_not() -> None:
    ledger = reported()
    ledger.begin_request("a")
    again = Ledger.read(json.loads(json.dumps(ledger.document())))
    for status in ("booked", "cancelled"):
        assert again.compare(kept(("a", status), ("b", "cancelled"))).none
    assert not again.compare(kept(("b", "cancelled"))).none


def test_an_answer_that_came_leaves_no_doubt() -> None:
    ledger = reported()
    ledger.begin_request("a")
    ledger.end_request("a")
    assert ledger.unanswered == 0
    assert ledger.compare(kept(("a", "cancelled"), ("b", "cancelled"))).wrong_status == ("a",)
    ledger.begin_request("a")
    ledger.record("a", "cancelled")
    assert ledger.compare(kept(("a", "booked"), ("b", "cancelled"))).wrong_status == ("a",)


def test_a_ledger_survives_its_file() -> None:
    ledger = reported()
    ledger.unanswered = 3
    ledger.unsure = {"a"}
    again = Ledger.read(json.loads(json.dumps(ledger.document())))
    assert again == Ledger(users={"ann"}, before={"old"}, confirmed=ledger.confirmed, unsure={"a"}, unanswered=3)


def test_users_without_an_end_are_counted_and_not_kept() -> None:
    ledger = Ledger(keeping=False)
    ledger.join("ann")
    ledger.found(["old"])
    ledger.record("a", "booked")
    ledger.record("a", "cancelled")
    assert (ledger.confirmations, ledger.cancellations) == (1, 1)
    assert (ledger.users, ledger.before, ledger.confirmed) == (set(), set(), {})

"""What users of a run were reported, compared through the assistant's API page by page, as a row of the report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.query import Endpoints, Lab
from lab.scenarios.judge import bookings
from loadtest.users.ledger import Ledger
from tests.support.servers.stub_server import StubServer, serving

MANY = 450


class Desk:
    """Keeps many appointments of one user, and lists them page by page."""

    def __init__(self, server: StubServer) -> None:
        self.rows = [{"id": f"a{number:03}", "status": "booked"} for number in range(MANY)]
        server.react("GET", "/appointments", self.listed)

    def listed(self, request: dict[str, Any]) -> tuple[int, Any]:
        if request["params"]["user_id"] != "ann":
            return 200, {"appointments": [], "next": None}
        ids = [row["id"] for row in self.rows]
        limit, after = int(request["params"]["limit"]), request["params"].get("after")
        first = ids.index(after) + 1 if after else 0
        page = self.rows[first : first + limit]
        return 200, {"appointments": page, "next": page[-1]["id"] if first + limit < len(ids) else None}


@pytest.fixture
def server() -> Iterator[StubServer]:
    with serving() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    ledger = Ledger()
    for user in ("ann", "ben"):
        ledger.join(user)
    for number in range(MANY):
        ledger.record(f"a{number:03}", "booked")
    path = tmp_path / "run.ledger.json"
    path.write_text(json.dumps(ledger.document()))
    return path


def lab(server: StubServer) -> Lab:
    return Lab(Endpoints({"assistant": server.url}))


def test_all_kept_is_a_good_row_and_the_file_goes(server: StubServer, file: Path) -> None:
    Desk(server)
    row = bookings.check_bookings(lab(server), file)
    assert row.ok
    assert row.seen == f"all {MANY} are kept"
    assert not file.exists()


def test_what_is_lost_changed_or_too_much_is_named_and_the_file_stays(server: StubServer, file: Path) -> None:
    desk = Desk(server)
    desk.rows[7]["status"] = "cancelled"
    del desk.rows[449], desk.rows[3]
    desk.rows.append({"id": "new", "status": "booked"})
    row = bookings.check_bookings(lab(server), file)
    assert not row.ok
    assert row.seen == "of 450: 2 lost (a003, a449); 1 of another status (a007); 1 unconfirmed (new)"
    assert file.exists()


def test_a_missing_file_or_assistant_is_no_good_row(server: StubServer, file: Path, tmp_path: Path) -> None:
    assert not bookings.check_bookings(lab(server), tmp_path / "none.json").ok
    server.answer("GET", "/appointments", {"detail": "away"}, 503)
    row = bookings.check_bookings(lab(server), file)
    assert (row.ok, row.seen.startswith("cannot be compared: ")) == (False, True)

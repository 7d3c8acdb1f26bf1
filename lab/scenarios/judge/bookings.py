"""Checks that the assistant stores the appointments that it confirmed to users of a run, and no others."""

import json
from pathlib import Path
from typing import Any

from lab.query import Lab, QueryError
from lab.scenarios.judge.verdict import Check
from loadtest.users.ledger import Difference, Ledger

_PAGE_SIZE = 200
_MAX_IDS = 3
_WHAT = "bookings confirmed to the scenario's users"


def check_bookings(lab: Lab, ledger_file: Path) -> Check:
    """Return the check of the confirmed bookings; delete the ledger file when it passes."""
    expected = "stored as confirmed, and no others"
    try:
        difference = settle(lab, ledger_file)
    except QueryError as error:
        return Check(_WHAT, expected, f"cannot be compared: {error}", False)
    if difference is None:
        return Check(_WHAT, expected, "not known: the users left without writing it down", False)
    if difference.none:
        ledger_file.unlink(missing_ok=True)
        orphans = f", {len(difference.orphans)} without an answer" if difference.orphans else ""
        return Check(_WHAT, expected, f"all {difference.confirmed} are kept{orphans}", True)
    kinds = {"lost": difference.lost, "of another status": difference.wrong_status}
    if len(difference.orphans) > difference.unanswered:
        kinds["unconfirmed"] = difference.orphans
    parts = (f"{len(ids)} {name} ({', '.join(ids[:_MAX_IDS])})" for name, ids in kinds.items() if ids)
    return Check(_WHAT, expected, f"of {difference.confirmed}: {'; '.join(parts)}", False)


def settle(lab: Lab, ledger_file: Path) -> Difference | None:
    """Return the difference between the confirmations of a run and the assistant's lists; None without a ledger.

    Raises:
        QueryError: the assistant did not respond.
    """
    try:
        ledger = Ledger.read(json.loads(ledger_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError):
        return None
    return ledger.compare(row for user in sorted(ledger.users) for row in _appointments(lab, user))


def _appointments(lab: Lab, user: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    params = {"user_id": user, "limit": str(_PAGE_SIZE)}
    while True:
        page = lab.assistant.json("GET", "/appointments", params=params)
        rows += page["appointments"]
        if not page.get("next"):
            return rows
        params["after"] = page["next"]

"""Whether every appointment that was confirmed to a user of the run is kept, and none that was not."""

import json
from pathlib import Path
from typing import Any

from lab.query import Lab, QueryError
from lab.scenarios.verdict import Row
from loadtest.ledger import Difference, Ledger

_PAGE = 200
_MOST_NAMED = 3
_WHAT = "bookings confirmed to the scenario's users"


def row(lab: Lab, ledger_file: Path) -> Row:
    """Return the verdict on what was confirmed; the file stays where something is wrong."""
    expected = "kept as the users were told, and no others"
    try:
        difference = settle(lab, ledger_file)
    except QueryError as error:
        return Row(_WHAT, expected, f"cannot be compared: {error}", False)
    if difference is None:
        return Row(_WHAT, expected, "not known: the users left without writing it down", False)
    if difference.none:
        ledger_file.unlink(missing_ok=True)
        strays = f", {len(difference.strays)} without an answer" if difference.strays else ""
        return Row(_WHAT, expected, f"all {difference.confirmed} are kept{strays}", True)
    kinds = {"lost": difference.lost, "of another status": difference.wrong_status}
    if len(difference.strays) > difference.unanswered:
        kinds["told to nobody"] = difference.strays
    told = (f"{len(ids)} {name} ({', '.join(ids[:_MOST_NAMED])})" for name, ids in kinds.items() if ids)
    return Row(_WHAT, expected, f"of {difference.confirmed}: {'; '.join(told)}", False)


def settle(lab: Lab, ledger_file: Path) -> Difference | None:
    """Compare what the users of a run were told with what the assistant lists; None where nobody wrote that down.

    Raises:
        QueryError: the assistant does not answer.
    """
    try:
        ledger = Ledger.read(json.loads(ledger_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError):
        return None
    return ledger.compare(row for user in sorted(ledger.users) for row in _appointments(lab, user))


def _appointments(lab: Lab, user: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    params = {"user_id": user, "limit": str(_PAGE)}
    while True:
        page = lab.assistant.json("GET", "/appointments", params=params)
        rows += page["appointments"]
        if not page.get("next"):
            return rows
        params["after"] = page["next"]

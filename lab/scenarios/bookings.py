"""Whether every appointment that was confirmed to a user of the run is kept, and none that was not."""

import json
from pathlib import Path
from typing import Any

from lab.query import Lab
from loadtest.ledger import Difference, Ledger

_PAGE = 200


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

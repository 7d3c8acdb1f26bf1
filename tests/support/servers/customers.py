"""Customers for tests: small plain clients of the assistant's public API."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx


@dataclass
class Customer:
    """Talks to the assistant; keeps its conversation and the trace id of each answer."""

    url: str
    business_id: str | None = None
    user_id: str | None = None
    conversation_id: str | None = None
    trace_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def say(self, message: str) -> dict[str, Any]:
        """One turn; the answer must be 200."""
        named = {"business_id": self.business_id, "user_id": self.user_id, "conversation_id": self.conversation_id}
        body = {"message": message} | {key: value for key, value in named.items() if value is not None}
        answer = self.client.post("/chat", json=body)
        assert answer.status_code == 200, answer.text
        reply: dict[str, Any] = answer.json()
        self.conversation_id = reply["conversation_id"]
        self.trace_ids.append(reply["trace_id"])
        return reply


def some_business(url: str, kind: str = "hair") -> dict[str, Any]:
    """The first business of a kind."""
    found = httpx.get(f"{url}/businesses", params={"kind": kind, "limit": 1}, timeout=10).json()["businesses"]
    business: dict[str, Any] = found[0]
    return business


def free_slot(url: str, business_id: str, days_ahead: int = 2) -> str:
    """Start of a free appointment of a business, the first one some days from now."""
    for ahead in range(days_ahead, days_ahead + 8):
        day = (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()
        slots = httpx.get(f"{url}/businesses/{business_id}/slots", params={"date": day}, timeout=10).json()["slots"]
        if slots:
            slot: Any = slots[0]
            return str(slot["starts_at"]) if isinstance(slot, dict) else str(slot)
    raise AssertionError(f"{business_id} has no free time within eight days")

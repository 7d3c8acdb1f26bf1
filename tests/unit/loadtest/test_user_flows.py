"""What the simulated customers do to an assistant, seen from the assistant's side."""

import itertools
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from loadtest.users.ledger import Ledger
from tests.support.servers.stub_server import StubServer, serving

FALLBACK = {"conversation_id": "c", "message_id": "m", "reply": "", "handoff": False, "appointment": None}
SCRIPT = Path(__file__).parent / "people_script.py"


class Assistant:
    """Books on the third message, cancels on the second wish; can be reported to fail."""

    def __init__(self, server: StubServer) -> None:
        self.booked: dict[str, dict[str, Any]] = {}
        self.failing = False
        self.turns: dict[str, int] = {}
        kinds = ("hair", "dentist", "doctor", "therapist")
        rows = [{"id": f"b{number:02}", "kind": kinds[number % 4]} for number in range(12)]
        self.server = server
        server.answer(
            "GET",
            "/businesses",
            {"businesses": rows},
        )
        for row in rows:
            server.answer("GET", f"/businesses/{row['id']}/slots", {"slots": []})
        server.answer("POST", "/predict", {"prediction": "show"})
        server.answer("POST", "/track", {"id": "1"}, 202)
        server.answer("POST", "/feedback", {"id": "1"}, 201)
        server.react("POST", "/chat", self.chat)
        server.react("GET", "/appointments", self.appointments)

    def chat(self, request: dict[str, Any]) -> tuple[int, Any]:
        body = json.loads(request["body"])
        conversation = body.get("conversation_id") or uuid.uuid4().hex
        answer = {"conversation_id": conversation, "message_id": "m", "reply": "", "handoff": False}
        if self.failing:
            return 200, answer | {"outcome": "fallback", "appointment": None}
        turn = self.turns[conversation] = self.turns.get(conversation, 0) + 1
        own = [one for one in self.booked.values() if one["user"] == body["user_id"] and one["status"] == "booked"]
        appointment = None
        if "cancel" in body["message"].lower() and own:
            if body["message"].startswith("Yes"):
                appointment = own[0]
                appointment["status"] = "cancelled"
        elif turn == 3:
            appointment = {"id": uuid.uuid4().hex, "user": body["user_id"], "status": "booked"}
            appointment["business_id"] = body["business_id"]
            self.booked[appointment["id"]] = appointment
            self.server.react("DELETE", f"/appointments/{appointment['id']}", self.cancel)
        return 200, answer | {"outcome": "ok", "appointment": appointment}

    def appointments(self, request: dict[str, Any]) -> tuple[int, Any]:
        if "business_id" in request["params"]:
            return 200, {"appointments": [], "next": None}
        user, limit = request["params"]["user_id"], int(request["params"].get("limit", 50))
        rows = [one for one in self.booked.values() if one["user"] == user]
        first = 1 + [one["id"] for one in rows].index(request["params"]["after"]) if "after" in request["params"] else 0
        page = rows[first : first + limit]
        return 200, {"appointments": page, "next": page[-1]["id"] if len(rows) > first + limit else None}

    def cancel(self, request: dict[str, Any]) -> tuple[int, Any]:
        self.booked[request["path"].rsplit("/", 1)[1]]["status"] = "cancelled"
        return 204, {}


def live(server: StubServer, steps: int, kind: str = "BaselineUser", **environment: str) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), server.url, str(steps), kind]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(root), "PATH": "", **environment},
        timeout=60,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def steady() -> tuple[Assistant, dict[str, Any]]:
    """A good while of baseline traffic; something was left booked by an earlier life."""
    with serving() as server:
        assistant = Assistant(server)
        assistant.booked["old"] = {"id": "old", "user": "baselineuser-0", "status": "booked", "business_id": "b00"}
        server.react("DELETE", "/appointments/old", assistant.cancel)
        return assistant, live(server, 110)


def test_people_book_read_and_cancel_without_a_failure(steady: tuple[Assistant, dict[str, Any]]) -> None:
    assistant, seen = steady
    assert (seen["failures"], seen["errors"]) == (0, [])
    assert set(seen["names"]) <= {
        "businesses", "chat", "slots", "appointments", "appointments: cancel", "predict", "feedback", "track",
    }  # fmt: skip
    assert len(assistant.booked) > 20


def test_people_leave_nothing_behind_and_keep_to_their_own_businesses(
    steady: tuple[Assistant, dict[str, Any]],
) -> None:
    assistant, _ = steady
    asked = [
        (one["method"], one["path"])
        for one in assistant.server.asked
        if "baselineuser-0" in str(one) or one["path"] == "/appointments/old"
    ]
    assert asked.index(("DELETE", "/appointments/old")) < asked.index(("POST", "/chat"))
    still = [one for one in assistant.booked.values() if one["status"] == "booked"]
    assert len(still) <= 4  # at most the one that each of the four is busy with
    owners: dict[str, set[str]] = {}
    for one in assistant.booked.values():
        owners.setdefault(one["business_id"], set()).add(one["user"])
    assert not {"lab-doctor", "lab-journey"} & set(owners)
    assert all(len(users) == 1 for users in owners.values())  # no one takes another one's free time


def test_locust_forgets_old_seconds_and_four_people_make_about_two_requests_a_second(
    steady: tuple[Assistant, dict[str, Any]],
) -> None:
    _, seen = steady
    assert seen["seconds_before"] >= 1
    assert seen["seconds_after"] == 0
    # A chat takes the assistant about half a second, every other request next to nothing.
    assert 1.6 <= 4 / (seen["mean_wait"] + 0.5 * seen["names"]["chat"] / seen["requests"]) <= 2.4


def test_an_outage_is_counted_as_failed_and_people_ask_again() -> None:
    with serving() as server:
        assistant = Assistant(server)
        assistant.failing = True
        seen = live(server, 60)
    assert seen["errors"] == ["CatchResponseError('fallback')"] or "fallback" in seen["errors"][0]
    assert len(seen["errors"]) == 1
    assert seen["failures"] == seen["names"]["chat"]
    assert seen["failures"] > seen["requests"] / 2
    ratings = [json.loads(one["body"])["stars"] for one in server.asked_for("POST", "/feedback")]
    assert len(ratings) > 5
    assert set(ratings) <= {1, 2}


def test_an_assistant_that_is_away_ends_no_life() -> None:
    with serving() as server:
        seen = live(server, 3)
    assert seen["names"] == {"businesses": 12}
    assert seen["failures"] == 12
    assert seen["mean_wait"] == 2.0


def test_numbers_of_who_left_are_given_again(steady: tuple[Assistant, dict[str, Any]]) -> None:
    _, seen = steady
    assert seen["numbers"] == [0, 1, 2, 3, 1, 2, 4]


def test_a_customer_with_a_long_past_leaves_nothing_booked() -> None:
    """The list of an old customer is longer than a page, and what was just booked is at its end."""
    with serving() as server:
        assistant = Assistant(server)
        for number in range(450):
            name = f"past{number:03}"
            assistant.booked[name] = {"id": name, "user": "baselineuser-0", "status": "cancelled", "business_id": "b00"}
        assistant.booked["past449"]["status"] = "booked"
        server.react("DELETE", "/appointments/past449", assistant.cancel)
        live(server, 60)
    own = [one for one in assistant.booked.values() if one["user"] == "baselineuser-0"]
    assert assistant.booked["past449"]["status"] == "cancelled"
    assert len(own) > 453
    assert sum(one["status"] == "booked" for one in own) <= 1


def test_hesitant_people_talk_much_and_book_seldom_and_impatient_ones_book_at_once() -> None:
    def shares(kind: str) -> tuple[float, float]:
        with serving() as server:
            assistant = Assistant(server)
            seen = live(server, 50, kind)
            conversations = len(assistant.turns)
        assert seen["failures"] == 0
        return len(assistant.booked) / conversations, seen["names"]["chat"] / conversations

    hesitant, impatient = shares("Hesitant"), shares("Impatient")
    assert hesitant[0] < 0.75
    assert impatient[0] > 0.85


def test_an_impatient_person_asks_again_for_every_answer_that_failed() -> None:
    with serving() as server:
        assistant = Assistant(server)
        real, calls = assistant.chat, itertools.count()
        # Every second answer is a fallback reply.
        server.react(
            "POST", "/chat", lambda one: (200, FALLBACK | {"outcome": "fallback"}) if next(calls) % 2 else real(one)
        )
        live(server, 60, "Impatient")
        said = [json.loads(one["body"]) for one in server.asked_for("POST", "/chat")]
    of_one = [one["message"] for one in said if one["user_id"] == "impatient-0"]
    again = sum(one == other for one, other in itertools.pairwise(of_one))
    assert again > len(of_one) / 4


def test_an_owner_reads_lists_and_changes_nothing() -> None:
    with serving() as server:
        assistant = Assistant(server)
        seen = live(server, 30, "Owner")
    assert set(seen["names"]) == {"businesses", "appointments: of a business", "slots"}
    assert seen["failures"] == 0
    assert assistant.booked == {}


def test_a_run_with_an_end_writes_down_what_users_were_reported() -> None:
    with serving() as server:
        assistant = Assistant(server)
        assistant.booked["old"] = {"id": "old", "user": "steady-customer-0", "status": "cancelled", "business_id": "b"}
        seen = live(server, 60, "Customer", LAB_SCENARIO="steady", LAB_LEDGER="somewhere")
    ledger = Ledger.read(seen["ledger"])
    assert "steady-customer-3" in ledger.users
    assert ledger.before == {"old"}
    assert len(ledger.confirmed) > 10
    assert ledger.compare(assistant.booked.values()).none
    lost = next(iter(ledger.confirmed))
    del assistant.booked[lost]
    assert ledger.compare(assistant.booked.values()).lost == (lost,)

"""How people really write: the 551 conversations of the Schema-Guided Dialogue data, against the whole lab."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.settings import ROOT
from tests.support.labs.running import RunningLab

DATA = ROOT.parent / "shared" / "data" / "booking-dialogues.jsonl"
COUNT = 551


def conversations(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.skipif(not DATA.exists(), reason="the real conversations (../shared/data) are not on this machine")
def test_real_conversations_meet_no_server_error(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    prometheus = quiet_lab.lab.prometheus
    found = conversations(DATA)
    assert len(found) == COUNT

    def replay(dialogue: dict[str, Any]) -> tuple[list[str], bool]:
        wrong, booked = [], False
        body: dict[str, Any] = {"user_id": f"sgd-{dialogue['id']}"}
        with httpx.Client(base_url=url, timeout=60) as client:
            for turn in dialogue["turns"]:
                if turn["speaker"] != "user":
                    continue
                answer = client.post("/chat", json={**body, "message": turn["text"]})
                if answer.status_code != httpx.codes.OK or answer.json()["outcome"] != "ok":
                    wrong.append(f"{dialogue['id']}: {answer.status_code} {answer.text[:200]}")
                    break
                reply = answer.json()
                body["conversation_id"] = reply["conversation_id"]
                booked = booked or bool(reply["appointment"])
        return wrong, booked

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(replay, found))

    assert [fault for faults, _ in results for fault in faults] == []
    assert prometheus.value('sum(ai_requests_total{job="assistant", outcome!="ok"})') == 0
    # Their cities and dates are of 2019, and the lab has businesses of its own: many cannot end in a booking.
    assert sum(booked for _, booked in results) > 0

"""What all of these tests share: runs that look several times more often than a real one, so that they wait less."""

import pytest


@pytest.fixture(autouse=True)
def quick_eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.scenarios.run.session._TICK", 0.05)
    monkeypatch.setattr("lab.scenarios.observe.observer._EFFECTS_INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr("lab.scenarios.drill.resolution_watcher._INTERVAL_SECONDS", 0.1)

"""A scenario breaks the lab, the pager is notified in time, and all is healthy afterwards."""

import json
import re
from pathlib import Path

from tests.support.labs.running import RunningLab

PAGE_SECONDS = 60


def test_an_outage_of_the_provider_pages_within_a_minute_and_resolves(running_lab: RunningLab, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    done = running_lab.run("scenario", "run", "provider-outage", "--quick", "--report", str(report), timeout=400)

    for moment in ("fault on", "pending", "firing", "notified", "fault off", "resolved"):
        assert re.search(rf"^ +\d+\.\d s +{moment}", done.stdout, re.MULTILINE), done.stdout
    content = json.loads(report.read_text())
    assert content["outcome"] == "passed"
    page = next(page for page in content["pages"] if page["alert"] == "ErrorRateCritical")
    assert page["theoretical_minimum"] * 0.5 < page["notified"] <= PAGE_SECONDS
    incident = next(one for one in running_lab.lab.pager.incidents() if one.alert == "ErrorRateCritical")
    assert incident.status == "resolved"
    assert running_lab.lab.model.faults() == []


def test_an_unknown_scenario_offers_the_nearest_name(running_lab: RunningLab) -> None:
    done = running_lab.run("scenario", "run", "provider-outtage", check=False)

    assert done.returncode == 2
    assert "provider-outage" in done.stderr

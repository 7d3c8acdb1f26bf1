"""The JSON report of a run or a drill."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.files import write_atomically
from lab.scenarios.observe.timeline import Timeline


def path_for(home: Path, name: str, started_at: float) -> Path:
    """Return the default path of a report."""
    return home / "reports" / f"{name}-{datetime.fromtimestamp(started_at, UTC):%Y%m%dT%H%M%SZ}.json"


def timeline_content(timeline: Timeline) -> dict[str, Any]:
    """Return the fields of a report with the start and the events of a run."""
    return {
        "started_at": _text(timeline.started_at),
        "timeline": [
            {
                "seconds": round(timeline.seconds(event.at), 2),
                "at": _text(event.at),
                "event": event.kind,
                "alert": event.alert or None,
                "text": event.text,
            }
            for event in timeline.events
        ],
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a report in one step, so that no reader finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The report of a run: one JSON file."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.scenarios.observe.timeline import Timeline


def path_for(home: Path, name: str, started_at: float) -> Path:
    """Return the default path of a run's report."""
    return home / "reports" / f"{name}-{datetime.fromtimestamp(started_at, UTC):%Y%m%dT%H%M%SZ}.json"


def write(path: Path, content: dict[str, Any], timeline: Timeline) -> None:
    """Write the report in one step, so that a reader never sees half of it."""
    document = content | {
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
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

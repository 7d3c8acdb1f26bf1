"""Traces read the same from Tempo's answer and from the Collector's span file, and trees hold what was sent."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from lab.query import ServerMissing, SpanFile, Trace
from lab.query.traces import clean_trace_id, spans_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "ffffffffffffffffffffffffffffff01"
ROOT, CHILD, LEAF = "b7ad6b7169203331", "00f067aa0ba902b7", "1111111111111111"
START = 1_790_000_000_123_456_789


def span_row(span_id: str, parent: str, name: str, start_ms: int, ms: int, *, trace: str = TRACE) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(START + start_ms * 1_000_000),
        "endTimeUnixNano": str(START + (start_ms + ms) * 1_000_000),
        "attributes": [
            {"key": "n", "value": {"intValue": "42"}},
            {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}}},
        ],
        "status": {"code": 2, "message": "boom"},
        "events": [{"timeUnixNano": str(START), "name": "exception", "attributes": []}],
    }


def document(*rows: dict[str, Any], service: str = "assistant") -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(rows)}]}]}


def as_tempo(doc: dict[str, Any]) -> dict[str, Any]:
    """The same document with base64 ids and names for numbers, as protobuf's JSON has them."""
    text = json.loads(json.dumps(doc))
    for row in text["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for key in ("traceId", "spanId", "parentSpanId"):
            row[key] = base64.b64encode(bytes.fromhex(row[key])).decode()
        row["kind"], row["status"]["code"] = "SPAN_KIND_SERVER", "STATUS_CODE_ERROR"
    return text


def test_both_encodings_give_the_same_spans() -> None:
    doc = document(span_row(ROOT, "", "POST /chat", 0, 20), span_row(CHILD, ROOT, "decide", 1, 5))
    from_file, from_tempo = list(spans_of(doc)), list(spans_of(as_tempo(doc)))
    assert from_file == from_tempo
    root, child = from_file
    assert (root.parent_id, child.parent_id) == (None, ROOT)
    assert (root.kind, root.status, root.status_message) == ("server", "error", "boom")
    assert root.attributes == {"n": 42, "list": ["a", True]}
    assert root.duration == pytest.approx(0.020)
    assert root.start == pytest.approx(START / 1e9, abs=1e-6)


def test_tree_has_each_span_once_below_its_parent() -> None:
    doc = document(
        span_row(LEAF, CHILD, "leaf", 2, 1), span_row(ROOT, "", "root", 0, 20), span_row(CHILD, ROOT, "child", 1, 5)
    )
    trace = Trace.of(TRACE, spans_of(doc))
    assert trace is not None
    assert [(depth, span.name) for depth, span in trace.walk()] == [(0, "root"), (1, "child"), (2, "leaf")]
    assert trace.duration == pytest.approx(0.020)
    assert trace.find("ch", service="assistant")[0].span_id == CHILD
    assert trace.find("ch", service="model") == ()


def test_a_span_whose_parent_is_missing_is_a_root_and_a_ring_ends() -> None:
    orphan = Trace.of(TRACE, spans_of(document(span_row(CHILD, ROOT, "child", 1, 5))))
    assert orphan is not None
    assert [span.name for span in orphan.roots()] == ["child"]
    ring = document(
        span_row(ROOT, "", "root", 0, 9), span_row(CHILD, LEAF, "a", 1, 1), span_row(LEAF, CHILD, "b", 1, 1)
    )
    trace = Trace.of(TRACE, spans_of(ring))
    assert trace is not None
    assert [span.name for _, span in trace.walk()] == ["root"]


def write(path: Path, *documents: dict[str, Any], rest: str = "") -> None:
    path.write_text("".join(json.dumps(doc) + "\n" for doc in documents) + rest)


def test_span_file_joins_lines_and_a_rotated_file(tmp_path: Path) -> None:
    old, new = tmp_path / "spans-2026-11-22T10-00-00.000.jsonl", tmp_path / "spans.jsonl"
    write(old, document(span_row(ROOT, "", "root", 0, 20)), document(span_row(ROOT, "", "x", 0, 1, trace=OTHER)))
    write(
        new,
        document(span_row(LEAF, "", "x", 0, 1, trace=OTHER)),
        document(span_row(CHILD, ROOT, "child", 1, 5), service="model"),
        document(span_row(LEAF, CHILD, "leaf", 2, 1)),
    )
    trace = SpanFile(tmp_path).get(TRACE)
    assert trace is not None
    assert [span.name for span in trace.spans] == ["root", "child", "leaf"]
    assert trace.services == ("assistant", "model")


def test_span_file_tolerates_a_line_still_being_written(tmp_path: Path) -> None:
    whole = json.dumps(document(span_row(CHILD, ROOT, "child", 1, 5)))
    write(tmp_path / "spans.jsonl", document(span_row(ROOT, "", "root", 0, 20)), rest=whole[: len(whole) // 2])
    trace = SpanFile(tmp_path).get(TRACE)
    assert trace is not None
    assert [span.name for span in trace.spans] == ["root"]


def test_span_file_knows_nothing_of_other_ids_empty_files_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "spans.jsonl").touch()
    assert SpanFile(tmp_path).get(TRACE) is None
    write(tmp_path / "spans-1.jsonl", document(span_row(ROOT, "", "root", 0, 20)))
    assert SpanFile(tmp_path).get(OTHER) is None
    with pytest.raises(ServerMissing, match="collector"):
        SpanFile(tmp_path / "none").get(TRACE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (TRACE.upper(), TRACE),
        (f" {TRACE}\n", TRACE),
        (f"00-{TRACE}-{ROOT}-01", TRACE),
        ("abc", "abc".zfill(32)),
    ],
)
def test_ids_are_cleaned(given: str, expected: str) -> None:
    assert clean_trace_id(given) == expected


@pytest.mark.parametrize("given", ["", "xyz", TRACE + "00", "../../etc"])
def test_what_is_no_id_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="is not a trace id"):
        clean_trace_id(given)

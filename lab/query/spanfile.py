"""Traces from the Collector's rotating span file, which has the last hours, for a lab without Tempo."""

import json
import mmap
from collections.abc import Iterator
from pathlib import Path

from lab.query.errors import ServerMissing
from lab.query.traces import Span, Trace, clean_trace_id, spans_of


class SpanFile:
    """A folder of `spans*.jsonl`, each line one OTLP JSON document, as a TraceSource."""

    name = "span file"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, trace_id: str) -> Trace | None:
        """Return one trace, or None if no file has it.

        A rotation can cut a trace in two, so the file before the one with the first hit is read as well.
        """
        wanted = clean_trace_id(trace_id)
        paths = self.files()
        found = self._search(paths, wanted)
        if not found and (again := self.files()) != paths:  # rotated meanwhile
            found = self._search(again, wanted)
        return Trace.of(wanted, found)

    def _search(self, paths: list[Path], wanted: str) -> list[Span]:
        found: list[Span] = []
        for path in paths:
            had_some = bool(found)
            found.extend(span for line in _lines_with(path, wanted.encode()) for span in _spans(line))
            if had_some:
                break
        return found

    def files(self) -> list[Path]:
        """Return the files, the newest first.

        Raises:
            ServerMissing: there is no folder.
        """
        if not self.folder.is_dir():
            raise ServerMissing("collector", str(self.folder), "it has not written any span file yet")
        aged = []
        for path in self.folder.glob("spans*.jsonl"):
            try:
                aged.append((path.stat().st_mtime, path))
            except FileNotFoundError:  # rotated away between the two calls
                continue
        return [path for _, path in sorted(aged, reverse=True)]


def _lines_with(path: Path, needle: bytes) -> Iterator[bytes]:
    """Yield the lines that contain `needle`, the last ones first, without reading the whole file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            end = len(content)
            while (at := content.rfind(needle, 0, end)) >= 0:
                first = content.rfind(b"\n", 0, at) + 1
                last = content.find(b"\n", at)
                yield content[first : last if last >= 0 else len(content)]
                end = first
    except (FileNotFoundError, ValueError):  # rotated away, or empty: nothing to find
        return


def _spans(line: bytes) -> Iterator[Span]:
    """Yield the spans of one line; an incomplete last line has none."""
    try:
        yield from spans_of(json.loads(line))
    except (ValueError, KeyError, AttributeError):
        return

"""Downloads a file: resumes after an interruption, reports progress, fails early when a host does not answer."""

import errno
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from lab.engines.native.install.network import (
    FINAL,
    Limits,
    UnavailableError,
    Watcher,
    check_reachable,
    client,
    first_line,
    require_https,
)
from lab.errors import LabError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskFullError(LabError):
    """The disk is full: no other source would help."""


@contextmanager
def report_full_disk(folder: Path, need: Callable[[], int], *partial: Path) -> Iterator[None]:
    """Raise an error with the sizes if the disk gets full, and delete partial files.

    Args:
        folder: on that disk.
        need: returns the bytes that are needed there.
        partial: files to delete.

    Raises:
        DiskFullError: the disk was full.
    """
    free = shutil.disk_usage(folder).free
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        for file in partial:
            file.unlink(missing_ok=True)
        raise DiskFullError(
            f"The disk is full: {folder} needs {_megabytes(need())} MB, and {_megabytes(free)} were free.",
            "Make room there, or name a folder on another disk with LAB_CACHE.",
        ) from error


class Download:
    """A download of one file into `target`. After a failure, `fetch` may be called again: it resumes."""

    def __init__(self, url: str, target: Path, watcher: Watcher, limits: Limits) -> None:
        self.url = url
        self.target = target
        self.resumed = False
        self._watcher = watcher
        self._limits = limits
        # URL and validator of the partial file, to check that the rest fits (RFC 9110, 13.1.5).
        self._validator = target.with_name(f"{target.name}.json")
        self._total: int | None = None

    def fetch(self) -> None:
        """Download the rest of the file.

        Raises:
            UnavailableError: no host answers, the server refuses, or the download fails repeatedly.
            DiskFullError: the disk is full; the partial file is deleted.
            LabError: stopped.
        """
        check_reachable(self.url, self._limits.connect)
        failures = 0
        while True:
            before = self._size()
            try:
                return self._once()
            except FINAL as error:
                raise UnavailableError(
                    f"{urlsplit(self.url).hostname} cannot be reached ({first_line(error)})"
                ) from error
            except (httpx.HTTPError, _TransientError) as error:
                failures = 1 if self._size() > before else failures + 1
                if failures >= self._limits.tries:
                    raise UnavailableError(
                        f"{self.url} is interrupted ({first_line(error)}), {failures} times in a row"
                    ) from error
                self._watcher.say(f"{first_line(error)}; trying again")
                self._wait(self._limits.pause * 2 ** (failures - 1))

    def delete(self) -> None:
        """Delete the file, complete or not."""
        self.target.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def _once(self) -> None:
        with client(self._limits) as web, web.stream("GET", self.url, headers=self._range()) as answer:
            require_https(self.url, answer)
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                if answer.headers.get("content-range") == f"bytes */{self._size()}":
                    # It was complete when the lab was interrupted.
                    self.resumed = True
                    return
                self.delete()
                raise _TransientError("the server has no such part of it")
            if answer.status_code in {429, 500, 502, 503, 504}:
                raise _TransientError(f"the server answers {answer.status_code}")
            if answer.status_code not in {200, 206}:
                raise UnavailableError(f"{self.url} answers {answer.status_code}")
            start = _start(answer)
            if start not in {0, self._size()}:
                self.delete()
                raise _TransientError("the server sends another part than the one asked for")
            self.resumed = self.resumed or start > 0
            length = answer.headers.get("content-length", "")
            self._total = start + int(length) if length.isdigit() else None
            with report_full_disk(
                self.target.parent, lambda: self._total or self._size(), self.target, self._validator
            ):
                self._write_validator(answer)
                self._write(answer, start)

    def _write(self, answer: httpx.Response, start: int) -> None:
        missing = (self._total or 0) - start
        if missing > shutil.disk_usage(self.target.parent).free:
            raise OSError(errno.ENOSPC, "the rest is larger than the free space")
        done, reported = start, 0.0
        with self.target.open("ab" if start else "wb") as file:
            # As sent: with `Content-Encoding: gzip`, the checksum of the decoded archive would differ.
            # Chunks as they arrive: collected ones would be lost with the connection.
            for chunk in answer.iter_raw():
                file.write(chunk)
                done += len(chunk)
                if self._watcher.stopped():
                    raise LabError("Interrupted.")
                if time.monotonic() - reported > 0.25:
                    reported = time.monotonic()
                    self._watcher.say(f"downloading {_share(done, self._total)}")

    def _range(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        size = self._size()
        known = self._read_validator()
        if size and known.get("url") == self.url:
            headers["Range"] = f"bytes={size}-"
            if known.get("validator"):
                headers["If-Range"] = known["validator"]
        elif size:
            self.delete()
        return headers

    def _write_validator(self, answer: httpx.Response) -> None:
        tag = answer.headers.get("etag", "")
        # A weak tag does not promise the same bytes.
        validator = tag if tag and not tag.startswith("W/") else answer.headers.get("last-modified", "")
        self._validator.write_text(json.dumps({"url": self.url, "validator": validator}), encoding="utf-8")

    def _read_validator(self) -> dict[str, str]:
        try:
            found = json.loads(self._validator.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def _size(self) -> int:
        return self.target.stat().st_size if self.target.exists() else 0

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._watcher.stopped():
                raise LabError("Interrupted.")
            time.sleep(0.05)


class _TransientError(Exception):
    """A failure that a retry may fix."""


def _start(answer: httpx.Response) -> int:
    """Return the position of an answer's first byte: 0 if it is the whole file."""
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    begin = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(begin) if begin.isdigit() else -1


def _share(done: int, total: int | None) -> str:
    if not total:
        return f"{_megabytes(done)} MB"
    return f"{_megabytes(done)} of {_megabytes(total)} MB ({100 * done // total} %)"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}" if size < 10e6 else f"{size / 1e6:.0f}"

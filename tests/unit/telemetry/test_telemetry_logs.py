"""Lines: their shape, their rotation, and that losing them breaks nothing."""

import json
import logging
import os
import resource
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.telemetry import names
from services.telemetry.libraries import LibraryHandler, RateLimitFilter
from services.telemetry.logs import LineFile, timestamp


def test_time_is_rfc_3339_in_utc_with_microseconds():
    assert timestamp(0.0) == "1970-01-01T00:00:00.000000Z"
    assert timestamp(1767225599.999999) == "2025-12-31T23:59:59.999999Z"
    assert timestamp(1767225600.000001) == "2026-01-01T00:00:00.000001Z"


@pytest.mark.parametrize("kind", names.KINDS)
def test_a_line_of_each_kind(service, kind):
    service.telemetry.log(kind, "thing.done", "a thing was done", logger="example.part", count=3, nothing=None)
    (line,) = service.lines(kind)
    assert list(line)[:7] == ["timestamp", "level", "logger", "event", "message", "kind", "service"]
    assert (line["logger"], line["event"], line["count"]) == ("example.part", "thing.done", 3)
    assert "nothing" not in line
    assert "trace_id" not in line  # there is none outside of a request


def test_exception_line_and_span_have_type_and_masked_text(service):
    @service.app.get("/hi")
    def view():
        try:
            raise ValueError("no slot for joe@example.org, +1 415-555-0100")
        except ValueError as error:
            service.telemetry.exception("booking failed", error, business_id="biz-1")
        return "x"

    service.app.test_client().get("/hi")
    (line,) = service.lines("error")
    assert (line["level"], line["error_type"], line["business_id"]) == ("error", "ValueError", "biz-1")
    assert line["error_message"] == "no slot for ****, ****"
    assert "ValueError: no slot for ****, ****" in line["stack"]
    (span,) = service.spans()
    assert span.attributes["error.type"] == "ValueError"
    assert "joe@" not in span.to_json()
    # Three digits alone may be part of a time or an id.
    assert "555-0100" not in span.to_json()


def test_any_field_value_gives_a_line_of_json(service):
    cycle: dict[str, object] = {}
    cycle["self"] = cycle
    odd = {"nan": float("nan"), "bytes": b"\xff", "half": "\ud800", "line": "a\nb", "cycle": cycle, "keys": {(1,): 2}}
    for value in odd.values():
        service.telemetry.log("application", "odd", "odd", value=value)
    assert len(service.lines()) == len(odd)
    assert service.sample(names.LOG_WRITE_ERRORS) == 0


def test_levels_are_respected_and_can_be_changed(service):
    def write():
        for level in ("debug", "info"):
            service.telemetry.log("application", "e", level, level=level)

    write()
    service.telemetry.set_log_level("debug")
    write()
    service.telemetry.set_log_level("ERROR")
    write()
    assert [line["level"] for line in service.lines()] == ["info", "debug", "info"]
    with pytest.raises(ValueError, match="DEBUG, INFO, WARNING or ERROR"):
        service.telemetry.set_log_level("LOUD")


def test_rotation_keeps_every_line_once_and_whole(make_app):
    service = make_app(log_max_bytes=4000, log_backups=100)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: service.telemetry.log("application", "e", "text", number=n), range(500)))
    files = list(service.log_file.parent.iterdir())
    assert len(files) > 10
    assert max(file.stat().st_size for file in files) <= 4000
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted(line["number"] for line in lines) == list(range(500))


def test_old_files_are_dropped(make_app):
    service = make_app(log_max_bytes=1000, log_backups=2)
    for number in range(100):
        service.telemetry.log("application", "e", "text", number=number)
    assert len(list(service.log_file.parent.iterdir())) == 3


def test_an_unwritable_folder_breaks_no_request_and_recovers(make_app, tmp_path, monkeypatch):
    monkeypatch.setattr("services.telemetry.logs.REOPEN_AFTER", 0.0)
    blocker = tmp_path / "logs"
    blocker.write_text("a file in the place of the folder")
    service = make_app()
    service.app.add_url_rule("/hi", "hi", lambda: "hi")
    client = service.app.test_client()
    assert client.get("/hi").status_code == 200
    assert service.sample(names.LOG_WRITE_ERRORS) == 1
    blocker.unlink()
    assert client.get("/hi").status_code == 200
    assert len(service.lines("access")) == 1
    assert service.sample(names.LOG_WRITE_ERRORS) == 1


def test_an_unwritable_folder_is_not_retried_at_every_line(make_app, tmp_path, monkeypatch):
    (tmp_path / "logs").write_text("")
    service = make_app()
    tries = []
    monkeypatch.setattr(Path, "mkdir", lambda *a, **k: tries.append(1) or (_ for _ in ()).throw(OSError))
    for _ in range(50):
        service.telemetry.log("application", "e", "text")
    assert len(tries) == 1
    assert service.sample(names.LOG_WRITE_ERRORS) == 50


@pytest.mark.skipif(sys.platform != "linux", reason="uses the limit of a file's size as a full disk")
def test_a_full_disk_drops_lines_but_truncates_none(service):
    service.telemetry.log("application", "e", "before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # Room for half a line: the next write is cut off, the ones after it fail whole.
        resource.setrlimit(resource.RLIMIT_FSIZE, (service.log_file.stat().st_size + 60, before[1]))
        for _ in range(3):
            service.telemetry.log("application", "e", "lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    service.telemetry.log("application", "e", "after")
    first, torn, last = service.log_file.read_text().splitlines()
    assert json.loads(first)["message"] == "before"
    assert json.loads(last)["message"] == "after"
    assert len(torn) == 60
    assert service.sample(names.LOG_WRITE_ERRORS) == 3


def test_a_rotation_that_fails_keeps_writing(make_app, monkeypatch):
    service = make_app(log_max_bytes=1000)
    monkeypatch.setattr(LineFile, "rotate", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    for number in range(20):
        service.telemetry.log("application", "e", "text", number=number)
    assert [line["number"] for line in service.lines()] == list(range(20))
    assert service.sample(names.LOG_WRITE_ERRORS) > 0


def test_stdout_gets_the_same_line(make_app, capsys):
    service = make_app(log_stdout=True)
    service.telemetry.log("audit", "e", "text")
    assert capsys.readouterr().out == service.log_file.read_text()


def test_a_closed_stdout_breaks_no_request(make_app, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        service = make_app(log_stdout=True)
        service.telemetry.log("application", "e", "text")
        assert len(service.lines()) == 1
        assert service.sample(names.LOG_WRITE_ERRORS) == 1
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())


def test_library_warnings_become_lines_and_their_info_does_not(service):
    logger = logging.getLogger("some.library")
    logger.info("call made")
    logger.warning("mail joe@example.org bounced")
    try:
        raise OSError("gone")
    except OSError:
        logger.exception("broken")
    warning, failed = service.lines()
    assert (warning["kind"], warning["level"], warning["logger"]) == ("application", "warning", "some.library")
    assert warning["message"] == "mail **** bounced"
    assert (failed["kind"], failed["level"], failed["error_type"]) == ("error", "error", "OSError")


def test_a_library_s_invalid_arguments_break_no_line(service):
    (handler,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, LibraryHandler)]
    handler.handle(logging.LogRecord("some.library", logging.WARNING, "", 0, "%d items", ("not a number",), None))
    assert [line["message"] for line in service.lines()] == ["%d items"]


def test_the_exporter_s_warnings_are_limited_to_one_per_minute():
    now = [0.0]
    quiet = RateLimitFilter(clock=lambda: now[0])
    passed = []
    for second in range(0, 180):
        now[0] = float(second)
        for name in ("opentelemetry.exporter.otlp", "opentelemetry.sdk", "mine"):
            record = logging.LogRecord(name, logging.ERROR, "", 0, "x", None, None)
            if quiet.filter(record):
                passed.append(name.split(".")[0])
    assert passed.count("opentelemetry") == 3
    assert passed.count("mine") == 180


def test_shutdown_removes_the_root_handler(make_app):
    service = make_app()
    assert any(isinstance(handler, LibraryHandler) for handler in logging.getLogger().handlers)
    service.telemetry.shutdown()
    assert not any(isinstance(handler, LibraryHandler) for handler in logging.getLogger().handlers)

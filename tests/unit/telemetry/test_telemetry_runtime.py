"""The process's own figures."""

import gc
import threading
import time
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from services.telemetry import TelemetrySettings, names, runtime
from services.telemetry.settings import parse_size


def test_memory_and_its_limit_are_exposed(make_app):
    service = make_app(memory_limit="512m")
    assert service.sample(names.PROCESS_MEMORY_LIMIT) == 512 * 1024**2
    assert service.sample(names.PROCESS_MEMORY) == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


def test_limit_comes_from_the_control_group_or_the_machine(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(runtime, "_CGROUP_LIMITS", (tmp_path / "missing", limit))
    total = psutil.virtual_memory().total
    assert runtime.memory_limit(0) == total
    limit.write_text("max\n")
    assert runtime.memory_limit(0) == total
    limit.write_text("104857600\n")
    assert runtime.memory_limit(0) == 104857600
    limit.write_text("9223372036854771712\n")  # "none" in version 1
    assert runtime.memory_limit(0) == total
    assert runtime.memory_limit(1000) == 1000


@pytest.mark.parametrize(
    ("text", "size"), [("512m", 512 * 1024**2), ("1.5G", 1610612736), ("64k", 65536), ("1000", 1000), ("8b", 8)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "12q", "-1m", "1e999g"])
def test_an_invalid_size_is_refused(text):
    with pytest.raises(ValueError, match=r"size|negative"):
        parse_size(text)


def test_threads_and_files(service):
    stop = threading.Event()
    threads = service.sample(names.PROCESS_THREADS)
    other = threading.Thread(target=stop.wait)
    other.start()
    with Path(__file__).open():
        files = service.sample(names.PROCESS_OPEN_FILES)
    assert service.sample(names.PROCESS_THREADS) == threads + 1
    stop.set()
    other.join()
    assert files == service.sample(names.PROCESS_OPEN_FILES) + 1


def test_cpu_is_exposed_as_seconds_per_second(service, monkeypatch):
    monkeypatch.setattr(runtime, "CPU_WINDOW", 0.0)
    service.sample(names.PROCESS_CPU)
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.3:
        sum(range(1000))
    expected = (time.process_time() - used) / (time.monotonic() - began)
    assert service.sample(names.PROCESS_CPU) == pytest.approx(expected, rel=0.3)


def test_pauses_of_the_collector_are_measured(service):
    series = {"generation": "2"}
    before = service.sample(f"{names.GC_PAUSE}_count", **series)
    gc.collect()
    assert service.sample(f"{names.GC_PAUSE}_count", **series) == before + 1
    assert service.sample(f"{names.GC_PAUSE}_sum", **series) > 0
    assert service.sample(f"{names.GC_PAUSE}_bucket", generation="2", le="+Inf") == before + 1


def test_pauses_are_no_longer_measured_after_shutdown(make_app):
    before = len(gc.callbacks)
    service = make_app()
    assert len(gc.callbacks) == before + 1
    service.telemetry.shutdown()
    assert len(gc.callbacks) == before


def test_freeze_exempts_loaded_objects_from_collection():
    before = gc.get_freeze_count()
    try:
        runtime.freeze()
        assert gc.get_freeze_count() > before + 1000
    finally:
        gc.unfreeze()


def test_build_info_names_version_and_service(make_app):
    service = make_app("shop", otel_resource_attributes="service.namespace=lab,service.version=1.2%2B3,broken")
    assert service.sample(names.BUILD_INFO, version="1.2+3", service="shop") == 1


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("LOG_DIR", str(tmp_path))
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("LOG_STDOUT", "false")
    monkeypatch.setenv("MEMORY_LIMIT", "256m")
    settings = TelemetrySettings()
    assert (settings.otel_service_name, settings.log_dir, settings.log_level) == ("shop", tmp_path, "DEBUG")
    assert (settings.log_stdout, settings.memory_limit) == (False, 256 * 1024**2)


def test_an_invalid_setting_is_named(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ValidationError, match="log_level"):
        TelemetrySettings()

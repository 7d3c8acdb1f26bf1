"""Where programs come from. `go` and the servers are small scripts here: what is tested is our part."""

import os
import stat
from pathlib import Path

import pytest

from lab.engines.native.install import builds, cache, programs
from lab.engines.native.install.builds import module_version
from lab.engines.native.install.network import UnavailableError, Watcher
from lab.engines.native.install.programs import Found, Missing, find
from lab.envfile import read
from lab.errors import LabError
from lab.settings import ROOT
from tests.support.labs.stub_go import write_stub_go

# No test of this file asks the network.
VALUES = read(ROOT / ".env", {}) | {"PROGRAM_DOWNLOADS": "false"}
SILENT = Watcher(lambda text: None, lambda text: None)


def cached(name: str) -> Path:
    return cache.place_in(programs.folder(name, VALUES), name)


def build(name: str, watcher: Watcher = SILENT) -> Found:
    return programs.build(name, VALUES, watcher)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH besides the system's; the cache is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    return folder


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_program_of_the_pinned_version_on_path_comes_first(path: Path) -> None:
    wanted = script(path / "loki", f'echo "loki, version {VALUES["LOKI_VERSION"]} (branch)"')

    assert find("loki", VALUES) == Found(wanted, VALUES["LOKI_VERSION"], "PATH")


def test_a_program_of_another_version_is_refused_and_reported(path: Path) -> None:
    script(path / "tempo", 'echo "tempo, version 2.9.0"')

    found = find("tempo", VALUES)

    assert isinstance(found, Missing)
    assert "is version 2.9.0" in found.reason
    assert "cannot be built from a Go module" in found.reason
    assert not found.obtainable


def test_the_contrib_collector_is_as_good_as_ours(path: Path) -> None:
    wanted = script(path / "otelcol-contrib", f'echo "otelcol-contrib version {VALUES["COLLECTOR_VERSION"]}"')

    assert find("otelcol", VALUES) == Found(wanted, VALUES["COLLECTOR_VERSION"], "PATH")


def test_the_cache_comes_second(path: Path) -> None:
    wanted = script(cached("prometheus"), "")

    assert find("prometheus", VALUES) == Found(wanted, VALUES["PROMETHEUS_VERSION"], "cache (built)")


def test_without_a_toolchain_the_reason_says_how_to_get_one(path: Path) -> None:
    found = find("prometheus", VALUES)

    assert isinstance(found, Missing)
    assert not found.obtainable
    assert "no Go toolchain" in found.reason
    assert "go.dev/dl" in found.reason


def test_a_module_is_built_into_the_cache(path: Path) -> None:
    write_stub_go(path)
    assert isinstance(find("loki", VALUES), Missing)

    built = build("loki")

    assert built.path == cached("loki")
    assert os.access(built.path, os.R_OK)
    assert find("loki", VALUES) == built
    calls = (path / "calls").read_text()
    assert f"mod download -json github.com/grafana/loki/v3@v{VALUES['LOKI_VERSION']}" in calls
    assert "-dropreplace=a" in calls, "a folder of another module cannot be had"
    assert not list(cached("loki").parent.parent.glob(".build-*")), "nothing half-made is left"


def test_a_second_build_takes_what_the_first_made(path: Path) -> None:
    write_stub_go(path)
    build("loki")
    (path / "calls").unlink()

    build("loki")

    assert not (path / "calls").exists()


def test_a_failed_build_names_its_log_and_leaves_nothing(path: Path) -> None:
    script(path / "go", 'echo "go: loki requires go >= 1.99" >&2; exit 1')

    with pytest.raises(LabError) as caught:
        build("loki")

    assert "requires go >= 1.99" in caught.value.message
    assert "build-" in caught.value.remedy
    assert not cached("loki").exists()
    assert not list(cached("loki").parent.parent.glob(".build-*"))


@pytest.mark.parametrize(
    ("name", "release", "module"),
    [("prometheus", "3.14.0", "v0.314.0"), ("prometheus", "3.5.1", "v0.305.1"), ("loki", "3.7.8", "v3.7.8")],
)
def test_a_release_and_its_module(name: str, release: str, module: str) -> None:
    assert module_version(name, release) == module


def test_other_parts_give_another_collector(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cached("otelcol")
    parts = tmp_path / "builder.yaml"
    parts.write_text(builds.COLLECTOR_PARTS.read_text() + "# one more\n")
    monkeypatch.setattr(builds, "COLLECTOR_PARTS", parts)

    assert cached("otelcol") != before


def test_what_cannot_be_built_says_so() -> None:
    with pytest.raises(UnavailableError, match="cannot be built"):
        build("tempo")


def test_a_program_on_path_that_does_not_run_is_passed_over(path: Path) -> None:
    broken = script(path / "tempo", "")
    broken.write_bytes(b"\x7fELF of another machine")

    found = find("tempo", VALUES)

    assert isinstance(found, Missing)
    assert "is version unknown" in found.reason


def test_a_program_is_built_where_its_archive_is_unavailable_and_the_reason_is_noted(path: Path) -> None:
    write_stub_go(path)
    notes: list[str] = []

    found = programs.obtain("loki", VALUES, Watcher(notes.append, notes.append))

    assert found.source == "cache (built)"
    assert notes[0].startswith("no archive: PROGRAM_DOWNLOADS forbids to download it. Building it instead")


def test_what_neither_way_leads_to_says_both_reasons(path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be downloaded \(PROGRAM_DOWNLOADS.*\), and there is no Go"):
        programs.obtain("loki", VALUES, SILENT)


def test_much_error_output_does_not_block_a_build(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    command = ["sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x >&2; echo '{}'", "-json"]
    assert builds._Runner(log, lambda text: None)(command, tmp_path) == "{}\n"
    assert log.stat().st_size > 200_000

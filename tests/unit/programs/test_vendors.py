"""The names under which the makers publish, on each platform."""

import pytest

from lab.engines.native.install.programs import PROGRAMS
from lab.engines.native.install.vendors import VENDORS, Platform

_PROMETHEUS = "https://github.com/prometheus/prometheus/releases/download/v3.14.0/"
_ALERTMANAGER = "https://github.com/prometheus/alertmanager/releases/download/v0.31.1/"
_LOKI = "https://github.com/grafana/loki/releases/download/v3.7.8/"
_TEMPO = "https://github.com/grafana/tempo/releases/download/v3.0.3/"
_COLLECTOR = "https://github.com/open-telemetry/opentelemetry-collector-releases/releases/download/v0.159.0/"
_GRAFANA = "https://dl.grafana.com/grafana/release/12.4.3/"
VERSIONS = {
    "prometheus": "3.14.0",
    "alertmanager": "0.31.1",
    "loki": "3.7.8",
    "tempo": "3.0.3",
    "otelcol": "0.159.0",
    "grafana": "12.4.3",
}


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize(
    ("name", "archive", "checksums"),
    [
        ("prometheus", f"{_PROMETHEUS}prometheus-3.14.0.OS-ARCH.tar.gz", f"{_PROMETHEUS}sha256sums.txt"),
        ("alertmanager", f"{_ALERTMANAGER}alertmanager-0.31.1.OS-ARCH.tar.gz", f"{_ALERTMANAGER}sha256sums.txt"),
        ("loki", f"{_LOKI}loki-OS-ARCH.zip", f"{_LOKI}SHA256SUMS"),
        ("tempo", f"{_TEMPO}tempo_3.0.3_OS_ARCH.tar.gz", f"{_TEMPO}SHA256SUMS"),
        (
            "otelcol",
            f"{_COLLECTOR}otelcol-contrib_0.159.0_OS_ARCH.tar.gz",
            f"{_COLLECTOR}opentelemetry-collector-releases_otelcol-contrib_checksums.txt",
        ),
        (
            "grafana",
            f"{_GRAFANA}grafana_12.4.3_24388279614_OS_ARCH.tar.gz",
            f"{_GRAFANA}grafana_12.4.3_24388279614_OS_ARCH.tar.gz.sha256",
        ),
    ],
)
def test_an_archive_and_its_checksum_file(name: str, archive: str, checksums: str, system: str, arch: str) -> None:
    found = VENDORS[name].addresses(VERSIONS[name], Platform(system, arch), {"GRAFANA_BUILD": "24388279614"})[0]

    assert found.archive == archive.replace("OS", system).replace("ARCH", arch)
    assert found.checksums.replace("SHA256SUMS", "sums") == checksums.replace("SHA256SUMS", "sums").replace(
        "OS", system
    ).replace("ARCH", arch)


def test_a_grafana_whose_build_is_not_known_has_its_older_name() -> None:
    found = VENDORS["grafana"].addresses("12.4.4", Platform("linux", "arm64"), {"GRAFANA_BUILD": ""})

    assert [address.archive for address in found] == [
        "https://dl.grafana.com/oss/release/grafana-12.4.4.linux-arm64.tar.gz"
    ]
    assert found[0].checksums == f"{found[0].archive}.sha256"


def test_lokis_executable_carries_the_platform_in_its_name() -> None:
    assert VENDORS["loki"].members(Platform("darwin", "arm64")) == {"loki-darwin-arm64": "loki"}


def test_every_program_has_a_vendor() -> None:
    assert set(VENDORS) == set(PROGRAMS)


@pytest.mark.parametrize(
    ("machine", "arch"), [("x86_64", "amd64"), ("AMD64", "amd64"), ("aarch64", "arm64"), ("arm64", "arm64")]
)
def test_this_machine_in_gos_words(monkeypatch: pytest.MonkeyPatch, machine: str, arch: str) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)

    assert Platform.here().architecture == arch


def test_other_machines_are_not_known() -> None:
    assert not Platform("linux", "riscv64").known
    assert not Platform("win32", "amd64").known

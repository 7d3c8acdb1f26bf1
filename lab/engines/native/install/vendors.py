"""Release archives of the servers' vendors: their URLs and their content.

The names are those of the vendors' release tools: promu (Prometheus, Alertmanager), Loki's Makefile, the GoReleaser
files of Tempo and the Collector, and the addresses of Grafana's download page.
"""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Platform:
    """Operating system and architecture as Go names them, and all vendors: `linux`, `amd64`."""

    system: str
    architecture: str

    @classmethod
    def here(cls) -> "Platform":
        """Return that of this machine."""
        machine = platform.machine().lower()
        return cls(sys.platform, _ARCHITECTURES.get(machine, machine))

    @property
    def known(self) -> bool:
        """Whether the vendors publish archives for it."""
        return self.system in {"linux", "darwin"} and self.architecture in {"amd64", "arm64"}

    def __str__(self) -> str:
        return f"{self.system}-{self.architecture}"


@dataclass(frozen=True)
class Address:
    """An archive and the file that holds its SHA-256.

    Attributes:
        archive, checksums: URLs.
        sidecar: the checksum file has only this archive, and need not contain its name.
    """

    archive: str
    checksums: str
    sidecar: bool

    @property
    def file(self) -> str:
        """Name of the archive file."""
        return self.archive.rpartition("/")[2]


@dataclass(frozen=True)
class Vendor:
    """The archives of one vendor. Texts may contain {version}, {os}, {arch} and {build}.

    Attributes:
        archives: URLs in the order in which they are tried; without a known build, those with {build} are left out.
        checksums: name of the checksum file in the same folder; {file} is the archive's own name.
        programs: name in the cache by name in the archive of an executable; the first is the server.
        home: the server needs other files too: the whole archive is kept, programs are in its `bin`.
        build_setting: setting that holds {build}.
    """

    archives: tuple[str, ...]
    checksums: str
    programs: Mapping[str, str]
    home: bool = False
    build_setting: str = ""

    def addresses(self, version: str, place: Platform, values: Mapping[str, str]) -> list[Address]:
        """Return the addresses of a version's archive for a platform."""
        build = values.get(self.build_setting, "")
        found = []
        for template in self.archives:
            if "{build}" in template and not build:
                continue
            url = template.format(version=version, os=place.system, arch=place.architecture, build=build)
            folder, _, file = url.rpartition("/")
            found.append(Address(url, f"{folder}/{self.checksums.format(file=file)}", "{file}" in self.checksums))
        return found

    def members(self, place: Platform) -> dict[str, str]:
        """Return the name in the cache by name in the archive of each executable for a platform."""
        return {
            inside.format(os=place.system, arch=place.architecture): outside
            for inside, outside in self.programs.items()
        }


def _github(repository: str, file: str) -> tuple[str, ...]:
    return (f"https://github.com/{repository}/releases/download/v{{version}}/{file}",)


VENDORS: Mapping[str, Vendor] = {
    "prometheus": Vendor(
        _github("prometheus/prometheus", "prometheus-{version}.{os}-{arch}.tar.gz"),
        "sha256sums.txt",
        {"prometheus": "prometheus", "promtool": "promtool"},
    ),
    "alertmanager": Vendor(
        _github("prometheus/alertmanager", "alertmanager-{version}.{os}-{arch}.tar.gz"),
        "sha256sums.txt",
        {"alertmanager": "alertmanager", "amtool": "amtool"},
    ),
    # The file's name has no version: the unpacked program reports it.
    "loki": Vendor(_github("grafana/loki", "loki-{os}-{arch}.zip"), "SHA256SUMS", {"loki-{os}-{arch}": "loki"}),
    # Tempo 3.0.3 was released without archives for darwin: GitHub returns 404.
    "tempo": Vendor(_github("grafana/tempo", "tempo_{version}_{os}_{arch}.tar.gz"), "SHA256SUMS", {"tempo": "tempo"}),
    # The contrib distribution has all the parts of ours.
    "otelcol": Vendor(
        _github("open-telemetry/opentelemetry-collector-releases", "otelcol-contrib_{version}_{os}_{arch}.tar.gz"),
        "opentelemetry-collector-releases_otelcol-contrib_checksums.txt",
        {"otelcol-contrib": "otelcol"},
    ),
    # The content of a build never changes. URLs without a build are older, and serve a version whose build is not in
    # `.env`.
    "grafana": Vendor(
        (
            "https://dl.grafana.com/grafana/release/{version}/grafana_{version}_{build}_{os}_{arch}.tar.gz",
            "https://dl.grafana.com/oss/release/grafana-{version}.{os}-{arch}.tar.gz",
        ),
        "{file}.sha256",
        {"bin/grafana": "grafana"},
        home=True,
        build_setting="GRAFANA_BUILD",
    ),
}

"""Native mode runs the same configuration: only addresses, listen ports and container paths differ."""

import re
from pathlib import Path

import pytest

from lab import compose_file
from lab.compose_file import Service
from lab.engines.native.derive import Derivation
from lab.envfile import read
from lab.settings import ROOT, LabSettings

VALUES = read(ROOT / ".env", {}) | {
    key: str(20_000 + number) for number, key in enumerate(k for k in read(ROOT / ".env", {}) if k.endswith("_PORT"))
}
SERVICES = {
    name: service
    for name, service in compose_file.load(ROOT / "docker-compose.yml", VALUES).items()
    if service.runs_natively
}


def derivation(name: str, folder: Path) -> Derivation:
    return Derivation(SERVICES[name], SERVICES, folder)


def test_addresses_of_services_become_loopback_ports(tmp_path: Path) -> None:
    text = derivation("assistant", tmp_path).text

    assert text("http://loki:3100/otlp") == f"http://127.0.0.1:{VALUES['LOKI_PORT']}/otlp"
    assert text("http://model:5002/v1") == f"http://127.0.0.1:{VALUES['MODEL_PORT']}/v1"
    assert text("my-loki:3100") == "my-loki:3100"
    assert text("loki:31000") == "loki:31000"
    assert text("elsewhere:3100") == "elsewhere:3100"


def test_listen_addresses_become_loopback_and_the_own_port(tmp_path: Path) -> None:
    text = derivation("loki", tmp_path).text

    assert text('endpoint: "0.0.0.0:3100"') == f'endpoint: "127.0.0.1:{VALUES["LOKI_PORT"]}"'
    assert text("http_listen_address: 0.0.0.0") == "http_listen_address: 127.0.0.1"
    assert text("http_listen_port: 3100") == f"http_listen_port: {VALUES['LOKI_PORT']}"
    assert text("grpc_listen_port: 9095") == f"grpc_listen_port: {VALUES['LOKI_GRPC_PORT']}"
    assert text("max_streams: 3100") == "max_streams: 3100"


def test_container_paths_become_folders_of_the_run_folder(tmp_path: Path) -> None:
    text = derivation("prometheus", tmp_path).text

    assert text("--storage.tsdb.path=/prometheus") == f"--storage.tsdb.path={tmp_path}/data/prometheus-data"
    assert text("/etc/prometheus/rules/*.yml") == f"{tmp_path}/config/prometheus/etc/prometheus/rules/*.yml"
    assert text("/etc/prometheusx") == "/etc/prometheusx"
    assert text("http://example/prometheus-data") == "http://example/prometheus-data"


def test_a_folder_with_characters_of_expressions_is_kept_as_it_is() -> None:
    folder = Path("/home/a\\1 b")

    assert derivation("prometheus", folder).text("/prometheus") == str(folder / "data" / "prometheus-data")


@pytest.mark.parametrize("name", SERVICES)
def test_derived_files_differ_only_where_they_may(name: str, tmp_path: Path) -> None:
    made = derivation(name, tmp_path)
    made.write(LabSettings(ROOT, tmp_path, VALUES), absent=())

    for mount in SERVICES[name].mounts:
        if not mount.bind:
            assert made.place(mount).is_dir()
            continue
        for copy in (path for path in made.place(mount).rglob("*") if path.is_file()):
            original = (ROOT / mount.source / copy.relative_to(made.place(mount))).read_text()
            assert undo(copy.read_text(), SERVICES[name], made) == undo(original, SERVICES[name], made), copy


def undo(text: str, service: Service, made: Derivation) -> str:
    """`text` with every address, listen port and path that may differ replaced by one word."""
    for mount in sorted(service.mounts, key=lambda mount: len(mount.target), reverse=True):
        text = text.replace(str(made.place(mount)), "PATH")
        text = re.sub(rf"(?<![\w.-])(?<!\w/){re.escape(mount.target)}(?![\w.-])", "PATH", text)
    names = "|".join(SERVICES)
    text = re.sub(rf"\b(?:{names}|127\.0\.0\.1|0\.0\.0\.0):\d+", "ADDRESS", text)
    text = re.sub(r"(listen_port: )\d+", r"\1PORT", text)
    return re.sub(r"\b(?:127\.0\.0\.1|0\.0\.0\.0)\b", "HOST", text)


def test_no_address_of_a_container_is_left(tmp_path: Path) -> None:
    left = re.compile(rf"\b(?:{'|'.join(SERVICES)}):\d{{4,5}}\b|\b0\.0\.0\.0\b")
    for name in SERVICES:
        made = derivation(name, tmp_path)
        made.write(LabSettings(ROOT, tmp_path, VALUES), absent=())
        texts = {"arguments": " ".join(service_arguments(made)), "environment": " ".join(made.environment().values())}
        for path in (tmp_path / "config" / name).rglob("*"):
            # Rule tests and the builder's list are no configuration of a running server.
            if path.is_file() and "tests" not in path.parts:
                texts[str(path)] = "\n".join(
                    line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")
                )
        for where, text in texts.items():
            assert not left.search(text), f"{name}: {where}: {left.search(text)}"


def service_arguments(made: Derivation) -> list[str]:
    if "{home}" in str(made.service.native):
        return []
    return made.arguments(Path("/usr/bin/true"), ())


def test_a_server_that_is_absent_is_not_scraped(tmp_path: Path) -> None:
    made = derivation("prometheus", tmp_path)
    made.write(LabSettings(ROOT, tmp_path, VALUES), absent=("tempo",))

    scraped = {path.stem for path in (tmp_path / "config").rglob("scrape/*.yml")}

    assert "loki" in scraped
    assert "tempo" not in scraped


def test_what_is_no_longer_wanted_is_gone_and_nothing_half_made_is_left(tmp_path: Path) -> None:
    settings = LabSettings(ROOT, tmp_path, VALUES)
    made = derivation("prometheus", tmp_path)
    made.write(settings, absent=())
    folder = tmp_path / "config" / "prometheus" / "etc" / "prometheus"
    (folder / "rules" / "old.yml").write_text("groups: []")

    made.write(settings, absent=("tempo",))

    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert "lab.yml" in files
    assert not files & {"old.yml", "tempo.yml"}
    assert not any(name.endswith(".new") for name in files)


def test_a_server_that_is_built_meanwhile_becomes_a_target_when_it_runs(tmp_path: Path) -> None:
    settings = LabSettings(ROOT, tmp_path, VALUES)
    made = derivation("prometheus", tmp_path)
    made.write(settings, absent=("tempo", "loki"))
    jobs = tmp_path / "config" / "prometheus" / "etc" / "prometheus" / "scrape"
    before = {path.name for path in jobs.iterdir()}

    made.admit(settings, "loki")

    assert {path.name for path in jobs.iterdir()} - before == {"loki.yml"}
    assert f"127.0.0.1:{VALUES['LOKI_PORT']}" in (jobs / "loki.yml").read_text()


def test_without_tempo_the_collector_writes_spans_to_a_file(tmp_path: Path) -> None:
    made = derivation("collector", tmp_path)

    assert any(argument.endswith("traces-tempo.yaml") for argument in made.arguments(Path("/x/otelcol"), ()))
    assert any(argument.endswith("traces-file.yaml") for argument in made.arguments(Path("/x/otelcol"), ("tempo",)))

"""Native mode runs the same configuration: only addresses, listen ports and container paths differ."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

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


INNER_PORTS = sorted({inner for service in SERVICES.values() for inner in service.ports})
PORT_KEYS = [key for key in VALUES if key.endswith("_PORT")]
# Ports that others have inside their containers, and folders that begin like a container's: nothing is replaced twice.
ports = st.lists(
    st.one_of(st.sampled_from(INNER_PORTS), st.integers(1, 65535)),
    min_size=len(PORT_KEYS),
    max_size=len(PORT_KEYS),
    unique=True,
)
folders = st.sampled_from(
    ["/run-folder", "/loki/lab", "/prometheus", "/etc/otelcol", "/var/log/lab/x", "/a/loki:3100/b"]
)
DOCUMENT = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@settings(max_examples=25, derandomize=True, deadline=None, phases=(Phase.generate, Phase.shrink))
@given(ports, folders)
def test_with_any_ports_only_addresses_listen_ports_and_paths_differ(numbers: list[int], folder: str) -> None:
    values = VALUES | dict(zip(PORT_KEYS, map(str, numbers), strict=True))
    services = {name: made for name, made in loaded(values).items() if made.runs_natively}
    for name, service in services.items():
        made = Derivation(service, services, Path(folder))
        for where, text in originals(service).items():
            hold(text, made, f"{name}: {where}")


def loaded(values: dict[str, str]) -> dict[str, Service]:
    filled = compose_file._fill(DOCUMENT, values)
    return {name: compose_file._service(name, raw) for name, raw in filled["services"].items()}


def sources(folder: Path) -> list[Path]:
    """The files of a folder, without compiled Python."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def originals(service: Service) -> dict[str, str]:
    """All that a container of the service reads: its configuration, its environment and its command line."""
    texts = {
        str(path): path.read_text()
        for mount in service.mounts
        if mount.bind
        for path in sorted(sources(ROOT / mount.source))
    }
    assert texts or service.name in {"assistant", "model", "loadtest"}
    lines = [*service.command, *(f"{key}={value}" for key, value in service.environment.items())]
    return texts | {f"argument {number}": line for number, line in enumerate(lines)}


WORDS = re.compile(r"""([\s"'=,;|()\[\]{}<>`]+)""")


def hold(original: str, made: Derivation, where: str) -> None:
    """Each word of a derived text is the original's, or an address, a listen port or a path in its place."""
    derived = made.text(original)
    old, new = WORDS.split(original), WORDS.split(derived)
    assert len(old) == len(new), where
    for number, (word, after) in enumerate(zip(old, new, strict=True)):
        if word != after:
            assert after in allowed(word, old[number - 2] if number > 1 else "", made), f"{where}: {word} -> {after}"
    known = "|".join(f"{server.name}:{inner}" for server in made.services.values() for inner in server.ports)
    # The run folder may look like anything.
    left = re.findall(rf"(?<![\w./-])(?:{known}|0\.0\.0\.0)(?![\d.])", derived.replace(str(made.folder), ""))
    assert not left, f"{where}: {left}"


def allowed(word: str, before: str, made: Derivation) -> list[str]:
    """What may replace `word`, which follows `before`."""
    own = {str(inner): str(outer) for inner, outer in made.service.ports.items()}
    found = []
    for server in made.services.values():
        found += [word.replace(f"{server.name}:{inner}", f"127.0.0.1:{outer}") for inner, outer in server.ports.items()]
    for inner, outer in own.items():
        found.append(word.replace(f"0.0.0.0:{inner}", f"127.0.0.1:{outer}"))
    if not re.search(r"0\.0\.0\.0:\d", word):
        found.append(word.replace("0.0.0.0", "127.0.0.1"))
    if re.search(r"(listen[_-]|web-)port:?$", before):
        found.append(own.get(word, word))
    found += [word.replace(mount.target, str(made.place(mount))) for mount in made.service.mounts]
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_the_files_that_are_written_are_the_derived_texts(name: str, tmp_path: Path) -> None:
    made = derivation(name, tmp_path)
    made.write(LabSettings(ROOT, tmp_path, VALUES), absent=())

    for mount in SERVICES[name].mounts:
        if not mount.bind:
            assert made.place(mount).is_dir()
            continue
        source = ROOT / mount.source
        copies = {path.relative_to(made.place(mount)): path for path in made.place(mount).rglob("*") if path.is_file()}
        assert copies.keys() == {path.relative_to(source) for path in sources(source)}
        for inner, copy in copies.items():
            assert copy.read_text() == made.text((source / inner).read_text()), inner


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
    assert "services.yml" in files
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


def test_alertmanagers_mails_look_the_same_and_go_to_the_pagers_port(tmp_path: Path) -> None:
    derivation("alertmanager", tmp_path).write(LabSettings(ROOT, tmp_path, VALUES), absent=())

    folder = tmp_path / "config" / "alertmanager" / "etc" / "alertmanager"
    for template in (ROOT / "alertmanager" / "templates").iterdir():
        assert (folder / "templates" / template.name).read_bytes() == template.read_bytes()
    address = f"127.0.0.1:{VALUES['PAGER_SMTP_PORT']}"
    assert f"smtp_smarthost: {address}\n" in (folder / "alertmanager.yml").read_text()
    assert derivation("pager", tmp_path).environment()["SMTP_LISTEN"] == address


def test_without_tempo_the_collector_writes_spans_to_a_file(tmp_path: Path) -> None:
    made = derivation("collector", tmp_path)

    assert any(argument.endswith("traces-tempo.yaml") for argument in made.arguments(Path("/x/otelcol"), ()))
    assert any(argument.endswith("traces-file.yaml") for argument in made.arguments(Path("/x/otelcol"), ("tempo",)))

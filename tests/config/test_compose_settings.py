"""docker-compose.yml keeps the lab's promises: one place for each fact, nothing open to outside, limits on all."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.compose_file import LAB_ONLY
from services.init.files import GIVEN
from services.init.files import NAMES as SECRETS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
ENV = dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE))
# Configuration of the servers; the rules and their tests are text about metrics and hold no addresses.
CONFIGURATION = [
    path
    for folder in ("alertmanager", "collector", "grafana/provisioning", "loki", "prometheus", "tempo")
    for path in sorted((ROOT / folder).rglob("*.y*ml"))
]
# Images that come with a user without rights; all others are given one.
NON_ROOT_IMAGES = {"prom/prometheus", "prom/alertmanager", "grafana/loki", "grafana/tempo", "grafana/grafana"}
# What these images are known to own, and may therefore be asked to run inside a container.
OWN_PROGRAMS = {"python", "pg_isready", "/bin/promtool", "/bin/amtool", "/usr/bin/loki", "/tempo"}

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def container_ports(service: dict[str, Any]) -> set[int]:
    """Ports on which a service listens: published ones and those that only native mode binds on the host."""
    published = {int(port.rsplit(":", 1)[1]) for port in service.get("ports", ())}
    return published | {int(port) for port in service["x-native"].get("ports", {})}


def megabytes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "g": 1024}[text[-1]]


def test_every_variable_is_in_env_and_every_setting_is_used() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", TEXT))
    assert used == set(ENV) - LAB_ONLY


@every_service
def test_every_image_tag_comes_from_env(name: str) -> None:
    found = re.fullmatch(r"[a-z0-9/-]+:v?\$\{([A-Z]+_VERSION)\}", SERVICES[name]["image"])
    assert found, SERVICES[name]["image"]
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", ENV[found[1]])


def test_our_version_is_that_of_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert ENV["LAB_VERSION"] == package["project"]["version"]


@pytest.mark.parametrize(
    "path", [ROOT / "docker-compose.yml", ROOT / "services" / "Dockerfile", *CONFIGURATION], ids=str
)
def test_no_file_repeats_a_version_or_floats(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r":latest\b", text)
    pinned = {value for key, value in ENV.items() if key.endswith("_VERSION")}
    # Comments may name the version in which something was seen.
    code = re.sub(r"(^|\s)#.*", "", text)
    assert not [value for value in pinned if re.search(rf"(?<![\d.]){re.escape(value)}(?![\d.])", code)]


@every_service
def test_ports_are_on_loopback_and_come_from_env(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT\}:\d+", port), port
    for port in SERVICES[name]["x-native"].get("ports", {}).values():
        assert re.fullmatch(r"\$\{[A-Z_]+_PORT\}", port), port
    assert SERVICES[name].get("network_mode") in {None, "none"}


def test_each_port_setting_belongs_to_one_listener_and_no_two_are_alike() -> None:
    listeners = [
        port
        for service in SERVICES.values()
        for text in [*service.get("ports", ()), *service["x-native"].get("ports", {}).values()]
        for port in re.findall(r"\$\{([A-Z_]+_PORT)\}", text)
    ]
    settings = [key for key in ENV if key.endswith("_PORT")]
    assert sorted(listeners) == sorted(settings)
    assert len({ENV[key] for key in settings}) == len(settings)


@pytest.mark.parametrize("path", [ROOT / "docker-compose.yml", ROOT / ".env", *CONFIGURATION], ids=str)
def test_addresses_name_a_service_and_a_port_on_which_it_listens(path: Path) -> None:
    names = "|".join(SERVICES)
    known = {(name, port) for name, service in SERVICES.items() for port in container_ports(service)}
    known.add(("postgres", 5432))
    found = re.findall(rf"(?<![\w./-])(?:https?://|@)?({names}):(\d+)\b", path.read_text(encoding="utf-8"))
    assert {(name, int(port)) for name, port in found} <= known


@every_service
def test_limits_and_hardening_are_present(name: str) -> None:
    service = SERVICES[name]
    setting = re.fullmatch(r"\$\{([A-Z]+_MEMORY)\}", service["mem_limit"])
    assert setting and megabytes(ENV[setting[1]]) > 0
    assert service["pids_limit"] > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])
    assert service["restart"] == ("no" if name == "init" else "unless-stopped")
    assert "privileged" not in service
    assert "cap_add" not in service
    user = service.get("user", "")
    assert user or service["image"].split(":")[0] in NON_ROOT_IMAGES
    assert user.split(":")[0] not in {"0", "root"}


def test_two_checkouts_do_not_share_containers() -> None:
    assert "name" not in DOCUMENT
    assert not [name for name, service in SERVICES.items() if "container_name" in service]


def test_all_memory_limits_together_fit_a_small_machine() -> None:
    assert sum(megabytes(ENV[service["mem_limit"][2:-1]]) for service in SERVICES.values()) <= 4096


@every_service
def test_health_checks_need_only_what_the_image_owns(name: str) -> None:
    check = SERVICES[name].get("healthcheck")
    if check:
        assert check["test"][0] == "CMD", "a shell may be missing"
        assert check["test"][1] in OWN_PROGRAMS


@every_service
def test_commands_are_whole_lists(name: str) -> None:
    assert isinstance(SERVICES[name]["command"], list)
    assert all(isinstance(part, str) for part in SERVICES[name]["command"])


@every_service
def test_mounts_are_read_only_folders_of_the_checkout_or_named_volumes(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source, target, *options = mount.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).is_dir(), f"{source}: a file behind a file mount is not seen by a reload"
            assert options == ["ro,z"]
        else:
            assert source in DOCUMENT["volumes"]
        if source == "secrets" and name != "init":
            assert options == ["ro"]


def test_volumes_and_networks_are_declared_and_used() -> None:
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert {volume for volume in used if not volume.startswith(".")} == set(DOCUMENT["volumes"])
    joined = {network for service in SERVICES.values() for network in service.get("networks", ())}
    assert joined == set(DOCUMENT["networks"])
    assert all("networks" in service for name, service in SERVICES.items() if name != "init")


def test_only_the_assistant_reaches_the_database() -> None:
    inside = {name for name, service in SERVICES.items() if "database" in service.get("networks", ())}
    assert inside == {"assistant", "postgres"}
    assert DOCUMENT["networks"]["database"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert "ports" not in SERVICES["postgres"]


def test_the_one_shot_makes_every_secret_that_is_read() -> None:
    assert set(re.findall(r"/run/lab/secrets/(\w+)", TEXT)) == {*SECRETS, *GIVEN}
    readers = [name for name, service in SERVICES.items() if "/run/lab/secrets/" in str(service.get("environment"))]
    for name in readers:
        assert SERVICES[name]["depends_on"]["init"]["condition"] == "service_completed_successfully"
    assert not re.search(r"docker\.sock", TEXT)


def test_users_of_a_server_stop_before_it() -> None:
    after = {name: set(service.get("depends_on", ())) - {"init"} for name, service in SERVICES.items()}
    assert "collector" in after["assistant"] & after["model"] & after["pager"]
    assert {"loki", "tempo"} <= after["collector"]
    assert "prometheus" in after["tempo"], "Tempo's last writes go to Prometheus"
    assert "postgres" in after["assistant"]
    assert "assistant" in after["loadtest"]


@every_service
def test_native_mode_knows_each_service(name: str) -> None:
    native = SERVICES[name]["x-native"]
    if native.get("skip"):
        assert set(native) == {"skip"}
        return
    assert set(native) <= {"program", "ready", "ports", "environment", "command", "without"}
    found = re.fullmatch(rf"http://{name}:(\d+)/\S*", native["ready"])
    assert found and int(found[1]) in container_ports(SERVICES[name])


def test_packages_of_the_images_are_installed_by_hash() -> None:
    dockerfile = (ROOT / "services" / "Dockerfile").read_text(encoding="utf-8")
    assert "PIP_REQUIRE_HASHES=1" in dockerfile
    named = set(re.findall(r"requirements/(\w+\.txt)", dockerfile))
    ours = {name for name, service in SERVICES.items() if "build" in service}
    assert named == {f"{name}.txt" for name in ours - {"init"}}
    assert {SERVICES[name]["build"]["target"] for name in ours} == ours
    for name in named:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        packages = re.findall(r"^[A-Za-z0-9][\w.-]*(?:\[[\w,-]+\])?==.*(?:\n +--hash=.*)*", text, re.MULTILINE)
        assert packages
        assert all("--hash=sha256:" in package for package in packages)


def test_the_final_images_run_as_the_one_user() -> None:
    dockerfile = (ROOT / "services" / "Dockerfile").read_text(encoding="utf-8")
    for name in (name for name, service in SERVICES.items() if "build" in service):
        stage = re.search(rf"^FROM \w+ AS {name}$(.*?)(?=^FROM|\Z)", dockerfile, re.MULTILINE | re.DOTALL)
        assert stage and "USER 10001:10001" in stage[1]
        assert SERVICES[name]["user"] == "10001:10001"
        assert SERVICES[name]["command"][:2] == re.findall(r'"([^"]+)"', stage[1].rsplit("CMD", 1)[1])[:2]


def test_every_folder_that_a_server_reads_below_its_mount_is_in_the_repository() -> None:
    """A mount is read-only: what is not there cannot be made, and git keeps no empty folder."""
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    named = []
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")[:2]
            if source.startswith("./"):
                text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / source).glob("*.y*ml"))
                paths = re.findall(rf"{re.escape(target)}/([\w./-]+)", text)
                named += [f"{source.removeprefix('./')}/{path}".rstrip("/") for path in paths]
    assert "loki/rules" in named
    assert [path for path in named if not any(name == path or name.startswith(f"{path}/") for name in kept)] == []

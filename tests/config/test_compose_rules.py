"""The same promises in Compose's own reading of docker-compose.yml, with anchors, merges and settings resolved.

`test_compose_settings.py` reads the text; what a merge or an anchor took away only shows here. Skipped without Compose.
"""

import re
from functools import cache
from typing import Any

import pytest

from lab import compose_file, envfile
from lab.commands import key as key_command
from lab.engines.native import secret_files
from lab.settings import ROOT
from services.init.files import GIVEN
from services.init.files import NAMES as SECRETS
from services.web import gunicorn
from tests.support.labs.compose_config import compose_config

NAMES = sorted(compose_file.load(ROOT / "docker-compose.yml", envfile.read(ROOT / ".env", {})))
every_service = pytest.mark.parametrize("name", NAMES)

# Images of which the file leaves the user as it is, with the user that their makers gave them.
# `make test-compose` looks.
USERS_OF_IMAGES = {
    "prom/prometheus": "no one",
    "prom/alertmanager": "no one",
    "grafana/loki": "10001",
    "grafana/tempo": "10001",
    "grafana/grafana": "472",
}
# Seconds to stop by itself, as measured, where gunicorn does not decide. Tempo may hang, whatever it is given.
SECONDS_TO_STOP = {"collector": 2.0, "prometheus": 1.6, "alertmanager": 2.0, "loki": 2.4, "grafana": 2.3, "tempo": 3.0}
MEGABYTE = 2**20


@cache
def document() -> dict[str, Any]:
    return compose_config(ROOT)


@pytest.fixture
def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["services"][name]
    return found


def test_both_readers_know_the_same_services() -> None:
    assert sorted(document()["services"]) == NAMES


@every_service
def test_a_container_has_no_rights(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    user = service.get("user") or USERS_OF_IMAGES[service["image"].split(":")[0]]
    assert user.split(":")[0] not in {"", "0", "root"}
    assert "0" not in service.get("group_add", ())
    # A default of the engine's for each of these; anything else opens the container.
    forbidden = {"privileged", "cap_add", "pid", "ipc", "uts", "userns_mode", "cgroup_parent", "devices", "sysctls"}
    assert not forbidden & service.keys()
    assert service.get("network_mode") in {None, "none"}
    assert "docker.sock" not in str(service)


@every_service
def test_a_container_has_limits(service: dict[str, Any]) -> None:
    assert 32 * MEGABYTE <= int(service["mem_limit"]) <= 1024 * MEGABYTE
    assert 0 < service["pids_limit"] <= 1024
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


def test_all_limits_together_fit_a_small_machine() -> None:
    assert sum(int(service["mem_limit"]) for service in document()["services"].values()) <= 4096 * MEGABYTE


@every_service
def test_an_image_is_pinned_and_its_tag_is_a_version(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z0-9/-]+:v?\d+\.\d+(\.\d+)?", service["image"])
    assert service.get("pull_policy") is None
    if "build" in service:
        assert service["image"].startswith("observability-lab/")
        assert set(service["build"]["args"]) == {"PYTHON_VERSION"}


@every_service
def test_ports_are_open_on_this_machine_alone(service: dict[str, Any]) -> None:
    assert {port["host_ip"] for port in service.get("ports", ())} <= {"127.0.0.1"}
    # Without a number the engine would draw one.
    assert all(int(port["published"]) > 0 for port in service.get("ports", ()))


@every_service
def test_what_of_the_checkout_is_seen_inside_is_read_only_and_labelled_for_selinux(service: dict[str, Any]) -> None:
    for mount in service.get("volumes", ()):
        assert mount["type"] in {"bind", "volume"}
        if mount["type"] == "bind":
            assert mount["source"].startswith(f"{ROOT}/")
            assert mount["read_only"] is True
            assert mount["bind"]["selinux"] == "z", "a second container must see it too: never Z"


@every_service
def test_only_the_init_service_can_write_secrets(name: str, service: dict[str, Any]) -> None:
    for mount in service.get("volumes", ()):
        if mount["source"] == "secrets":
            assert mount.get("read_only", False) is (name != "init")


@every_service
def test_no_secret_is_where_docker_inspect_shows_it(service: dict[str, Any]) -> None:
    for key, value in (service.get("environment") or {}).items():
        if re.search("PASSWORD|SECRET|TOKEN(_FILE)?$|KEY(_FILE)?$", key):
            assert re.match(r"(\$__file\{)?/run/lab/secrets\b", value), key
        assert not re.search(r"//[^/@\s]+:[^/@\s]+@", value), f"{key} has a password in its address"
    shown = " ".join([*service["command"], *(service.get("build", {}).get("args") or {}).values()])
    assert not re.search("(?i)password|secret|token", shown)


@every_service
def test_no_one_waits_for_health(name: str, service: dict[str, Any]) -> None:
    """Podman's compose ignores health conditions, and a slow start must not stop the others: the order is free."""
    for needed, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed == "init" else "service_started"
        assert how["condition"] == wanted, f"{name} -> {needed}"


@every_service
def test_a_container_is_given_the_time_that_it_needs_to_stop(name: str, service: dict[str, Any]) -> None:
    given = float(service["stop_grace_period"].removesuffix("s"))
    if "gunicorn" in service["command"]:
        last_spans = int(service["environment"]["OTEL_EXPORTER_OTLP_TIMEOUT"])
        assert given > gunicorn.graceful_timeout + last_spans
    else:
        assert given >= 1.5 * SECONDS_TO_STOP.get(name, 2)
    # `docker compose down` takes as long as the slowest chain of users and servers.
    assert given <= 20


def test_networks_part_those_who_have_nothing_to_say_to_each_other() -> None:
    inside = {name: set(service.get("networks", ())) for name, service in document()["services"].items()}

    def reached(name: str) -> set[str]:
        return {other for other in NAMES if other != name and inside[name] & inside[other]}

    assert reached("init") == set()
    assert reached("postgres") == {"assistant"}
    assert reached("loadtest") == {"assistant", "model", "prometheus"}
    assert not reached("model") & {"postgres", "loki", "tempo", "grafana", "alertmanager"}
    assert not reached("assistant") & {"loki", "tempo", "grafana", "alertmanager"}
    assert document()["networks"]["database"]["internal"] is True


@every_service
def test_environment_is_text(name: str) -> None:
    """Unquoted numbers and booleans are written again by each reader of YAML in its own way (1.0, 010, yes)."""
    raw = compose_file.load(ROOT / "docker-compose.yml", envfile.read(ROOT / ".env", {}))[name].raw
    for environment in (raw.get("environment", {}), raw["x-native"].get("environment", {})):
        assert not [key for key, value in environment.items() if not isinstance(value, str)]


def test_native_mode_makes_the_secrets_that_compose_makes() -> None:
    """All but the password of the database, which native mode has not."""
    made = set(secret_files.NAMES)
    assert made == set(SECRETS) - {"postgres_password"}
    read = {
        secret
        for service in compose_file.load(ROOT / "docker-compose.yml", envfile.read(ROOT / ".env", {})).values()
        if service.runs_natively
        for secret in re.findall(
            r"/run/lab/secrets/(\w+)", str({**service.environment, **service.native.get("environment", {})})
        )
    }
    assert read == made | set(GIVEN)
    assert GIVEN == (key_command.SECRET,), "what `lab key` gives is what `init` takes"

"""Traffic inside the lab never goes to a proxy, and hosts of the user's own NO_PROXY are kept."""

import json
import urllib.request
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab import compose_file
from lab.engines import docker
from lab.engines.native.derive import Derivation
from lab.envfile import read
from lab.proxies import docker_no_proxy, with_no_proxy
from lab.settings import ROOT, LabSettings

NAMES = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]) - {"init"}


def services(**shell: str) -> dict[str, compose_file.Service]:
    return compose_file.load(ROOT / "docker-compose.yml", read(ROOT / ".env", shell))


def goes_to_proxy(host: str, no_proxy: str) -> bool:
    """As Python's own clients decide it."""
    return not urllib.request.proxy_bypass_environment(host, {"no": no_proxy})


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("spelling", ["NO_PROXY", "no_proxy"])
def test_no_container_sends_the_labs_own_traffic_to_a_proxy(name: str, spelling: str) -> None:
    hosts = services()[name].environment[spelling]

    for host in (*NAMES, "localhost", "127.0.0.1"):
        assert not goes_to_proxy(host, hosts), host
    assert goes_to_proxy("api.example.com", hosts)
    assert "" not in hosts.split(",")


@pytest.mark.parametrize("name", sorted(NAMES - {"postgres"}))
def test_a_native_process_has_the_same_hosts(name: str, tmp_path: Path) -> None:
    known = services(NO_PROXY="models.corp.example")

    environment = Derivation(known[name], known, tmp_path).environment()

    assert environment["NO_PROXY"] == environment["no_proxy"] == known[name].environment["NO_PROXY"]
    assert not goes_to_proxy("models.corp.example", environment["NO_PROXY"])


def test_hosts_of_the_user_are_kept_together_with_the_labs() -> None:
    hosts = services(NO_PROXY="models.corp.example,10.1.2.3")["assistant"].environment["NO_PROXY"]

    assert hosts.endswith(",grafana,models.corp.example,10.1.2.3")
    for host in ("models.corp.example", "10.1.2.3", "model"):
        assert not goes_to_proxy(host, hosts)


def test_the_lower_case_spelling_of_the_shell_counts_and_the_other_one_wins(tmp_path: Path) -> None:
    home = {"LAB_HOME": str(tmp_path)}

    assert LabSettings.load({**home, "no_proxy": "a.example"}).values["NO_PROXY"] == "a.example"
    assert (
        LabSettings.load({**home, "no_proxy": "a.example", "NO_PROXY": "b.example"}).values["NO_PROXY"] == "b.example"
    )
    assert LabSettings.load(home).values["NO_PROXY"] == ""


@given(st.dictionaries(st.sampled_from(["NO_PROXY", "no_proxy", "PATH"]), st.text(max_size=4)))
def test_a_variable_that_is_set_is_never_changed(environment: dict[str, str]) -> None:
    made = with_no_proxy(environment)

    assert environment.items() <= made.items()
    assert made.keys() - environment.keys() <= {"NO_PROXY"}


def test_hosts_of_dockers_configuration_reach_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = {"proxies": {"default": {"httpProxy": "http://proxy.example:3128", "noProxy": "*.corp.example"}}}
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    settings = LabSettings.load({"LAB_HOME": str(tmp_path), "NO_PROXY": "models.example"})

    assert docker._environment(settings)["NO_PROXY"] == "models.example,*.corp.example"


def test_the_configuration_for_one_engine_wins_over_the_default(tmp_path: Path) -> None:
    proxies = {"default": {"noProxy": "a.example"}, "tcp://b:2375": {"noProxy": "b.example"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))

    assert docker_no_proxy({"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://b:2375"}) == "b.example"
    assert docker_no_proxy({"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://c:2375"}) == "a.example"


@given(
    st.one_of(
        st.binary(max_size=20),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["proxies", "default", "noProxy"]), inner, max_size=3)
            ),
        ).map(lambda content: json.dumps(content).encode()),
    )
)
def test_any_configuration_of_docker_is_survived(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("docker")
    (folder / "config.json").write_bytes(content)

    assert isinstance(docker_no_proxy({"DOCKER_CONFIG": str(folder)}), str)


def test_without_a_configuration_of_docker_there_are_no_hosts(tmp_path: Path) -> None:
    assert docker_no_proxy({"HOME": str(tmp_path)}) == ""

"""Every server's own program accepts its configuration, and refuses a broken one.

Checked are the files as native mode derives them: they differ from those of compose in addresses and folders only.
Grafana has no checker of its own: its provisioning is read here, and by a true Grafana where one runs.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.settings import ROOT
from tests.support.labs.compose_config import compose_command
from tests.support.labs.programs import program
from tests.support.servers.derived_servers import DerivedServers

# By case: the service, its checker, the arguments ({} is the folder of its configuration), and its main file.
CASES = {
    "prometheus": ("prometheus", "promtool", "check config {}/prometheus.yml", "prometheus.yml"),
    "alertmanager": ("alertmanager", "amtool", "check-config {}/alertmanager.yml", "alertmanager.yml"),
    "loki": ("loki", "loki", "-verify-config -config.expand-env=true -config.file={}/loki.yml", "loki.yml"),
    "tempo": ("tempo", "tempo", "-config.verify=true -config.expand-env=true -config.file={}/tempo.yml", "tempo.yml"),
    "collector with Tempo": (
        "collector",
        "otelcol",
        "validate --config={0}/config.yaml --config={0}/traces-tempo.yaml",
        "traces-tempo.yaml",
    ),
    "collector without Tempo": (
        "collector",
        "otelcol",
        "validate --config={0}/config.yaml --config={0}/traces-file.yaml",
        "traces-file.yaml",
    ),
}

every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture
def servers(tmp_path: Path) -> DerivedServers:
    return DerivedServers(tmp_path)


def check(servers: DerivedServers, case: str, folder: Path) -> subprocess.CompletedProcess[str]:
    service, checker, arguments, _ = CASES[case]
    return subprocess.run(
        [str(program(checker)), *arguments.format(folder).split()],
        env={**os.environ, **servers.derivation(service).environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@every_case
def test_a_server_accepts_its_configuration(servers: DerivedServers, case: str) -> None:
    done = check(servers, case, servers.write(CASES[case][0]))
    assert done.returncode == 0, done.stdout + done.stderr


@every_case
def test_a_checker_refuses_an_unknown_setting(servers: DerivedServers, case: str) -> None:
    folder = servers.write(CASES[case][0])
    with (folder / CASES[case][3]).open("a", encoding="utf-8") as text:
        text.write("\nno_such_setting: true\n")
    assert check(servers, case, folder).returncode != 0, "this checker accepts anything"


def test_docker_compose_accepts_the_compose_file() -> None:
    command = [*compose_command(), "--project-directory", str(ROOT), "config", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr


def provisioning(name: str) -> dict[str, Any]:
    text = (ROOT / "grafana" / "provisioning" / name / "lab.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def test_data_sources_have_fixed_uids_and_link_to_each_other() -> None:
    sources = {source["uid"]: source for source in provisioning("datasources")["datasources"]}
    assert set(sources) == {"prometheus", "loki", "tempo", "alertmanager"}
    assert all(source["uid"] == source["type"] and source["editable"] is False for source in sources.values())
    linked = re.findall(r"'datasourceUid': '([^']+)'", str(sources))
    assert len(linked) >= 5
    assert set(linked) <= set(sources)
    # Loki's and Tempo's own variables must reach Grafana: provisioning takes a single dollar for a variable of its own.
    assert "${__" not in str(sources).replace("$${__", "")


def test_grafana_gets_the_addresses_and_the_home_dashboard_that_its_provisioning_names(servers: DerivedServers) -> None:
    environment = servers.derivation("grafana").environment()
    for source in provisioning("datasources")["datasources"]:
        assert environment[source["url"].removeprefix("$")].startswith("http://127.0.0.1:")
    servers.write("grafana")
    assert Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).is_file()
    (provider,) = provisioning("dashboards")["providers"]
    assert (provider["disableDeletion"], provider["allowUiUpdates"]) == (True, False)


def test_grafana_lets_visitors_look_and_nothing_else(servers: DerivedServers) -> None:
    environment = servers.derivation("grafana").environment()
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_USERS_VIEWERS_CAN_EDIT"] == "true"
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("$__file{"), "never a password in the environment"

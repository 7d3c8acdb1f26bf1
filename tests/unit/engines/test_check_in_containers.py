"""`lab check` where only containers have the servers' checkers: what is run, and whose names its words carry.

`docker` is a script that says what amtool really said about a route to a missing receiver; no engine is asked.
"""

import shlex
import shutil
from pathlib import Path

import pytest

from lab.checks import check
from lab.settings import ROOT
from tests.support.servers.ports import free_ports

SAID = """Checking '/etc/alertmanager/alertmanager.yml'  FAILED: undefined receiver "heartbeat" used in route"""
DOCKER = f"""\
#!/bin/sh
echo "$@" >> LOG
case "$*" in *amtool*)
  echo {shlex.quote(SAID)}
  echo "amtool: error: failed to validate 1 file(s)" >&2
  exit 1
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `docker` was asked; this machine has no program of its own."""
    written = tmp_path / "docker.log"
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER.replace("LOG", str(written)))
    (folder / "docker").chmod(0o755)
    for tool in ("sh", "env"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "no-programs"))
    return written


def test_checkers_run_in_their_images_and_speak_of_the_checkouts_files(log: Path) -> None:
    [port] = free_ports(1)
    report = check(ROOT, {"LOKI_PORT": str(port)}, containers=True)
    [finding] = [finding for finding in report.findings if finding.file == "alertmanager/alertmanager.yml"]
    assert finding.text == 'undefined receiver "heartbeat" used in route'
    lines = (ROOT / finding.file).read_text().splitlines()
    assert "heartbeat" in lines[finding.line - 1]
    asked = log.read_text().splitlines()
    start = f"compose --project-directory {ROOT} run --rm --no-deps -T --entrypoint"
    assert f"{start} /bin/amtool alertmanager check-config /etc/alertmanager/alertmanager.yml" in asked
    assert f"{start} /bin/promtool prometheus check config --syntax-only /etc/prometheus/prometheus.yml" in asked
    [rules] = [line for line in asked if "check rules --lint=all --lint-fatal" in line]
    for file in (ROOT / "prometheus" / "rules").glob("*.yml"):
        assert f" /etc/prometheus/rules/{file.name}" in rules


def test_what_could_not_be_looked_at_is_named_with_its_reason(log: Path) -> None:
    [port] = free_ports(1)
    assert check(ROOT, {"LOKI_PORT": str(port)}, containers=True).unchecked == {
        "loki": "a running Loki checks its rules: `make up`"
    }
    without = check(ROOT, {"LOKI_PORT": str(port)}).unchecked
    assert set(without) == {"prometheus", "alertmanager", "loki", "tempo", "collector"}
    assert "amtool" in without["alertmanager"] or "alertmanager" in without["alertmanager"]

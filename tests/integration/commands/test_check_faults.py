"""`lab check` on a checkout in which every kind of file is broken: findings name file, line and remedy."""

import shutil
from pathlib import Path

import pytest

from lab.checks import Finding, Report, check
from lab.settings import ROOT
from loadtest.scenarios import catalogue
from tests.support.labs.checkout import change
from tests.support.labs.programs import program
from tests.support.servers.derived_servers import DerivedServers

PARTS = ("prometheus", "alertmanager", "loki", "tempo", "collector", "grafana", "oncall", "runbooks")

UNKNOWN_FUNCTION = """\
groups:
  - name: broken
    rules:
      - record: job:fine:rate1m
        expr: sum by (job) (rate(up[1m]))
      - record: job:broken:rate1m
        expr: |
          sum by (job) (
            ratee(up[1m])
          )
"""
BARE = """\
groups:
  - name: bare
    rules:
      - alert: NobodyKnowsWhy
        expr: up > 1
        labels:
          severity: urgent
          role: cause
        annotations:
          summary: nothing
          runbook_url: "{{ $externalLabels.pager_url }}/runbooks/ServiceDown"
          dashboard_url: "{{ $externalLabels.grafana_url }}/d/nowhere"
"""
TEMPLATE = """\
groups:
  - name: words
    rules:
      - record: job:words:count
        expr: count by (job) (up)
      - alert: ServiceDown
        expr: up > 1
        labels: {severity: page, role: cause, service: "{{ $labels.job }}"}
        annotations:
          summary: "{{ $labels.job "
          description: none
          runbook_url: "{{ $externalLabels.pager_url }}/runbooks/ServiceDown"
          dashboard_url: "{{ $externalLabels.grafana_url }}/d/service"
          logs_url: none
"""
TWICE = """\
groups:
  - name: twice
    rules:
      - {record: "job:twice:count", expr: count by (job) (up)}
      - {record: "job:twice:count", expr: count by (job) (up)}
"""
BROKEN_YAML = "groups:\n  - name: tab\n    rules:\n\t- record: a\n"


def copied(folder: Path) -> Path:
    """A checkout's files, to be broken."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".env", "docker-compose.yml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def intact() -> Report:
    """The lab's own files."""
    program("promtool")
    return check(environment={})


def test_the_labs_own_files_have_no_fault(intact: Report) -> None:
    assert [f"{finding.place}: {finding.text}" for finding in intact.findings] == []
    assert intact.checked > 20


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Finding], dict[str, int]]:
    """Everything broken at once: the findings, and the lines that the test knows."""
    for tool in ("promtool", "amtool", "loki"):
        program(tool)
    root = copied(tmp_path_factory.mktemp("checkout"))
    rules = root / "prometheus" / "rules"
    (rules / "unknown_function.yml").write_text(UNKNOWN_FUNCTION)
    (rules / "bare.yml").write_text(BARE)
    (rules / "template.yml").write_text(TEMPLATE)
    (rules / "broken_yaml.yml").write_text(BROKEN_YAML)
    (rules / "twice.yml").write_text(TWICE)
    (rules / "empty.yml").write_text("# nothing\n")
    (rules / "no_text.yml").write_bytes(b"groups: \xff\xfe")
    (rules / "folder.yml").mkdir()
    (rules / "notes.yaml").write_text(UNKNOWN_FUNCTION)
    (root / "loki" / "rules" / "misplaced.yml").write_text(UNKNOWN_FUNCTION)
    (root / "grafana" / "dashboards" / "service.json").write_text('{\n "title": \n}')
    with (root / "prometheus" / "prometheus.yml").open("a") as text:
        text.write("\nno_such_setting: true\n")
    log_rules = root / "loki" / "rules" / "fake" / "logs.yml"
    lines = {
        "setting": (root / "prometheus" / "prometheus.yml").read_text().count("\n"),
        "receiver": change(root / "alertmanager" / "alertmanager.yml", "receiver: heartbeat", "receiver: missing"),
        "logql": change(log_rules, "count_over_time(", "ratee("),
        "person": change(root / "oncall" / "rotation.yml", "{person: ada,", "{person: zoe,"),
    }
    change(rules / "slo-bookings.yml", "record: slo:objective:ratio", "record: slo:objective:ratios")
    return check(root, {}).findings, lines


def the(findings: list[Finding], file: str, about: str) -> Finding:
    """Return the only finding of a file whose text has `about`."""
    found = [finding for finding in findings if finding.file == file and about in finding.text]
    assert len(found) == 1, [finding for finding in findings if finding.file == file]
    return found[0]


@pytest.mark.parametrize(
    ("file", "line", "text", "remedy"),
    [
        ("prometheus/rules/unknown_function.yml", 9, 'unknown function with name "ratee"', "slip"),
        ("prometheus/rules/template.yml", 6, "unclosed action", "{{ ... }}"),
        ("prometheus/rules/broken_yaml.yml", 4, "is not YAML", "no tabs"),
        ("prometheus/rules/twice.yml", 4, "duplicate rule", "Rename one"),
        ("prometheus/rules/empty.yml", 0, "is empty", "git checkout -- prometheus/rules/empty.yml"),
        ("prometheus/rules/no_text.yml", 0, "is not UTF-8 text", "UTF-8"),
        ("prometheus/rules/folder.yml", 0, "cannot be read (Is a directory)", "that you can read"),
        ("prometheus/rules/notes.yaml", 0, "is read by no server", "prometheus/rules/*.yml"),
        ("prometheus/prometheus.yml", "setting", "no setting `no_such_setting`", "slip"),
        ("prometheus/rules/bare.yml", 4, "NobodyKnowsWhy has no runbook", "runbooks/NobodyKnowsWhy.md"),
        ("prometheus/rules/bare.yml", 7, "NobodyKnowsWhy has severity `urgent`", "page, ticket, none"),
        ("prometheus/rules/bare.yml", 7, "has no label `service`", "below `labels`"),
        ("prometheus/rules/bare.yml", 10, "has no annotation `description`", "below `annotations`"),
        ("prometheus/rules/bare.yml", 10, "has no annotation `logs_url`", "below `annotations`"),
        ("prometheus/rules/bare.yml", 10, "the runbook_url of another page", "/runbooks/NobodyKnowsWhy"),
        ("prometheus/rules/bare.yml", 10, "the dashboard `nowhere`", "service"),
        ("prometheus/rules/slo-bookings.yml", 0, "does not record slo:objective:ratio", "other SLO files"),
        ("alertmanager/alertmanager.yml", "receiver", 'undefined receiver "missing"', "`receivers` of this file"),
        ("loki/rules/fake/logs.yml", "logql", "AuthFailures is no LogQL", "Explore"),
        ("loki/rules/misplaced.yml", 0, "is read by no server", "loki/rules/fake/*.yml"),
        ("oncall/rotation.yml", "person", "`zoe` is not in `people`", "one person"),
        ("grafana/dashboards/service.json", 3, "is not JSON", "python -m grafana.source"),
    ],
)
def test_a_fault_is_named_with_file_line_and_remedy(
    broken: tuple[list[Finding], dict[str, int]], file: str, line: int | str, text: str, remedy: str
) -> None:
    findings, lines = broken
    finding = the(findings, file, text)
    assert finding.line == (lines[line] if isinstance(line, str) else line)
    assert remedy in finding.remedy


def test_nothing_else_is_blamed(broken: tuple[list[Finding], dict[str, int]], intact: Report) -> None:
    """A broken file causes no findings in other files, and no finding is reported twice."""
    findings, _ = broken
    known = {finding.text for finding in intact.findings}
    blamed = {finding.file for finding in findings if finding.text not in known}
    assert blamed == {
        "prometheus/rules/unknown_function.yml",
        "prometheus/rules/template.yml",
        "prometheus/rules/broken_yaml.yml",
        "prometheus/rules/twice.yml",
        "prometheus/rules/empty.yml",
        "prometheus/rules/no_text.yml",
        "prometheus/rules/folder.yml",
        "prometheus/rules/notes.yaml",
        "prometheus/prometheus.yml",
        "prometheus/rules/bare.yml",
        "prometheus/rules/slo-bookings.yml",
        "alertmanager/alertmanager.yml",
        "loki/rules/fake/logs.yml",
        "loki/rules/misplaced.yml",
        "oncall/rotation.yml",
        "grafana/dashboards/service.json",
    }
    # One finding for each fault, not one for each line of a checker's output.
    for file in ("prometheus/rules/twice.yml", "prometheus/rules/unknown_function.yml", "prometheus/prometheus.yml"):
        assert len([finding for finding in findings if finding.file == file]) == 1
    assert not [finding for finding in findings if str(ROOT) in finding.text or "/tmp/" in finding.text]
    assert all(finding.remedy for finding in findings)


def test_a_file_that_cannot_be_read_is_reported_and_its_server_left_alone(tmp_path: Path) -> None:
    root = copied(tmp_path)
    # Reading it fails for everybody, which no file mode does for root.
    (root / "alertmanager" / "closed.yml").symlink_to("/proc/self/mem")
    (root / "oncall" / "circle.yml").write_text("&a [*a]\n")
    (root / "oncall" / "rotation.yml").unlink()
    (root / "oncall" / "rotation.yml").symlink_to("nowhere")
    report = check(root, {})
    assert "cannot be read (Input/output error)" in the(report.findings, "alertmanager/closed.yml", "").text
    assert "refers to itself" in the(report.findings, "oncall/circle.yml", "").text
    assert "cannot be read (No such file" in the(report.findings, "oncall/rotation.yml", "").text
    assert len([finding for finding in report.findings if not finding.file.startswith("prometheus/")]) == 3


def test_without_a_loki_of_its_own_the_one_that_runs_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the lab runs in containers; their other checkers are answered for here."""
    servers = DerivedServers(tmp_path)
    loki = servers.server("loki")
    loki.start()
    try:
        docker = tmp_path / "bin" / "docker"
        docker.parent.mkdir()
        docker.symlink_to("/bin/true")
        monkeypatch.setenv("PATH", str(docker.parent))
        monkeypatch.setenv("LAB_CACHE", str(tmp_path / "no-programs"))
        root = copied(tmp_path / "checkout")
        line = change(root / "loki" / "rules" / "fake" / "logs.yml", "count_over_time(", "ratee(")
        report = check(root, {"LOKI_PORT": servers.settings.values["LOKI_PORT"]}, containers=True)
    finally:
        loki.stop()
    assert the(report.findings, "loki/rules/fake/logs.yml", "AuthFailures is no LogQL").line == line
    assert len([finding for finding in report.findings if finding.file.startswith("loki/")]) == 1
    assert report.unchecked == {}


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    root = copied(tmp_path)
    (root / "oncall" / "rotation.yml").unlink()
    (root / "alertmanager" / "alertmanager.yml").unlink()
    findings = check(root, {}).findings
    assert the(findings, "oncall/rotation.yml", "").text == "is missing"
    assert the(findings, "alertmanager/alertmanager.yml", "").text == "is missing"
    assert "git checkout -- alertmanager/alertmanager.yml" in the(findings, "alertmanager/alertmanager.yml", "").remedy


def test_broken_settings_are_reported_by_their_lines(tmp_path: Path) -> None:
    root = copied(tmp_path)
    line = change(root / ".env", "PROMETHEUS_PORT=9090", "PROMETHEUS_PORT=ninety")
    findings = check(root, {}).findings
    assert [(finding.file, finding.line) for finding in findings] == [(".env", line)]
    assert "a port from 1 to 65535" in findings[0].text


def test_a_broken_compose_file_is_reported_by_its_line(tmp_path: Path) -> None:
    root = copied(tmp_path)
    line = change(root / "docker-compose.yml", "  prometheus:\n", "  prometheus: [\n")
    findings = check(root, {}).findings
    assert [finding.file for finding in findings] == ["docker-compose.yml"]
    assert line <= findings[0].line <= line + 2


def test_a_scenario_that_cannot_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_by_test.py").write_text("import nothing_of_that_name\n")
    monkeypatch.setattr(catalogue, "__path__", [str(tmp_path)])
    root = copied(tmp_path / "checkout")
    finding = the(check(root, {}).findings, "loadtest/scenarios/catalogue/broken_by_test.py", "nothing_of_that_name")
    assert finding.line == 1

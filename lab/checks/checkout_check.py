"""Runs all checks on a checkout."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import compose_file
from lab.checks import alert_rules, server_configs
from lab.checks.checkers import Checkers
from lab.checks.finding import Finding
from lab.checks.loki_rules import check_loki_rules, free_ports
from lab.checks.yaml_files import YamlFile, read
from lab.errors import LabError
from lab.settings import ROOT, LabSettings
from loadtest.scenarios import registry

# Folders with files that servers and the pager read.
FOLDERS = ("prometheus", "alertmanager", "loki", "tempo", "collector", "grafana/provisioning", "oncall")
_ROTATION = "oncall/rotation.yml"
# The pager parses the rotation. It is run as a program, because the lab command imports no service.
_READ_ROTATION = (
    "import pathlib, sys; from services.pager.oncall.rotation import Rotation; "
    "print(*Rotation(pathlib.Path(sys.argv[1])).read().problems, sep='\\n')"
)


@dataclass
class Report:
    """Result of a check.

    Attributes:
        checked: number of checked files.
        unchecked: servers whose own checker could not be run, with the reason.
    """

    findings: list[Finding] = field(default_factory=list)
    checked: int = 0
    unchecked: dict[str, str] = field(default_factory=dict)


def check(root: Path = ROOT, environment: Mapping[str, str] = os.environ, *, containers: bool = False) -> Report:
    """Check every file of a checkout that a user may edit.

    Args:
        root: the checkout.
        environment: overrides `.env`.
        containers: run a checker in a container if this machine has no such program.
    """
    report = Report()
    try:
        settings = LabSettings.load(environment, root)
        services = compose_file.load(
            root / "docker-compose.yml", {**settings.values, **({} if containers else free_ports())}
        )
    except LabError as error:
        # Without these nothing else can be derived.
        report.findings = _of_settings(root, error)
        return report
    files, unread = _read_all(root, report)
    needed = [_ROTATION, *(f"{server}/{main}" for server, _, _, main in server_configs.CONFIGS)]
    found = [
        *report.findings,
        *alert_rules.unread(root),
        *(
            Finding(name, 0, "is missing", f"Restore it with `git checkout -- {name}`.")
            for name in needed
            if not os.path.lexists(root / name)
        ),
    ]
    for name, file in files.items():
        if name.startswith(("prometheus/rules/", "loki/rules/")):
            found += alert_rules.check_rules(root, file)
    with tempfile.TemporaryDirectory(prefix="lab-check-") as folder:
        tools = Checkers(settings, services, Path(folder), containers)
        broken = {finding.file for finding in found if finding.file not in files}
        tools.unchecked |= dict.fromkeys(unread, "some of its files cannot be read")
        reported = [*server_configs.check_configs(tools, files)]
        names = [name for name in files if re.fullmatch(r"prometheus/rules/[^/]+\.yml", name)]
        reported += server_configs.check_prometheus_rules(tools, names, files)
        if "loki" not in unread:
            reported += check_loki_rules(tools, files, settings.url("loki"))
        found += [finding for finding in reported if finding.file not in broken]
        report.unchecked = {name: why for name, why in tools.unchecked.items() if name not in unread}
    found += _boards(root, report)
    found += [
        Finding(one.file, one.line, one.reason, "Take another file of that folder as a pattern.")
        for one in registry.find()[1]
    ]
    if _ROTATION in files:
        found += _rotation(root, files[_ROTATION])
    report.findings = sorted(set(found))
    return report


def _of_settings(root: Path, error: LabError) -> list[Finding]:
    """Return the errors in `.env` and docker-compose.yml as findings, one per line."""
    file = "docker-compose.yml" if "docker-compose.yml" in error.message else ".env"
    first, *rest = error.message.splitlines()
    lines = [line.strip() for line in rest if line.strip()] if file == ".env" else []
    findings = []
    for text in lines or [first.replace(f"{root}/", "")]:
        numbered = re.fullmatch(r"line (\d+)(?: \([^)]*\))?: (.*)", text)
        number, what = (int(numbered[1]), numbered[2]) if numbered else (0, text)
        if place := re.search(r"line (\d+), column", error.message):
            number = number or int(place[1])
        findings.append(Finding(file, number, what, error.remedy))
    return findings


def _read_all(root: Path, report: Report) -> tuple[dict[str, YamlFile], set[str]]:
    """Return every YAML file by name, and the servers with files that cannot be read."""
    files, unread = {}, set()
    for folder in FOLDERS:
        for place in sorted((root / folder).rglob("*")):
            # A folder with the name of a YAML file is a finding too.
            if place.suffix not in {".yml", ".yaml"} and (place.is_dir() or os.access(place, os.R_OK)):
                continue
            report.checked += 1
            file, findings = read(root, place)
            report.findings += findings
            if file:
                files[file.name] = file
            elif any("cannot be read" in finding.text for finding in findings) and not place.is_dir():
                unread.add(folder)
    return files, unread


def _boards(root: Path, report: Report) -> Iterator[Finding]:
    for place in sorted((root / "grafana" / "dashboards").glob("*.json")):
        report.checked += 1
        name = place.relative_to(root).as_posix()
        try:
            json.loads(place.read_text(encoding="utf-8"))
        except OSError as error:
            yield Finding(name, 0, f"cannot be read ({error.strerror})", "It must be a file that you can read.")
        except json.JSONDecodeError as error:
            yield Finding(
                name, error.lineno, f"is not JSON: {error.msg}", "Generate it again with `python -m grafana.source`."
            )


def _rotation(root: Path, file: YamlFile) -> Iterator[Finding]:
    command = [sys.executable, "-c", _READ_ROTATION, str(root / file.name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        yield Finding(file.name, 0, f"the pager cannot read it: {done.stderr.strip()[-200:]}", "`lab logs pager`.")
    for problem in filter(None, done.stdout.splitlines()):
        number = re.search(r"\bline (\d+)\b", problem)
        words = [word for word in re.findall(r"`([^`]+)`", problem) if file.line_of(word)]
        line = int(number[1]) if number else next((file.line_of(word) for word in words), 0)
        yield Finding(file.name, line, problem, "Each moment of the week needs one person of `people` on each level.")

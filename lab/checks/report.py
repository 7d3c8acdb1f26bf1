"""All checks of one checkout, one after the other."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import compose_file
from lab.checks import alerts, servers
from lab.checks.checkers import checkers
from lab.checks.loki_rules import check_loki_rules, free_ports
from lab.checks.texts import YamlFile, read
from lab.checks.types import Fault
from lab.errors import LabError
from lab.settings import ROOT, LabSettings
from loadtest import registry

# Folders with files that servers and the pager read.
FOLDERS = ("prometheus", "alertmanager", "loki", "tempo", "collector", "grafana/provisioning", "oncall")
_ROTATION = "oncall/rotation.yml"
# The pager reads the rotation; asked as a program, because the lab command knows no service.
_ASK_PAGER = (
    "import pathlib, sys; from services.pager.rotation import Rotation; "
    "print(*Rotation(pathlib.Path(sys.argv[1])).read().problems, sep='\\n')"
)


@dataclass
class Report:
    """What was found.

    Attributes:
        checked: number of files that were looked at.
        lacking: servers whose own checker could not be run, with the reason.
    """

    faults: list[Fault] = field(default_factory=list)
    checked: int = 0
    lacking: dict[str, str] = field(default_factory=dict)


def check(root: Path = ROOT, environment: Mapping[str, str] | None = None, *, containers: bool = False) -> Report:
    """Look at every file of a checkout that a user may edit.

    Args:
        root: the checkout.
        environment: what the shell sets over `.env`; by default the process's own.
        containers: run the servers' checkers in containers where this machine has not the programs themselves.
    """
    report = Report()
    try:
        settings = LabSettings.load(environment, root)
        services = compose_file.load(
            root / "docker-compose.yml", {**settings.values, **({} if containers else free_ports())}
        )
    except LabError as error:
        # Without these nothing else can be derived.
        report.faults = _of_settings(root, error)
        return report
    files, unread = _read_all(root, report)
    needed = [_ROTATION, *(f"{server}/{main}" for server, _, _, main in servers.CONFIGS)]
    found = [
        *report.faults,
        *alerts.unread(root),
        *(
            Fault(name, 0, "is missing", f"Restore it with `git checkout -- {name}`.")
            for name in needed
            if not os.path.lexists(root / name)
        ),
    ]
    for name, file in files.items():
        if name.startswith(("prometheus/rules/", "loki/rules/")):
            found += alerts.check_rules(root, file)
    with checkers(settings, services, containers) as tools:
        spoilt = {fault.file for fault in found if fault.file not in files}
        tools.lacking |= dict.fromkeys(unread, "some of its files cannot be read")
        said = [*servers.check_configs(tools, files)]
        names = [name for name in files if re.fullmatch(r"prometheus/rules/[^/]+\.yml", name)]
        said += servers.check_prometheus_rules(tools, names, files)
        if "loki" not in unread:
            said += check_loki_rules(tools, files, settings.url("loki"))
        found += [fault for fault in said if fault.file not in spoilt]
        report.lacking = {name: why for name, why in tools.lacking.items() if name not in unread}
    found += _boards(root, report)
    found += [
        Fault(one.file, one.line, one.reason, "Take another file of that folder as a pattern.")
        for one in registry.find()[1]
    ]
    if _ROTATION in files:
        found += _rotation(root, files[_ROTATION])
    report.faults = sorted(set(found))
    return report


def _of_settings(root: Path, error: LabError) -> list[Fault]:
    """What the readers of `.env` and docker-compose.yml say, a fault a line."""
    file = "docker-compose.yml" if "docker-compose.yml" in error.message else ".env"
    first, *rest = error.message.splitlines()
    lines = [line.strip() for line in rest if line.strip()] if file == ".env" else []
    faults = []
    for text in lines or [first.replace(f"{root}/", "")]:
        numbered = re.fullmatch(r"line (\d+)(?: \([^)]*\))?: (.*)", text)
        number, what = (int(numbered[1]), numbered[2]) if numbered else (0, text)
        if place := re.search(r"line (\d+), column", error.message):
            number = number or int(place[1])
        faults.append(Fault(file, number, what, error.remedy))
    return faults


def _read_all(root: Path, report: Report) -> tuple[dict[str, YamlFile], set[str]]:
    """Every YAML file by name, and the servers that could not read all of theirs."""
    files, unread = {}, set()
    for folder in FOLDERS:
        for place in sorted((root / folder).rglob("*")):
            # A folder with the name of a file is read as one, and told as what it is.
            if place.suffix not in {".yml", ".yaml"} and (place.is_dir() or os.access(place, os.R_OK)):
                continue
            report.checked += 1
            file, faults = read(root, place)
            report.faults += faults
            if file:
                files[file.name] = file
            elif any("cannot be read" in fault.text for fault in faults) and not place.is_dir():
                unread.add(folder)
    return files, unread


def _boards(root: Path, report: Report) -> Iterator[Fault]:
    for place in sorted((root / "grafana" / "dashboards").glob("*.json")):
        report.checked += 1
        name = place.relative_to(root).as_posix()
        try:
            json.loads(place.read_text(encoding="utf-8"))
        except OSError as error:
            yield Fault(name, 0, f"cannot be read ({error.strerror})", "It must be a file that you can read.")
        except json.JSONDecodeError as error:
            yield Fault(
                name, error.lineno, f"is not JSON: {error.msg}", "Make it anew with `python -m grafana.source`."
            )


def _rotation(root: Path, file: YamlFile) -> Iterator[Fault]:
    command = [sys.executable, "-c", _ASK_PAGER, str(root / file.name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        yield Fault(file.name, 0, f"the pager cannot read it: {done.stderr.strip()[-200:]}", "`lab logs pager`.")
    for problem in filter(None, done.stdout.splitlines()):
        number = re.search(r"\bline (\d+)\b", problem)
        words = [word for word in re.findall(r"`([^`]+)`", problem) if file.line_of(word)]
        line = int(number[1]) if number else next((file.line_of(word) for word in words), 0)
        yield Fault(file.name, line, problem, "Each moment of the week needs one person of `people` on each level.")

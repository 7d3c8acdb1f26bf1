"""Checks Loki's rule files with a Loki, because there is no separate checker for them.

Native mode runs one over the files for half a second, on its own ports. In containers the running Loki parses
each expression.
"""

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from lab.checks.checkers import CheckerOutput, Checkers
from lab.checks.finding import Finding, remedy_for
from lab.checks.server_configs import parse_findings
from lab.checks.yaml_files import YamlFile, entries, first_line, value_of
from lab.query.http import new_client

READY_SECONDS = 30
_PARSE_ERROR = re.compile(r"parse error(?: at line (?P<line>\d+), col \d+)?:? ?(?P<text>.*)", re.DOTALL)
_UNLISTED = re.compile(r'msg="unable to list rules" err="(?P<text>.*error parsing (?P<rest>.*))"')


def free_ports() -> dict[str, str]:
    """Return free ports as settings, so that the Loki of a check reaches neither the lab's nor its Alertmanager."""
    ports = {}
    for key in ("LOKI_PORT", "LOKI_GRPC_PORT", "ALERTMANAGER_PORT"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports[key] = str(probe.getsockname()[1])
    return ports


def check_loki_rules(checkers: Checkers, files: Mapping[str, YamlFile], running: str) -> Iterator[Finding]:
    """Yield the findings in all rule files; `running` is the URL of the lab's own Loki."""
    rules = {name: file for name, file in files.items() if name.startswith("loki/rules/fake/")}
    if not rules:
        return
    program = checkers.program("loki", "loki")
    with new_client() as client:
        if program is None:
            if not _answers(client, f"{running}/ready"):
                checkers.unchecked.setdefault("loki", "a running Loki checks its rules: `make up`")
                return
            yield from _expressions(client, running, rules)
            return
        with _loki(checkers, program, client) as (url, output):
            if not url:
                return  # its configuration is invalid; `check_configs` reports that
            found = list(_expressions(client, url, rules))
            yield from found
            reported = {finding.file for finding in found}
            error = checkers.named("loki", _load_error(client, url, output))
            if error and not any(name in error for name in reported):
                main = next((name for name in rules if name in error), next(iter(rules)))
                yield from parse_findings(CheckerOutput(1, error), main, rules)


def _expressions(client: httpx.Client, url: str, files: Mapping[str, YamlFile]) -> Iterator[Finding]:
    for name, file in files.items():
        for kind in ("alert", "record"):
            for _, rule in entries(file.node, kind):
                about, expr = value_of(rule, kind), value_of(rule, "expr")
                if not isinstance(expr, yaml.ScalarNode) or about is None:
                    continue
                answer = client.post(f"{url}/loki/api/v1/format_query", data={"query": str(expr.value)})
                if answer.is_success:
                    continue
                error = answer.text.strip()
                place = _PARSE_ERROR.search(error)
                inner = int(place["line"] or 1) if place else 1
                text = f"the expression of {about.value} is no LogQL: {place['text'] if place else error}"
                yield Finding(name, first_line(expr) + inner - 1, text, remedy_for("parse error"))


def _load_error(client: httpx.Client, url: str, output: Path) -> str:
    """Return the error for which the ruler loads none of the files; empty if it loads them."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if found := _UNLISTED.search(output.read_text(encoding="utf-8", errors="replace")):
            return found["rest"].replace('\\"', '"').replace("\\n", "\n")
        if _answers(client, f"{url}/prometheus/api/v1/rules"):
            return ""
        time.sleep(0.1)
    return ""


@contextmanager
def _loki(checkers: Checkers, program: Path, client: httpx.Client) -> Iterator[tuple[str, Path]]:
    """Run a Loki over the derived files; yield its URL (empty if it does not start) and its output file."""
    derivation = checkers.derived("loki")
    url = derivation.ready_url()
    output = derivation.folder / "loki.out"
    with output.open("w") as file:
        process = subprocess.Popen(
            [str(program), *derivation.arguments(program, ())],
            env=dict(derivation.environment()),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while process.poll() is None and time.monotonic() < deadline and not _answers(client, url):
                time.sleep(0.1)
            alive = process.poll() is None
            yield url.removesuffix("/ready") if alive else "", output
        finally:
            # It has no data to save.
            process.kill()
            process.wait()


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False

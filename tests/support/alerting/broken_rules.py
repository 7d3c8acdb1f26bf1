"""Broken rules: one rule of a copy is changed, and promtool's tests of an alert are run against that."""

import re
import subprocess
from pathlib import Path

import yaml

from tests.support.alerting.rules import RULE_TESTS, RULES
from tests.support.labs.programs import program


def tests_of(alert: str) -> Path:
    """The file with promtool's tests of an alert."""
    return RULE_TESTS / f"{re.sub(r'(?<!^)(?=[A-Z])', '_', alert).lower()}.yml"


def fails(folder: Path, alert: str, rule: str, good: str, bad: str) -> bool:
    """Put `bad` in the place of `good` in one rule of a copy; report whether the tests of the alert fail then."""
    tests = tests_of(alert)
    (folder / "rules").mkdir()
    (folder / "tests").mkdir()
    (folder / "tests" / tests.name).write_text(tests.read_text())
    broken = 0
    for name in yaml.safe_load(tests.read_text())["rule_files"]:
        text = (RULES / name).resolve().read_text()
        head, found, rest = text.partition(f"- {rule}\n")
        if found:
            body, end, tail = _parted(rest)
            assert good in body, f"{rule} has no {good!r}"
            text = head + found + body.replace(good, bad) + end + tail
            broken += 1
        (folder / "rules" / Path(name).name).write_text(text)
    assert broken == 1, f"{rule} is in {broken} of the files that {tests.name} loads"
    done = subprocess.run(
        [program("promtool"), "test", "rules", folder / "tests" / tests.name],
        capture_output=True,
        text=True,
        check=False,
        # A busy machine takes ten times as long.
        timeout=180,
    )
    # A rule that cannot be loaded proves nothing.
    assert "parse error" not in done.stderr + done.stdout, done.stderr + done.stdout
    return done.returncode != 0


def _parted(text: str) -> tuple[str, str, str]:
    """A rule's own text, and what comes after it."""
    end = re.search(r"^ *- (alert|record|name): |^groups:", text, flags=re.MULTILINE)
    return (text[: end.start()], "", text[end.start() :]) if end else (text, "", "")

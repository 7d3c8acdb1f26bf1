"""What the lab command prints is what was said: names of recording rules have colons, and are no emoji."""

import io
import re

import pytest
from rich.table import Table

from lab.checks.checkout_check import Report
from lab.checks.finding import Finding
from lab.commands.check import show
from lab.console import Console
from lab.settings import ROOT


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_text_with_colons_stays_as_it_is(out: io.StringIO) -> None:
    console = Console(file=out, width=100)
    console.print("job:b:rate5m")
    table = Table()
    table.add_column("rule")
    table.add_row("job:x:rate5m")
    console.print(table)
    assert "job:b:rate5m" in out.getvalue()
    assert "job:x:rate5m" in out.getvalue()


def test_a_fault_names_the_rule_as_it_is_called(out: io.StringIO) -> None:
    fault = Finding("prometheus/rules/broken.yml", 5, '"a:b:c" could not be parsed', "Look at `job:o:x`.")
    show(Report([fault]), Console(file=out, width=100))
    assert '"a:b:c" could not be parsed' in out.getvalue()
    assert "Look at `job:o:x`." in out.getvalue()


def test_no_command_writes_past_it() -> None:
    files = [file for file in sorted((ROOT / "lab").rglob("*.py")) if file.name != "console.py"]
    past = r"from rich\.console import .*\bConsole\b|\brich\.console\b(?! import)|rich import print"
    assert [file.name for file in files if re.search(past, file.read_text())] == []

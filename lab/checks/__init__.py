"""`lab check`: what is wrong in the lab's files, by file and line, before any server reads them.

Two kinds of eyes: the servers' own checkers (promtool, amtool, `loki -verify-config` ...), and ours for what no server
knows, such as an alert without its runbook.
"""

from lab.checks.report import Report, check
from lab.checks.types import Fault

__all__ = ["Fault", "Report", "check"]

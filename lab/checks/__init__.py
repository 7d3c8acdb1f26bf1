"""`lab check`: validates the configuration files before a server reads them.

It runs the servers' own checkers (promtool, amtool, `loki -verify-config` ...) and the lab's own rules, such as a
runbook for each alert.
"""

from lab.checks.checkout_check import Report, check
from lab.checks.finding import Finding

__all__ = ["Finding", "Report", "check"]

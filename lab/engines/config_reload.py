"""Files that servers read again while they run, and files that they read only at a start."""

import re

# Loki's ruler, Grafana and the pager poll their files.
RELOADED_BY_SIGHUP = ("prometheus", "alertmanager")
_READ_AGAIN = re.compile(r"(prometheus|alertmanager|loki/rules|grafana/dashboards|runbooks|oncall)/.*")


def at_start_only(name: str) -> bool:
    """Return whether a server reads this file of the checkout only at its start."""
    return not _READ_AGAIN.fullmatch(name)

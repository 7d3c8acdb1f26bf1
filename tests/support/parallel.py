"""How the tests are shared out when several run at once: those of whole labs in one process, the rest next to them."""

import re
from functools import cache

import pytest
from xdist.scheduler import LoadScopeScheduling

from lab.settings import ROOT

# The labs of a session are made once a process: tests in two would start them twice.
_WHOLE_LAB = re.compile(r"\b(running_lab|quiet_lab|RunningLab|lab: Lab)\b")
# Long waits first, so that what computes fills the end.
_ORDER = ("labs", "tests/integration/", "tests/browser/", "tests/")


@cache
def share(file: str) -> str:
    """Return the name of what runs in one process, in order: `labs` for files that use whole labs, else the file."""
    text = (ROOT / file).read_text(encoding="utf-8") if file.startswith("tests/integration/") else ""
    return "labs" if _WHOLE_LAB.search(text) else file


def in_order(items: list[pytest.Item]) -> None:
    """Sort the tests of a worker; the order within a file stays."""

    def rank(item: pytest.Item) -> int:
        name = share(item.nodeid.partition("::")[0])
        return next(number for number, start in enumerate(_ORDER) if name.startswith(start))

    items.sort(key=rank)


class Shares(LoadScopeScheduling):
    """Hands out `share`s."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid.partition("::")[0])

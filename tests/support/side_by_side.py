"""How the tests are shared out when several run at once: whole labs after one another, the rest beside them."""

import re
from functools import cache

import pytest
from xdist.scheduler import LoadScopeScheduling

from lab.settings import ROOT

# Two whole labs at once are more than two cores and 4 GiB carry without being late.
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


def ports_of(worker: str, ports: range) -> range:
    """Return the ports of one worker (`gw0`, ... or empty for all): none takes another's while its server is away."""
    number = worker.removeprefix("gw")
    if not number:
        return ports
    size = len(ports) // 8
    start = ports.start + int(number) % 8 * size
    return range(start, start + size)

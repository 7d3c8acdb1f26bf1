"""Free ports for servers that a test starts."""

import os
import random
import socket

# Below the range that Linux gives to outgoing connections (from 32768), so that no client takes one in between.
_RANGE = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 without a listener."""
    found: list[int] = []
    own = _of_this_worker()
    for port in random.sample(own, len(own)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports left")


def _of_this_worker() -> range:
    """All ports; a share of them where several processes run tests: none takes another's while its server is away."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return _RANGE[number::workers]

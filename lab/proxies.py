"""Hosts that the user reaches without a proxy: those of the shell, and those of Docker's client configuration."""

import json
from collections.abc import Mapping
from pathlib import Path

NO_PROXY = "NO_PROXY"


def with_no_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, with NO_PROXY also where the shell has only its lower-case spelling."""
    lower = {NO_PROXY: environment[NO_PROXY.lower()]} if NO_PROXY.lower() in environment else {}
    return {**lower, **environment}


def docker_no_proxy(environment: Mapping[str, str]) -> str:
    """Return the hosts of `noProxy` in Docker's client configuration, empty if there is none.

    Docker sets them in each container, unless the container has a NO_PROXY of its own, as those of the lab have.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "~")).expanduser() / ".docker")
    try:
        proxies = json.loads((folder / "config.json").read_text(encoding="utf-8"))["proxies"]
        found = proxies.get(environment.get("DOCKER_HOST", "")) or proxies["default"]
        return str(found["noProxy"] or "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""

"""Trusted hosts: a service answers only requests for the names it is known by.

A page of another site can reach 127.0.0.1 by a name of its own that resolves there (DNS rebinding). Its requests carry
that name in `Host`.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, NamedTuple, cast

from flask import Flask, current_app, request
from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.telemetry import Telemetry, names
from services.web.problems import Problem

# This machine, and our services in docker-compose.yml.
DEFAULT_HOSTS = ("localhost", "127.0.0.1", "::1", "assistant", "model", "pager", "host.docker.internal")
# What a server binds to accept every address; no client is meant to send them.
_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104
# Key in `app.extensions`.
_EXTENSION = "trusted_hosts"
# RFC 3986, section 3.2, without user information. Container networks have names with an underscore.
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]*))?")


class Host(NamedTuple):
    """A host of a `Host` or `Origin` header: its name in lower case or its address, and its port; empty by default."""

    name: str
    port: str


def parse_host(text: str) -> Host | None:
    """Parse `name`, `name:port`, `address:port` or `[address]:port`; return None for anything else."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    try:
        name = str(ipaddress.IPv6Address(found["address"])) if found["address"] else found["name"].lower()
    except ValueError:
        return None
    # DNS: `localhost.` is `localhost`.
    name = name.removesuffix(".")
    return Host(name, found["port"] or "") if name else None


def _parse_setting(value: object) -> object:
    """Parse names and addresses separated by commas.

    Raises:
        ValueError: one is neither.
    """
    entries = value.split(",") if isinstance(value, str) else value
    return tuple(_parse_entry(entry.strip()) for entry in cast(Iterable[str], entries) if entry.strip())


def _parse_entry(text: str) -> str:
    is_bare_address = text.count(":") > 1 and not text.startswith("[")
    # Browsers send international names in the form of IDNA.
    host = parse_host(f"[{text}]" if is_bare_address else text if text.isascii() else text.encode("idna").decode())
    if host is None:
        raise ValueError(f"{text} is not a host; give names or addresses separated by commas: lab.example,192.168.1.20")
    return host.name


class HostSettings(BaseSettings):
    """Read from TRUSTED_HOSTS, and from LISTEN, the address that gunicorn binds."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    # In addition to DEFAULT_HOSTS. A name with a dot in front covers its subdomains.
    trusted_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_setting)] = ()
    listen: str = ""

    def all(self) -> frozenset[str]:
        """Return all names and addresses that the service is known by."""
        bound = parse_host(self.listen)
        address = () if bound is None or bound.name in _ANY_ADDRESS else (bound.name,)
        return frozenset((*DEFAULT_HOSTS, *address, *self.trusted_hosts))


class TrustedHosts:
    """The names that a service is known by, and the counter of requests for other names."""

    def __init__(self, trusted: Iterable[str], telemetry: Telemetry) -> None:
        self._names = frozenset(trusted)
        self._domains = tuple(name for name in self._names if name.startswith("."))
        self._telemetry = telemetry
        self._counter = telemetry.counter(
            names.UNTRUSTED_HOSTS,
            "Requests refused because a header names a host that the service is not known by.",
            names.UNTRUSTED_HOSTS_LABELS,
            initial=[{"header": header} for header in ("host", "origin")],
        )

    def check_host(self) -> None:
        """Check the host that the current request is for. A request without one, as of HTTP/1.0, passes.

        Raises:
            Problem: 400, the same for every name.
        """
        text = request.headers.get("Host", "")
        if text and not self._is_trusted(parse_host(text)):
            self._telemetry.inc(self._counter, header="host")
            detail = "The service is not known by the name in the header Host; add the name to TRUSTED_HOSTS in .env."
            raise Problem(400, "Untrusted host", detail)

    def is_own_origin(self) -> bool:
        """Return whether the current request has no Origin, or that of a page of this service; count others."""
        text = request.headers.get("Origin")
        if text is None:
            return True
        origin, host = parse_host(text.partition("://")[2]), parse_host(request.headers.get("Host", ""))
        # Another port is another service, unless the browser says that the page is of this one (behind a proxy).
        is_same = request.headers.get("Sec-Fetch-Site") == "same-origin" or (
            origin is not None and host is not None and origin.port == host.port
        )
        if is_same and self._is_trusted(origin):
            return True
        self._telemetry.inc(self._counter, header="origin")
        return False

    def _is_trusted(self, host: Host | None) -> bool:
        return host is not None and (host.name in self._names or f".{host.name}".endswith(self._domains))


def init_app(app: Flask, telemetry: Telemetry, settings: HostSettings | None = None) -> None:
    """Refuse requests for hosts that are not trusted on every route; call it before the app's other hooks are added."""
    trusted = app.extensions[_EXTENSION] = TrustedHosts((settings or HostSettings()).all(), telemetry)
    app.before_request(trusted.check_host)


def trusted_hosts() -> TrustedHosts:
    """Return the trusted hosts of the request's app."""
    return cast(TrustedHosts, current_app.extensions[_EXTENSION])

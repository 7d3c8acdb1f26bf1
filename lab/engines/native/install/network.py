"""HTTP requests that fail early when a host does not answer."""

import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from lab.errors import LabError

# A retry does not fix these.
FINAL = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL)


class UnavailableError(LabError):
    """The program cannot be obtained from this source; another one may have it."""


class UnreachableError(UnavailableError):
    """The host does not answer; its other files are not tried."""


@dataclass(frozen=True)
class Limits:
    """Time-outs and retries.

    Attributes:
        connect: seconds for name and connection; a host that does not answer by then is not tried again.
        stall: seconds without a byte.
        tries: failures in a row without a single new byte.
        pause: seconds before the second try; doubled for each one after it.
    """

    connect: float = 4.0
    stall: float = 20.0
    tries: int = 4
    pause: float = 0.5


@dataclass(frozen=True)
class Watcher:
    """Callbacks for progress and cancellation.

    Attributes:
        say: called with the current step.
        note: called with what the user must know even if another source succeeds.
        stopped: returns whether to cancel.
    """

    say: Callable[[str], None]
    note: Callable[[str], None]
    stopped: Callable[[], bool] = lambda: False


def text_of(url: str, limits: Limits) -> str:
    """Download a small text file and return its text.

    Raises:
        UnavailableError: it cannot be downloaded.
    """
    check_reachable(url, limits.connect)
    try:
        with client(limits) as web:
            answer = web.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(f"{url} cannot be read ({first_line(error)})") from error
    require_https(url, answer)
    if answer.status_code != httpx.codes.OK:
        raise UnavailableError(f"{url} answers {answer.status_code}")
    return answer.text


def client(limits: Limits) -> httpx.Client:
    """Return a client with time-outs that follows redirects, to other hosts too.

    Raises:
        UnavailableError: the proxy of the environment cannot be used.
    """
    timeout = httpx.Timeout(limits.stall, connect=limits.connect)
    try:
        return httpx.Client(timeout=timeout, follow_redirects=True, headers={"User-Agent": "observability-lab"})
    except (ImportError, ValueError) as error:
        raise UnavailableError(f"the proxy that the environment names cannot be used ({first_line(error)})") from error


def check_reachable(url: str, seconds: float) -> None:
    """Check that a server, or the proxy before it, accepts connections.

    The time-out of a plain connection is per address, and does not count for the resolver of names.

    Raises:
        UnreachableError: it does not answer in time.
    """
    host, port = _address(url)
    fault = f"{host} does not answer within {seconds:g} s"

    def connect() -> None:
        nonlocal fault
        try:
            socket.create_connection((host, port), timeout=seconds).close()
            fault = ""
        except socket.gaierror:
            fault = f"the name {host} cannot be resolved"
        except OSError as error:
            fault = f"{host}:{port} cannot be reached ({error.strerror or error})"

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    if fault:
        raise UnreachableError(fault)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def require_https(url: str, answer: httpx.Response) -> None:
    """Check that no redirect has left https.

    Raises:
        UnavailableError: one has.
    """
    hops = [str(each.url) for each in (*answer.history, answer)]
    if url.startswith("https:") and any(not hop.startswith("https:") for hop in hops):
        raise UnavailableError(f"{url} is redirected to an address without https")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    if isinstance(error, httpx.ReadTimeout):
        return "no byte came in time"
    return str(error).splitlines()[0] if str(error) else type(error).__name__

"""Asks a server on the network, or finds out soon that nobody answers."""

import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from lab.errors import LabError

# No second try mends these.
FINAL = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL)


class NotHadError(LabError):
    """This way does not lead to the program; another one may."""


class UnreachableError(NotHadError):
    """Nobody answers there: asking for another file is of no use."""


@dataclass(frozen=True)
class Patience:
    """When to give up.

    Attributes:
        connect: seconds for name and connection together; who does not answer by then is asked no second time.
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
    """Who hears of the progress, and may end the work.

    Attributes:
        say: is called with what is going on now.
        note: is called with what a person must be told even if the work goes on in another way.
        stopped: tells whether to give up.
    """

    say: Callable[[str], None]
    note: Callable[[str], None]
    stopped: Callable[[], bool] = lambda: False


def text_of(url: str, patience: Patience) -> str:
    """A small text file.

    Raises:
        NotHadError: it cannot be had.
    """
    knock(url, patience.connect)
    try:
        with client(patience) as web:
            answer = web.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotHadError(f"{url} cannot be read ({first_line(error)})") from error
    same_safety(url, answer)
    if answer.status_code != httpx.codes.OK:
        raise NotHadError(f"{url} answers {answer.status_code}")
    return answer.text


def client(patience: Patience) -> httpx.Client:
    """A client that follows redirects (to other hosts, too) and does not wait for ever."""
    timeout = httpx.Timeout(patience.stall, connect=patience.connect)
    try:
        return httpx.Client(timeout=timeout, follow_redirects=True, headers={"User-Agent": "observability-lab"})
    except (ImportError, ValueError) as error:
        raise NotHadError(f"the proxy that the environment names cannot be used ({first_line(error)})") from error


def knock(url: str, seconds: float) -> None:
    """Find out soon whether a server, or the proxy before it, answers at all.

    A resolver that does not answer, or a host with many addresses that swallow packets, would hold a plain connection
    many times as long as its time-out says.

    Raises:
        UnreachableError: it does not answer in time.
    """
    host, port = _door(url)
    came: list[str] = []

    def try_it() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
            came.append("")
        except socket.gaierror:
            came.append(f"the name {host} cannot be resolved")
        except OSError as error:
            came.append(f"{host}:{port} cannot be reached ({error.strerror or error})")

    thread = threading.Thread(target=try_it, daemon=True)
    thread.start()
    thread.join(seconds)
    if not came:
        raise UnreachableError(f"{host} does not answer within {seconds:g} s")
    if came[0]:
        raise UnreachableError(came[0])


def _door(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def same_safety(url: str, answer: httpx.Response) -> None:
    """Refuse what was redirected from https to an address without it.

    Raises:
        NotHadError: it was.
    """
    hops = [str(each.url) for each in (*answer.history, answer)]
    if url.startswith("https:") and any(not hop.startswith("https:") for hop in hops):
        raise NotHadError(f"{url} is redirected to an address without https")


def first_line(error: Exception) -> str:
    """What an error says, on one line."""
    if isinstance(error, httpx.ReadTimeout):
        return "no byte came in time"
    return str(error).splitlines()[0] if str(error) else type(error).__name__

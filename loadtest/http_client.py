"""HTTP requests of the journey, the admin client and the stats; Locust's users have their own client."""

from typing import Any

import requests


def send(method: str, url: str, timeout_seconds: float, **options: Any) -> requests.Response:
    """Send one request and return its response; `options` are those of `requests.request`.

    Raises:
        requests.RequestException: there was no response.
    """
    # A new connection each time: the server may close an idle one at the moment of the next request.
    with requests.Session() as session:
        # Without proxies: those of the environment know no address of the lab.
        session.trust_env = False
        return session.request(method, url, timeout=timeout_seconds, **options)


def error_cause(error: BaseException) -> str:
    """Return the message of the innermost error; requests wraps a refused connection three times."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error)

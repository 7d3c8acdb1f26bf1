"""HTTP client of the lab's servers: time-outs, and errors that name the server."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import httpx

from lab.query.errors import BadAnswer, ServerMissing

# A server on this machine accepts at once or never; a query may be slow on a busy machine.
TIMEOUT = httpx.Timeout(10.0, connect=2.0)
# Statuses of a proxy, or of a server that starts or stops.
_NOT_READY = {502, 503, 504}


def new_client(timeout: httpx.Timeout = TIMEOUT) -> httpx.Client:
    """Return a client without the proxies of the environment: the lab's servers are on this machine."""
    return httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)


class Server:
    """A server of the lab under its service name. Safe to use from several threads."""

    ready_path = "/ready"

    def __init__(self, name: str, url: str, client: httpx.Client | None = None) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._client = client or new_client()

    def request(
        self,
        method: str,
        path: str,
        *,
        accept: Collection[int] = (),
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Send one request and return the answer.

        Args:
            method: of HTTP.
            path: below the server's URL.
            accept: statuses that are no error, as 2xx are.
            params: of the query string.
            body: sent as JSON.
            headers: in addition to the client's own.
            timeout: seconds.

        Raises:
            ServerMissing: the server does not answer or is not ready.
            BadAnswer: any other status.
        """
        url = self.url + path
        limit = TIMEOUT if timeout is None else httpx.Timeout(timeout, connect=min(timeout, 2.0))
        content = None if body is None else json.dumps(body).encode()
        sent = dict(headers or {})
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            answer = self._client.request(method, url, params=params, content=content, headers=sent, timeout=limit)
        except httpx.ConnectError as error:
            raise ServerMissing(self.name, self.url, "nothing listens there") from error
        except httpx.TimeoutException as error:
            raise ServerMissing(self.name, self.url, f"no answer within {limit.read:g} s", slow=True) from error
        except httpx.HTTPError as error:
            raise ServerMissing(self.name, self.url, str(error) or type(error).__name__) from error
        if answer.is_success or answer.status_code in accept:
            return answer
        detail = _detail(answer)
        if answer.status_code in _NOT_READY:
            raise ServerMissing(self.name, self.url, f"not ready ({answer.status_code}): {detail}")
        raise BadAnswer(self.name, url, answer.status_code, detail)

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Send one request, with the options of `request`, and return the JSON of the answer.

        Raises:
            ServerMissing: the server does not answer or is not ready.
            BadAnswer: another status, or no JSON.
        """
        answer = self.request(method, path, **options)
        try:
            return answer.json()
        except ValueError as error:
            raise BadAnswer(self.name, self.url + path, 0, "the body is not JSON") from error

    def ready(self) -> bool:
        """Return whether the server is ready now, within two seconds."""
        try:
            self.request("GET", self.ready_path, timeout=2.0)
        except (ServerMissing, BadAnswer):
            return False
        return True


def _detail(answer: httpx.Response) -> str:
    """Return the message in a problem document, in Prometheus' envelope or in plain text."""
    try:
        found = answer.json()
    except ValueError:
        return answer.text.strip()[:300] or answer.reason_phrase
    if isinstance(found, dict):
        for key in ("detail", "error", "message", "title"):
            if isinstance(found.get(key), str):
                return str(found[key])
    return answer.text.strip()[:300]

"""Errors of the clients."""


class QueryError(Exception):
    """A server of the lab gave no usable answer; `str()` returns a sentence."""


class ServerMissing(QueryError):  # noqa: N818 - the name is the reason
    """A server does not answer, or reports that it is not ready.

    Attributes:
        name: of the service in docker-compose.yml.
        url: its address.
        reason: why there is no answer.
        slow: it accepted the request and did not answer in time.
    """

    def __init__(self, name: str, url: str, reason: str, *, slow: bool = False) -> None:
        super().__init__(f"{name} does not answer at {url}: {reason}")
        self.name = name
        self.url = url
        self.reason = reason
        self.slow = slow


class BadAnswer(QueryError):  # noqa: N818
    """A server refused the request, or its answer cannot be read.

    Attributes:
        name: of the service in docker-compose.yml.
        url: of the request.
        status: HTTP status; 0 if the body cannot be read.
        detail: the server's own message.
    """

    def __init__(self, name: str, url: str, status: int, detail: str) -> None:
        super().__init__(f"{name} answered {status or 'nonsense'} at {url}: {detail}")
        self.name = name
        self.url = url
        self.status = status
        self.detail = detail

"""What can go wrong when a server of the lab is asked."""


class QueryError(Exception):
    """A server of the lab gave no usable answer; `str()` of it is a sentence for people."""


class ServerMissing(QueryError):  # noqa: N818 - says what is wrong, as StopIteration does
    """A server does not answer at all, or says that it is not ready.

    `name` is the service's name in docker-compose.yml, `url` the address that was tried, `reason` what happened;
    `slow` says that it took the question and did not answer in time.
    """

    def __init__(self, name: str, url: str, reason: str, *, slow: bool = False) -> None:
        super().__init__(f"{name} does not answer at {url}: {reason}")
        self.name = name
        self.url = url
        self.reason = reason
        self.slow = slow


class BadAnswer(QueryError):  # noqa: N818
    """A server answered, but refused the question or said something that cannot be read.

    `status` is the HTTP status (0 when the body could not be read), `detail` the server's own words.
    """

    def __init__(self, name: str, url: str, status: int, detail: str) -> None:
        super().__init__(f"{name} answered {status or 'nonsense'} at {url}: {detail}")
        self.name = name
        self.url = url
        self.status = status
        self.detail = detail

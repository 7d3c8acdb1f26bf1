from collections.abc import Iterator

import pytest

from tests.support.servers.stub_server import StubServer, serving


@pytest.fixture
def server() -> Iterator[StubServer]:
    with serving() as stub_server:
        yield stub_server

from collections.abc import Iterator

import pytest

from tests.support.stand_in import StandIn, serving


@pytest.fixture
def server() -> Iterator[StandIn]:
    with serving() as stand_in:
        yield stand_in

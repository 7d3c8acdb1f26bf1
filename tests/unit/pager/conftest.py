"""A pager on a database in a folder of its own."""

from pathlib import Path

import pytest

from tests.support.alerting.pager import Pager


@pytest.fixture
def pager(tmp_path: Path) -> Pager:
    """A pager with an empty database and a folder with one runbook."""
    runbooks = tmp_path / "runbooks"
    runbooks.mkdir()
    (runbooks / "ServiceDown.md").write_text("# ServiceDown\n\n## Meaning\n\nIt is *down*. <script>alert(1)</script>\n")
    return Pager(tmp_path, runbooks)

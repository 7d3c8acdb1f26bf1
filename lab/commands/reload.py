"""`lab reload`."""

from lab.commands.check import check


def reload() -> None:
    """Check the configuration, then reload it in the running servers; an invalid one is not reloaded."""
    check(reload=True)

"""Errors that the lab command prints without a stack trace."""


class LabError(Exception):
    """An expected failure: what is wrong and what to do.

    Args:
        message: what is wrong, in words that name the file, port, program or server.
        remedy: what to do about it; usually one command.
        exit_code: the exit code of the command that stops on it (2: wrong input, 1: it did not work).
    """

    def __init__(self, message: str, remedy: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code

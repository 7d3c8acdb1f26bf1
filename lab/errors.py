"""What the lab command says when it cannot go on: one sentence of what is wrong, one of what to do."""


class LabError(Exception):
    """A failure that a person can mend.

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

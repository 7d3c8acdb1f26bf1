"""Errors that the lab command prints without a stack trace."""

import re

# A password may have any sign but a blank: it ends at the last @. A port and a path are no password.
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)(?!\d{1,5}[/?#])\S*(?=@)")


def mask_passwords(text: str) -> str:
    """Replace the passwords of URLs in a text by `****`."""
    return _URL_PASSWORD.sub(r"\1****", text)


class LabError(Exception):
    """An expected failure: what is wrong and what to do.

    Passwords of URLs are masked in both texts.

    Args:
        message: what is wrong, in words that name the file, port, program or server.
        remedy: what to do about it; usually one command.
        exit_code: the exit code of the command that stops on it (2: wrong input, 1: it did not work).
    """

    def __init__(self, message: str, remedy: str = "", exit_code: int = 1) -> None:
        self.message = mask_passwords(message)
        self.remedy = mask_passwords(remedy)
        super().__init__(self.message)
        self.exit_code = exit_code

"""`lab key`."""

import getpass
import re
import sys
from typing import Annotated

import typer

from lab.console import Console
from lab.engines.choice import choose
from lab.errors import LabError
from lab.locks import lab_lock
from lab.progress import Board
from lab.settings import LabSettings

# Its file name in /run/lab/secrets.
SECRET = "model_api_key"  # noqa: S105 - a name
# Visible ASCII: other characters are not valid in an HTTP header (RFC 9110, 5.5).
_KEY = re.compile(r"[!-~]{1,4096}")


def key(
    delete: Annotated[bool, typer.Option("--delete", help="Delete the stored key.")] = False,
) -> None:
    """Store the API key of your model provider, from a hidden prompt or standard input.

    MODEL_BASE_URL and MODEL_NAME in `.env` select the provider. The lab's own model needs no key.
    """
    settings = LabSettings.running()
    value = "" if delete else _read_key()
    console = Console()
    with lab_lock(settings, "key"):
        engine = choose(settings).engine
        engine.store_secret(SECRET, value)
        console.print("Key deleted." if delete else "Key stored.")
        if settings.engine():
            with Board(console) as board:
                engine.restart(["assistant"], board)


def _read_key() -> str:
    if sys.stdin.isatty():
        value = getpass.getpass("API key of the model provider (hidden): ").strip()
    else:
        value = sys.stdin.read(10_000).strip()
    if not value:
        raise LabError("No key was entered.", "Type it, or use standard input: `lab key < FILE`.", 2)
    if not _KEY.fullmatch(value):
        raise LabError(
            "Invalid key: it has blanks, line breaks or other characters that a header cannot hold, or is too long.",
            "Copy it again from your provider's page.",
            2,
        )
    return value

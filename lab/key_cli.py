"""`lab key`: the key of the user's own model provider, kept among the lab's secrets."""

import getpass
import re
import sys
from typing import Annotated

import typer

from lab.console import Console
from lab.engines import choose
from lab.errors import LabError
from lab.lock import alone
from lab.progress import Board
from lab.settings import LabSettings

# As it stands in the file and in /run/lab/secrets.
SECRET = "model_api_key"  # noqa: S105 - a name
# What a header can carry; keys of providers are letters, digits and a few signs.
_KEY = re.compile(r"[!-~]{1,4096}")


def key(
    forget: Annotated[bool, typer.Option("--forget", help="Take the stored key away.")] = False,
) -> None:
    """Give the assistant the key of your model provider: asked for unseen, or read from standard input.

    Which provider is asked, MODEL_BASE_URL and MODEL_NAME in `.env` say; the lab's own model needs no key of yours.
    """
    settings = LabSettings.running()
    value = "" if forget else _asked()
    console = Console()
    with alone(settings, "key"):
        engine = choose(settings).engine
        engine.store_secret(SECRET, value)
        console.print("The key is taken away." if forget else "The key is stored.")
        if settings.engine():
            with Board(console) as board:
                engine.restart(["assistant"], board)


def _asked() -> str:
    if sys.stdin.isatty():
        value = getpass.getpass("Key of the model provider (it is not shown): ").strip()
    else:
        value = sys.stdin.read(10_000).strip()
    if not value:
        raise LabError("No key was given.", "Type it, or send it to standard input: `lab key < FILE`.", 2)
    if not _KEY.fullmatch(value):
        raise LabError(
            "This is no key: it has blanks, line breaks or other signs that a request cannot carry, or is too long.",
            "Copy it anew from your provider's page.",
            2,
        )
    return value

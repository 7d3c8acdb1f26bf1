"""`lab trace`."""

from typing import Annotated

import typer

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.query import clean_trace_id, wait_for
from lab.settings import LabSettings
from lab.trace_view import show


def trace(
    trace_id: Annotated[str, typer.Argument(help="32 hexadecimal digits: `trace_id` of an answer or a log line.")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for a trace that has not arrived.")] = 6.0,
) -> None:
    """Draw the span tree of one request."""
    try:
        identity = clean_trace_id(trace_id)
    except ValueError as error:
        raise LabError(str(error), "Copy it from an answer of POST /chat or from a log line.", 2) from error
    source = connect(LabSettings.running()).traces()
    found = wait_for(lambda: source.get(identity), wait)
    if not found:
        raise LabError(f"No trace {identity} in {source.name}.", "Is it of this lab, and younger than the retention?")
    show(found, source.name, Console())

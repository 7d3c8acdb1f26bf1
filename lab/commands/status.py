"""`lab status`."""

from rich.table import Table
from rich.text import Text

from lab.console import Console
from lab.engines.choice import choose
from lab.engines.engine import ServiceStatus
from lab.errors import LabError
from lab.settings import LabSettings

_COLOURS = {"running": "green", "starting": "yellow", "missing": "yellow", "failed": "red"}


def status() -> None:
    """Show the state, version, origin and memory of each service."""
    settings = LabSettings.running()
    engine = choose(settings).engine
    rows = engine.status()
    table = Table(box=None, pad_edge=False)
    for header in ("Service", "State", "Version", "From", "Memory", "Up", "Address"):
        # On a narrow terminal only the long names of images are folded.
        table.add_column(header, no_wrap=header != "From", overflow="fold")
    cells = [_cells(row) for row in rows]
    for column, texts in zip(table.columns, zip(*cells, strict=True), strict=True):
        if column.header != "From":
            column.min_width = max(Text.from_markup(text).cell_len for text in texts)
    for line in cells:
        table.add_row(*line)
    console = Console(highlight=False)
    console.print(f"Engine: {engine.name}. State folder: {settings.home}", soft_wrap=True)
    console.print(table)
    for row in rows:
        if row.state == "missing":
            console.print(f"- {row.source}", soft_wrap=True)
    if not any(row.state == "running" for row in rows):
        raise LabError("The lab does not run.", "Start it with `make up`.")
    if any(row.state in {"failed", "stopped"} for row in rows):
        raise LabError("Some services do not run.", "`lab logs NAME` shows why; `make up` starts them again.")


def _cells(row: ServiceStatus) -> tuple[str, ...]:
    colour = _COLOURS.get(row.state, "dim")
    source = "" if row.state == "missing" else row.source
    memory = "" if row.memory is None else f"{row.memory / 2**20:.0f} MiB"
    uptime = "" if row.uptime is None else f"{row.uptime:.0f} s"
    return row.name, f"[{colour}]{row.state}[/{colour}]", row.version, source, memory, uptime, row.url or ""

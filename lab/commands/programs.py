"""`lab programs`: the server programs of native mode, shared by all checkouts of this machine."""

from typing import Annotated

import typer
from rich.table import Table

from lab.console import Console, confirm_deletion
from lab.engines.native.install import cache
from lab.engines.native.install.cache import Entry
from lab.engines.native.install.programs import PROGRAMS, used
from lab.engines.native.install.vendors import VENDORS, Platform
from lab.errors import LabError
from lab.settings import LabSettings

app = typer.Typer(no_args_is_help=True, help="List and delete the cached server programs.")


@app.command("list")
def list_() -> None:
    """Show what is in the cache, how it came, and whether this checkout uses it."""
    entries = cache.contents(used(LabSettings.load().values))
    console = Console()
    console.print(f"Cache: {cache.cache_folder()}", highlight=False, soft_wrap=True)
    if entries:
        console.print(_table(entries))
        console.print(f"{_size(sum(entry.size for entry in entries))} in all.", highlight=False)
    else:
        console.print("The cache is empty. `make up` downloads what native mode needs.")


@app.command()
def clean(
    all_: Annotated[bool, typer.Option("--all", help="Also what this checkout uses.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete versions that this checkout does not use, and what interrupted downloads and builds left."""
    console = Console()
    entries = [entry for entry in cache.contents(used(LabSettings.load().values)) if all_ or not entry.wanted]
    busy = [entry for entry in entries if entry.busy]
    for entry in busy:
        console.print(f"{entry.name}/{entry.version} stays: {entry.busy}.", highlight=False, soft_wrap=True)
    entries = [entry for entry in entries if not entry.busy]
    if not entries:
        console.print("There is nothing else to delete." if busy else "There is nothing to delete.")
        return
    if not yes:
        console.print(_table(entries))
        confirm_deletion(
            "lab programs clean",
            "This deletes programs that other checkouts may use.",
            "Delete these? Other checkouts would download them again",
        )
    gone = []
    for entry in entries:
        if entry.remove():
            gone.append(entry)
        else:
            console.print(f"{entry.name}/{entry.version} stays: another lab is installing one.", highlight=False)
    console.print(f"Deleted: {len(gone)}, {_size(sum(entry.size for entry in gone))}.", highlight=False)


@app.command()
def urls(
    system: Annotated[str, typer.Option("--os", help="linux or darwin; this machine's by default.")] = "",
    arch: Annotated[str, typer.Option(help="amd64 or arm64; this machine's by default.")] = "",
) -> None:
    """Print the archives and checksum files for the versions of `.env`, to bring them to a closed network.

    On a machine that reaches the vendors: `lab programs urls | wget -x -i - -P archives`.
    """
    here = Platform.here()
    place = Platform(system or here.system, arch or here.architecture)
    if not place.known:
        raise LabError(f"There are no archives for {place}.", "Choose linux or darwin, and amd64 or arm64.", 2)
    values = LabSettings.load().values
    for name, program in PROGRAMS.items():
        address = VENDORS[name].addresses(values[program.setting], place, values)[0]
        print(address.archive)
        print(address.checksums)


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("Program", "Version", "From", "Size", "Used here"):
        table.add_column(column, no_wrap=True, justify="right" if column == "Size" else "left")
    for entry in entries:
        table.add_row(entry.name, entry.version, entry.origin, _size(entry.size), "yes" if entry.wanted else "")
    return table


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"

"""`lab check` and `lab reload`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lab.checks.applied import wait_until_taken
from lab.checks.report import Report, check
from lab.checks.servers import CONFIGS
from lab.console import Console
from lab.engines import choose
from lab.errors import LabError
from lab.lock import alone
from lab.query import Endpoints, Lab
from lab.settings import LabSettings, home_folder, read_state

KEPT = "Nothing was reloaded: the servers keep what they have."


def check_files(
    reload: Annotated[bool, typer.Option("--reload", help="Let the servers take the files when all is well.")] = False,
) -> None:
    """Look for faults in the lab's files: file, line, and what to do. The servers see nothing of it."""
    console = Console(highlight=False, soft_wrap=True)
    report = check(containers=_in_containers())
    show(report, console)
    if report.faults:
        number = len(report.faults)
        raise LabError(
            f"{_told(number)} {KEPT}" if reload else _told(number),
            "Mend them, then `lab reload`." if reload else "Mend them, then `lab check` again.",
        )
    if reload:
        _take(console)


def reload() -> None:
    """Check the files, and let the servers that run take them; nothing is taken while there is a fault."""
    check_files(reload=True)


def refuse_broken(names: Sequence[str]) -> None:
    """Look at the files of servers that are about to start anew; none named: of all.

    Raises:
        LabError: one of them would not come back with the files of now.
    """
    servers = {server for server, *_ in CONFIGS}
    chosen = servers & set(names) if names else servers
    if not chosen:
        return
    report = check(containers=_in_containers())
    faults = [fault for fault in report.faults if fault.file.split("/")[0] in chosen]
    if faults:
        show(Report(faults), Console(highlight=False, soft_wrap=True))
        raise LabError(
            f"{_told(len(faults))} Nothing was restarted: what runs goes on with the files that it has read.",
            "Mend them, then `lab restart` again.",
        )


def show(report: Report, console: Console) -> None:
    """Print what was found."""
    for fault in report.faults:
        console.print(f"✗ {fault.place}: {fault.text}", markup=False)
        console.print(f"    {fault.remedy}", markup=False)
    for server, reason in report.lacking.items():
        console.print(f"! {server} itself could not look at its files: {reason}", markup=False)
    if not report.faults:
        console.print(f"✓ {report.checked} files: nothing is wrong in them.", markup=False)


def _told(number: int) -> str:
    return f"{number} faults in the lab's files." if number > 1 else "One fault in the lab's files."


def _in_containers() -> bool:
    """Whether the lab runs in containers; no image is fetched for a check alone."""
    state = read_state(home_folder())
    return state is not None and state.engine == "compose"


def _take(console: Console) -> None:
    settings = LabSettings.running()
    state = read_state(settings.home)
    if state is None:
        console.print("The lab does not run; `make up` reads the files.")
        return
    with alone(settings, "reload"):
        engine = choose(settings).engine
        lab = Lab(Endpoints.of(settings))
        taken = wait_until_taken(lab, settings.root, engine.reload, missing=state.missing)
    for text in taken.said:
        console.print(f"✓ {text}", markup=False)
    if taken.waiting:
        services = " ".join(sorted({service for service, _ in taken.waiting}))
        files = ", ".join(sorted({file for _, file in taken.waiting}))
        console.print(f"! {files}: read at a start only. `lab restart {services}` applies that.", markup=False)

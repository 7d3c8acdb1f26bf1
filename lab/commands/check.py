"""`lab check`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lab.checks import Report
from lab.checks import check as check_configuration
from lab.checks.reload import wait_for_reload
from lab.checks.server_configs import CONFIGS
from lab.console import Console
from lab.engines.choice import choose, connect
from lab.errors import LabError
from lab.locks import lab_lock
from lab.settings import LabSettings, home_folder, read_state


def check(
    reload: Annotated[bool, typer.Option("--reload", help="Reload the servers if there are no findings.")] = False,
) -> None:
    """Check the configuration files; print file, line and fix of each finding. Running servers are not affected."""
    console = Console(highlight=False, soft_wrap=True)
    report = check_configuration(containers=_in_containers())
    show(report, console)
    if report.findings:
        kept = " Nothing was reloaded: the servers keep their configuration." if reload else ""
        command = "lab reload" if reload else "lab check"
        raise LabError(f"{_count(report)}{kept}", f"Fix them, then run `{command}` again.")
    if reload:
        _reload_servers(console)


def require_valid_configuration(names: Sequence[str]) -> None:
    """Check the configuration of the servers among `names` (none named: of all).

    Raises:
        LabError: one is invalid: that server would not start again.
    """
    servers = {server for server, *_ in CONFIGS}
    chosen = servers & set(names) if names else servers
    if not chosen:
        return
    findings = check_configuration(containers=_in_containers()).findings
    report = Report([finding for finding in findings if finding.file.split("/")[0] in chosen])
    if report.findings:
        show(report, Console(highlight=False, soft_wrap=True))
        raise LabError(
            f"{_count(report)} Nothing was restarted: the servers keep their configuration.",
            "Fix them, then run `lab restart` again.",
        )


def show(report: Report, console: Console) -> None:
    """Print the findings of a check."""
    for finding in report.findings:
        console.print(f"✗ {finding.place}: {finding.text}", markup=False)
        console.print(f"    {finding.remedy}", markup=False)
    for server, reason in report.unchecked.items():
        console.print(f"! The files of {server} were not checked by {server} itself: {reason}", markup=False)
    if not report.findings:
        console.print(f"✓ {report.checked} files checked, no findings.", markup=False)


def _count(report: Report) -> str:
    number = len(report.findings)
    return f"{number} findings." if number > 1 else "One finding."


def _in_containers() -> bool:
    """Return whether the lab runs in containers; a check alone pulls no image."""
    state = read_state(home_folder())
    return state is not None and state.engine == "compose"


def _reload_servers(console: Console) -> None:
    settings = LabSettings.running()
    state = read_state(settings.home)
    if state is None:
        console.print("The lab does not run; `make up` reads the files.")
        return
    with lab_lock(settings, "reload"):
        engine = choose(settings).engine
        result = wait_for_reload(connect(settings), settings.root, engine.reload, missing=state.missing)
    for server in result.reloaded:
        console.print(f"✓ {server} runs the current configuration", markup=False)
    if result.waiting:
        services = " ".join(sorted({service for service, _ in result.waiting}))
        files = ", ".join(sorted({file for _, file in result.waiting}))
        console.print(f"! {files}: read only at a start. `lab restart {services}` applies the change.", markup=False)

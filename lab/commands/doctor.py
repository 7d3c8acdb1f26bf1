"""`lab doctor`."""

from lab import doctor as checks
from lab.console import Console
from lab.engines.choice import choose, connect
from lab.errors import LabError
from lab.settings import LabSettings, read_state


def doctor() -> None:
    """Send one marked request, search for it in every signal, and name what is broken."""
    settings = LabSettings.running()
    console = Console()
    state = read_state(settings.home)
    missing = state.missing if state else {}
    findings = checks.machine(settings)
    if all(finding.ok for finding in findings):
        engine = choose(settings).engine
        if state:
            findings += checks.examine(connect(settings), engine.status(), tuple(missing), engine.diagnoses())
        else:
            findings += checks.causes(engine.diagnoses())
    checks.show(findings, console)
    for name, reason in missing.items():
        console.print(f"- {name} does not run here: {reason}", highlight=False, soft_wrap=True)
    broken = [finding.name for finding in findings if not finding.ok]
    if broken:
        raise LabError(f"Broken: {', '.join(broken)}.", "See the column Fix.")
    if state is None:
        raise LabError("The lab does not run.", "Start it with `make up`.")
    console.print("[green]No problems found.[/green]")

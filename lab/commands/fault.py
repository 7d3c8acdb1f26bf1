"""`lab fault`: list, on, off. Faults of the services by their admin APIs, stopped servers by the engine."""

import difflib
import json
import re
import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.query import BadAnswer, Lab, QueryError
from lab.scenarios.run.runner import require_lab
from lab.scenarios.run.stopped_servers import Servers, stopped
from lab.settings import LabSettings
from loadtest.scenarios.declaration import ENGINE, LONGEST_FAULT

app = typer.Typer(help="Switch one fault on or off by hand. Each needs an end.", no_args_is_help=True)
SERVICES = ("assistant", "model")
STOP = "stop"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


@app.command("list")
def list_() -> None:
    """List the faults that there are, and those that are on."""
    settings, lab = _lab()
    console = Console()
    away: list[str] = []
    table = Table(box=None, pad_edge=False)
    for heading in ("fault", "service", "what it does", "targets", "parameters"):
        table.add_column(heading, no_wrap=heading in {"fault", "service"})
    active: list[str] = []
    for service in SERVICES:
        try:
            kinds, faults = lab.service(service).fault_kinds(), lab.service(service).faults()
        except QueryError as error:
            away.append(str(error))
            continue
        for kind in kinds:
            targets = ", ".join(["*", *(f"{one}=..." for one in kind.dimensions)])
            parameters = ", ".join(f"{key}={row.get('default', '')}" for key, row in (kind.parameters or {}).items())
            table.add_row(kind.name, service, kind.description, targets, parameters)
        for fault in faults:
            where = "" if fault.target == "*" else f" at {fault.target}"
            left = "" if fault.ends_at is None else f", {_remaining(fault.ends_at)}"
            active.append(f"{service}: {fault.fault}{where}, intensity {fault.intensity:g}{left}")
    states = Servers(settings).states()
    servers = ", ".join(name for name, state in states.items() if state not in {"done", "missing"})
    table.add_row(STOP, ENGINE, "The server is stopped, and started again at the end.", servers, "")
    console.print(table)
    for note in stopped(settings.home):
        what = "hidden" if note.hidden else f"{note.server} is stopped"
        active.append(f"{ENGINE}: {what}, {_remaining(note.ends_at)}")
    console.print("On now:" if active else "No fault is on.")
    for line in active:
        console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)
    for text in away:
        typer.echo(text, err=True)
    if away:
        raise typer.Exit(1)


@app.command()
def on(
    name: Annotated[str, typer.Argument(help="A fault of `lab fault list`; `stop` stops a server.")],
    *,
    service: Annotated[str | None, typer.Option(help="assistant, model or engine; needed where two have it.")] = None,
    target: Annotated[str, typer.Option(help="What it hits: `*`, such as route=/chat, or the server to stop.")] = "*",
    intensity: Annotated[float, typer.Option(help="Share of what can be hit, above 0 and at most 1.")] = 1.0,
    seconds: Annotated[str, typer.Option("--for", help="When it ends by itself: 60, 60s, 2m, at most 1h.")] = "",
    param: Annotated[list[str] | None, typer.Option("--param", help="A parameter: key=value. Repeatable.")] = None,
) -> None:
    """Switch a fault on until its end."""
    duration = _duration(seconds)
    if not 0 < intensity <= 1:
        raise LabError(f"The intensity {intensity:g} is out of range.", "It is a share: above 0 and at most 1.", 2)
    parameters = _read_parameters(param or [])
    settings, lab = _lab()
    name, service, target = _read_stop(name, service, target)
    if service == ENGINE:
        _stop(settings, target, duration)
        return
    service = _service_of(lab, name, service)
    try:
        active = lab.service(service).fault_on(name, duration, intensity, target, parameters)
    except BadAnswer as error:
        if error.status != 422:
            raise
        raise LabError(f"{service} refuses it: {error.detail}", "`lab fault list` shows what each takes.", 2) from error
    left = "" if active.ends_at is None else f", ends at {_clock(active.ends_at)}"
    Console().print(f"{service}: {name} is on{left}.", highlight=False)


@app.command()
def off(
    name: Annotated[str | None, typer.Argument(help="The fault to end, or the server to start; none: all.")] = None,
) -> None:
    """End one fault or all, and start what was stopped."""
    settings, lab = _lab()
    console, diagnoses, found = Console(), [], False
    for service in SERVICES:
        try:
            on = [one for one in lab.service(service).faults() if name in (None, one.fault)]
            if on:
                lab.service(service).fault_off(name)
                found = True
                console.print(f"{service}: {', '.join(one.fault for one in on)} is off.", highlight=False)
        except QueryError as error:
            diagnoses.append(str(error))
    servers = Servers(settings)
    for note in stopped(settings.home):
        if name in (None, STOP, note.server, f"{STOP}-{note.server}"):
            servers.start(note.server)
            found = True
            console.print(f"{note.server} runs again.", highlight=False)
    if diagnoses:
        raise LabError(
            " ".join(diagnoses), "What does not answer has no fault that outlives its end. See `lab status`."
        )
    if not found:
        console.print("No fault was on." if name is None else f"`{name}` was not on.", highlight=False)
        if name is not None and name != STOP:
            _service_of(lab, name.removeprefix(f"{STOP}-"), None, also=[*servers.states(), STOP])


def _stop(settings: LabSettings, server: str, seconds: float) -> None:
    servers = Servers(settings)
    states = servers.states()
    if server == "*":
        here = ", ".join(name for name, state in states.items() if state in {"running", "starting"})
        raise LabError("Which server is to be stopped?", f"Say it: --target with one of {here}.", 2)
    if server not in states:
        raise LabError(f"There is no server `{server}`.", _nearest(server, states), 2)
    servers.check(server)
    note = servers.stop(server, seconds, stays=True)
    Console().print(f"{server} is stopped, comes back at {_clock(note.ends_at)}.", highlight=False)


def _read_stop(name: str, service: str | None, target: str) -> tuple[str, str | None, str]:
    """Read `stop --target loki` and `stop-loki` alike."""
    if service not in (None, ENGINE, *SERVICES):
        raise LabError(f"`{service}` has no faults.", _nearest(service, (*SERVICES, ENGINE)), 2)
    prefix, dash, server = name.partition("-")
    if prefix == STOP and service in (None, ENGINE):
        return STOP, ENGINE, server if dash and target == "*" else target
    if service == ENGINE:
        raise LabError(f"The engine has no fault `{name}`.", "It has one: `stop`, with a server as --target.", 2)
    return name, service, target


def _service_of(lab: Lab, name: str, service: str | None, also: Iterable[str] = ()) -> str:
    """Return the service with this fault.

    Raises:
        LabError: no service has it, or two have it and none was named.
    """
    asked = (service,) if service else SERVICES
    having: dict[str, list[str]] = {}
    diagnoses = []
    for one in asked:
        try:
            having[one] = [kind.name for kind in lab.service(one).fault_kinds()]
        except QueryError as error:
            diagnoses.append(error)
    owners = [one for one, names in having.items() if name in names]
    if len(owners) == 1 or (owners and name in also):
        return owners[0]
    if owners:
        raise LabError(f"Both {' and '.join(owners)} have the fault `{name}`.", "Say which: --service.", 2)
    if name in also:
        return ENGINE
    if diagnoses:
        raise diagnoses[0]
    names = [*(name for names in having.values() for name in names), *([] if service else [STOP]), *also]
    where = f"{service} has no" if service else "There is no"
    raise LabError(f"{where} fault `{name}`.", _nearest(name, names), 2)


def _lab() -> tuple[LabSettings, Lab]:
    settings = LabSettings.running()
    require_lab(settings)
    return settings, connect(settings)


def _duration(text: str) -> float:
    example = "Say how long, such as `--for 60s` or `--for 2m`: every fault must end by itself."
    if not text:
        raise LabError("The fault has no end.", example, 2)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 1 <= seconds <= LONGEST_FAULT:
        raise LabError(f"`--for {text}` is no time from 1 s to 1 h.", example, 2)
    return seconds


def _read_parameters(words: list[str]) -> dict[str, Any]:
    """Return the values of key=value by key: JSON (a number, true), or else a text."""
    parameters: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise LabError(f"`--param {word}` is not key=value.", "Such as: --param status=500.", 2)
        try:
            parameters[key] = json.loads(value)
        except ValueError:
            parameters[key] = value
    return parameters


def _nearest(name: str, names: Iterable[str]) -> str:
    known = list(dict.fromkeys(names))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(known)}."


def _remaining(ends_at: float) -> str:
    return f"ends in {max(0.0, ends_at - time.time()):.0f} s"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))

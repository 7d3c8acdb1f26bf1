"""Checks of `lab doctor`: engine, ports, services, and one marked request in every signal."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from lab import ports
from lab.console import Console
from lab.engines.choice import requested_engine
from lab.engines.engine import Diagnosis, ServiceStatus
from lab.engines.probe import probe
from lab.errors import LabError
from lab.query import ChatAnswer, Lab, QueryError, wait_for
from lab.settings import LabSettings, read_state

# A business of the lab's own probes, which business metrics exclude.
BUSINESS = "lab-doctor"
_REQUESTS = f'ai_requests_total{{business_id="{BUSINESS}", route="/chat"}}'
# Seconds after which a signal is lost: about three times the measured ones (docs/architecture.md).
METRIC_SECONDS = 15
LOG_SECONDS = 10
TRACE_SECONDS = 15


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's report.

    Attributes:
        seconds: from the request until the signal was stored; None for other checks.
        remedy: what to do, or empty; with `ok` it is advice.
    """

    name: str
    ok: bool
    text: str
    seconds: float | None = None
    remedy: str = ""


def machine(settings: LabSettings) -> list[Finding]:
    """Check the engine, and the ports if the lab does not run."""
    engine, findings = _engine(settings)
    if findings[0].ok and read_state(settings.home) is None:
        findings.append(_ports(settings, engine))
    return findings


def examine(
    lab: Lab,
    rows: Sequence[ServiceStatus],
    missing: Sequence[str] = (),
    diagnoses: Sequence[Diagnosis] = (),
) -> list[Finding]:
    """Check the services, then send one marked request and find it in metric, exemplar, log and trace.

    Args:
        lab: clients of the servers.
        rows: status rows of the engine.
        missing: services that cannot run on this machine, which is no fault.
        diagnoses: known problems of services.
    """
    findings = examine_services([row for row in rows if row.name not in missing], diagnoses)
    if not all(finding.ok for finding in findings if finding.name in {"assistant", "prometheus"}):
        return findings
    return findings + follow(lab, traces="tempo" not in missing or lab.endpoints.span_folder is not None)


def examine_services(rows: Sequence[ServiceStatus], diagnoses: Sequence[Diagnosis]) -> list[Finding]:
    """Return one finding per service, with its cause if there is a diagnosis."""
    return [_service(row, diagnoses) for row in rows]


def follow(lab: Lab, *, traces: bool = True) -> list[Finding]:
    """Send one marked request and find it in the four signals; `traces`: whether traces are stored here."""
    try:
        before = _count(lab)
    except QueryError as error:
        return [Finding("metric", False, str(error), remedy="lab logs prometheus")]
    sent = time.monotonic()
    try:
        answer = lab.assistant.chat("Do you have a free time tomorrow?", business_id=BUSINESS)
    except QueryError as error:
        return [Finding("request", False, str(error), remedy="lab logs assistant")]
    took = time.monotonic() - sent
    findings = [Finding("request", True, f"POST /chat answered ({answer.outcome}), trace {answer.trace_id}", took)]
    if answer.outcome != "ok":
        findings.append(
            Finding("model", False, "the answer is a fallback: the model provider failed", remedy="lab logs model")
        )
    signals = [
        _Signal("log line", lambda: _log(lab, answer), LOG_SECONDS, "lab logs collector loki"),
        _Signal("metric", lambda: _metric(lab, before), METRIC_SECONDS, "lab logs prometheus"),
        _Signal("exemplar", lambda: _exemplar(lab, answer), METRIC_SECONDS, "lab logs prometheus"),
    ]
    if traces:
        signals.append(_Signal("trace", lambda: _trace(lab, answer), TRACE_SECONDS, "lab logs collector tempo"))
    else:
        findings.append(Finding("trace", True, "skipped: no trace storage here"))
    # In parallel, so that each signal has its own seconds.
    with ThreadPoolExecutor(len(signals)) as pool:
        return findings + list(pool.map(lambda signal: signal.find(sent), signals))


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings as a table."""
    table = Table(box=None, pad_edge=False)
    for column in ("", "Check", "Time", "Result", "Fix"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = "[red]✗[/red]" if not finding.ok else "[yellow]![/yellow]" if finding.remedy else "[green]✓[/green]"
        seconds = "" if finding.seconds is None else f"{finding.seconds:.2f} s"
        table.add_row(mark, finding.name, seconds, escape(finding.text), escape(finding.remedy))
    console.print(table)


def _engine(settings: LabSettings) -> tuple[str, list[Finding]]:
    wanted, why = requested_engine(settings)
    if wanted == "native":
        return wanted, [Finding("engine", True, f"native ({why})")]
    answer = probe()
    if answer.fault and wanted == "compose":
        return wanted, [Finding("engine", False, f"compose ({why}), but {answer.fault}", remedy=answer.remedy)]
    if answer.fault or (answer.doubt and wanted is None):
        # Without Docker installed, native mode is not a problem.
        advice = (answer.remedy or "LAB_ENGINE=compose make up") if answer.installed else ""
        return "native", [Finding("engine", True, f"native, because {answer.fault or answer.doubt}", remedy=advice)]
    doubt = f"; {answer.doubt}" if answer.doubt else ""
    findings = [Finding("engine", True, f"compose: {answer.version}{doubt}")]
    return "compose", findings + [Finding("limits", True, text, remedy=remedy) for text, remedy in answer.cautions]


def _ports(settings: LabSettings, engine: str) -> Finding:
    asked = {
        port: name
        for name, service in settings.services().items()
        for inner, port in service.ports.items()
        if engine == "native" or inner not in map(int, service.native.get("ports", {}))
    }
    try:
        ports.require(asked, settings.ports())
    except LabError as error:
        return Finding("ports", False, error.message, remedy=error.remedy)
    return Finding("ports", True, f"all {len(asked)} are free")


def causes(diagnoses: Sequence[Diagnosis]) -> list[Finding]:
    """Return the known problems of services that do not run, as findings."""
    return [Finding(each.service, not each.fatal, each.text, remedy=each.remedy) for each in diagnoses]


def _service(row: ServiceStatus, diagnoses: Sequence[Diagnosis]) -> Finding:
    ok = row.state in {"running", "done"}
    text = f"{row.state}, version {row.version}"
    remedy = "" if ok else f"lab logs {row.name}; lab restart {row.name}"
    for diagnosis in diagnoses:
        if diagnosis.service == row.name:
            ok, remedy = ok and not diagnosis.fatal, diagnosis.remedy
            text += f"; {diagnosis.text}"
    return Finding(row.name, ok, text, remedy=remedy)


@dataclass(frozen=True)
class _Signal:
    name: str
    read: Callable[[], str | None]
    limit_seconds: float
    remedy: str

    def find(self, sent: float) -> Finding:
        """Wait until the signal of a request, sent at this monotonic time, is stored."""
        fault = f"not found within {self.limit_seconds} s"

        def read() -> str | None:
            nonlocal fault
            try:
                return self.read()
            except QueryError as error:
                fault = str(error)
                return None

        seen = wait_for(read, self.limit_seconds)
        return Finding(self.name, bool(seen), seen or fault, time.monotonic() - sent, "" if seen else self.remedy)


def _count(lab: Lab) -> float:
    return lab.prometheus.value(f"sum({_REQUESTS})")


def _metric(lab: Lab, before: float) -> str | None:
    now = _count(lab)
    return f"ai_requests_total of {BUSINESS} went from {before:.0f} to {now:.0f}" if now > before else None


def _exemplar(lab: Lab, answer: ChatAnswer) -> str | None:
    now = time.time()
    found = lab.prometheus.exemplars(_REQUESTS, now - 120, now + 5)
    has_trace = any(exemplar.labels.get("trace_id") == answer.trace_id for exemplar in found)
    return f"ai_requests_total carries trace {answer.trace_id}" if has_trace else None


def _log(lab: Lab, answer: ChatAnswer) -> str | None:
    now = time.time()
    lines = lab.loki.query(f'{{service_name="assistant"}} | trace_id="{answer.trace_id}"', now - 120, now + 5, 20)
    return f"{len(lines)} lines of the assistant in Loki" if lines else None


def _trace(lab: Lab, answer: ChatAnswer) -> str | None:
    source = lab.traces()
    trace = source.get(answer.trace_id)
    # The root ends last and its children may arrive before it.
    if trace is None or not trace.find("POST /chat", "assistant"):
        return None
    return f"{len(trace.spans)} spans of {', '.join(trace.services)} in {source.name}"

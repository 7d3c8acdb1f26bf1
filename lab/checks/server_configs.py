"""Findings of the servers' own checkers, by file and line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import yaml

from lab.checks.checkers import CheckerOutput, Checkers
from lab.checks.finding import Finding, remedy_for
from lab.checks.yaml_files import YamlFile, entries, first_line, quoted, value_of

# Server and folder, checker, its arguments, and the file of messages that name none.
CONFIGS = (
    (
        "prometheus",
        "promtool",
        ("check", "config", "--syntax-only", "/etc/prometheus/prometheus.yml"),
        "prometheus.yml",
    ),
    ("alertmanager", "amtool", ("check-config", "/etc/alertmanager/alertmanager.yml"), "alertmanager.yml"),
    (
        "loki",
        "loki",
        ("-verify-config", "-config.expand-env=true", "-config.file=/etc/loki/loki.yml"),
        "loki.yml",
    ),
    (
        "tempo",
        "tempo",
        ("-config.verify=true", "-config.expand-env=true", "-config.file=/etc/tempo/tempo.yml"),
        "tempo.yml",
    ),
    (
        "collector",
        "otelcol",
        ("validate", "--config=/etc/otelcol/config.yaml", "--config=/etc/otelcol/traces-tempo.yaml"),
        "config.yaml",
    ),
)
_PLACE = re.compile(r"(?P<file>[\w./-]+\.ya?ml)[\"']?: ?(?:(?P<line>\d+):\d+: )?(?P<text>.*)")
_LINE = re.compile(r"\bline (?P<line>\d+): (?P<text>.*)")
# What the checkers print around a message.
_FRAME = re.compile(
    r"\s*("
    r"Checking [^'\s]+|Checking '[^']*'\s+SUCCESS|SUCCESS.*|FAILED:?"
    r"|Found:|\s*- .*|amtool: error: failed to validate.*"
    r"|lint error.*|Label\(s\):|\t.*|Might cause inconsistency.*"
    r")?\s*"
)
_WARNING = re.compile(r"level=(debug|info|warn)|\bWARN\b|^time=.*level=WARN", re.IGNORECASE)


def check_configs(checkers: Checkers, files: Mapping[str, YamlFile]) -> Iterator[Finding]:
    """Yield the findings in the main files of each server."""
    # Each waits for its program, for up to a second.
    with ThreadPoolExecutor(len(CONFIGS)) as pool:
        answers = pool.map(lambda row: checkers.run(row[0], row[1], row[2]), CONFIGS)
        for (server, _, _, main), output in zip(CONFIGS, answers, strict=True):
            if output is not None and output.code:
                yield from parse_findings(output, f"{server}/{main}", files)


def check_prometheus_rules(checkers: Checkers, names: Sequence[str], files: Mapping[str, YamlFile]) -> list[Finding]:
    """Return the findings in Prometheus' rule files; promtool checks all of them, even after an error."""
    paths = [name.replace("prometheus/", "/etc/prometheus/", 1) for name in names]
    if not paths:
        return []
    output = checkers.run("prometheus", "promtool", ("check", "rules", "--lint=all", "--lint-fatal", *paths))
    return parse_findings(output, names[0], files) if output is not None and output.code else []


def parse_findings(output: CheckerOutput, main: str, files: Mapping[str, YamlFile]) -> list[Finding]:
    """Return the findings in the output of a checker that has failed; at least one.

    Args:
        output: the output.
        main: the file if the output names none.
        files: YAML files, for line numbers.
    """
    findings: dict[Finding, None] = {}
    current, folder = main, main.split("/", maxsplit=1)[0]
    for raw in output.text.splitlines():
        if (looked_at := re.fullmatch(r"Checking ([^'\s]+)", raw)) and looked_at[1] in files:
            current = looked_at[1]
        if _FRAME.fullmatch(raw) or _WARNING.search(raw):
            continue
        text = re.sub(r"^\s*(Checking '[^']*'\s*)?(FAILED: )?", "", raw)
        place = _PLACE.search(text)
        line = 0
        if place and place["file"].startswith(f"{folder}/"):
            current, line, text = place["file"], int(place["line"] or 0), place["text"]
        if inner := _LINE.search(text):
            line, text = line or int(inner["line"]), inner["text"]
        text = _shorten(text)
        if text:
            file = files.get(current)
            line = _line_within(file, line, text) or _line_named(file, text)
            findings[Finding(current, line, text, remedy_for(f"{raw} {text}"))] = None
    return list(findings) or [Finding(main, 0, f"is refused: {output.text.strip()[-300:]}", remedy_for(output.text))]


def _shorten(text: str) -> str:
    """Return a message without the internals of the server."""
    text = re.sub(r"^yaml: (unmarshal errors:)?", "", text.strip())
    text = re.sub(r"^Metric: (\S+)$", r'duplicate rule: "\1" with the same labels', text)
    return re.sub(
        r"field (\S+) not found in type .*", r"there is no setting `\1` (field not found in type)", text
    ).strip()


def _line_within(file: YamlFile | None, line: int, text: str) -> int:
    """Return the line within an expression of several lines; promtool reports that of its begin."""
    inside = re.search(r"could not parse expression: (\d+):\d+", text)
    for kind in ("alert", "record") if file and inside else ():
        for _, rule in entries(file.node if file else None, kind):
            expr = value_of(rule, "expr")
            if isinstance(expr, yaml.ScalarNode) and expr.start_mark.line + 1 == line and inside:
                return first_line(expr) + int(inside[1]) - 1
    return line


def _line_named(file: YamlFile | None, text: str) -> int:
    """Return the line of the rule that a message names, else the first line with a word that it quotes."""
    if file is None:
        return 0
    if found := re.search(r'group "(?P<group>[^"]+)", rule (?P<number>\d+)', text):
        for _, group in entries(file.node, "rules"):
            rules = value_of(group, "rules")
            name = value_of(group, "name")
            if name is not None and name.value == found["group"] and rules is not None:
                nodes = rules.value if isinstance(rules.value, list) else []
                if int(found["number"]) <= len(nodes):
                    return int(nodes[int(found["number"]) - 1].start_mark.line) + 1
    return next((line for word in quoted(text) if (line := file.line_of(word))), 0)

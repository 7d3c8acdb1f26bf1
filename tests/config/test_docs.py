"""The documents say what is true: commands, ports, settings and files that they name exist."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import typer

from lab.cli import app
from lab.envfile import read
from lab.settings import ROOT
from loadtest.scenarios import registry
from services.assistant.faults.kinds import ALL as ASSISTANT_FAULTS
from services.model.faults import ALL as MODEL_FAULTS

DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("runbooks/*.md"),
        *ROOT.glob("exercises/**/*.md"),
    ]
    if path.name != "CHANGELOG.md"
)
# Documents that name classes and methods of the source.
CODE_GUIDES = [
    ROOT / "docs" / "architecture.md",
    *sorted(ROOT.glob("*/README.md")),
    *sorted(ROOT.glob("*/*/README.md")),
]
VALUES = read(ROOT / ".env", {})
# Variables of Docker, Go and Python that the documents speak of.
OTHERS = {
    "COMPOSE_FILE",
    "COMPOSE_PROJECT_NAME",
    "DOCKER_HOST",
    "GOPROXY",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
}
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def code(text: str) -> list[str]:
    """Commands that a reader may paste: code spans and the lines of code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return spans + [line.strip() for block in blocks for line in block.splitlines()]


def test_make_targets_exist(document: Path) -> None:
    for command in code(document.read_text()):
        if found := re.match(r"(?:[A-Z_]+=\S* )*make ([a-z][a-z-]*)", command):
            assert found[1] in TARGETS, f"`{command}`"


def test_lab_commands_exist(document: Path) -> None:
    for command in code(document.read_text()):
        found = re.match(r"(?:[A-Z_]+=\S* )*lab ((?:[a-z-]+ ?)+)", command)
        if found:
            assert known(found[1].split()), f"`{command}` is no command of the lab"


def known(words: list[str]) -> bool:
    groups = {group.name: names_of(group.typer_instance) for group in app.registered_groups}
    if words[0] in groups:
        return len(words) > 1 and words[1] in groups[words[0]]
    return words[0] in names_of(app)


@pytest.fixture(scope="module")
def members() -> dict[str, set[str]]:
    """The names that each class of the source defines."""
    found: dict[str, set[str]] = {}
    for folder in ("services", "lab", "loadtest", "grafana", "prometheus"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    names = found.setdefault(node.name, set())
                    names |= {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.ClassDef)}
    return found


@pytest.mark.parametrize("guide", CODE_GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_classes_and_methods_exist(guide: Path, members: dict[str, set[str]]) -> None:
    for span in code(guide.read_text()):
        if found := re.fullmatch(r"([A-Z][A-Za-z]+[a-z])(?:\.(\w+))?", span):
            assert found[1] in members or not found[2], f"`{span}`: there is no such class"
            assert not found[2] or found[2] in members[found[1]], f"`{span}`: the class has no such method"


def names_of(group: typer.Typer | None) -> set[str]:
    assert group is not None
    return {str(command.name or getattr(command.callback, "__name__", "")) for command in group.registered_commands}


def test_ports_are_those_of_the_settings(document: Path) -> None:
    ports = {value for key, value in VALUES.items() if key.endswith("_PORT")}

    for port in re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", document.read_text()):
        assert port in ports, f"port {port} is not in .env"


def test_no_document_repeats_a_version(document: Path) -> None:
    text = document.read_text()
    for key, version in VALUES.items():
        if key.endswith("_VERSION") and key != "LAB_VERSION":
            assert not re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", text), f"{key} is in .env"


def test_settings_that_are_named_exist(document: Path) -> None:
    names = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", document.read_text()))
    compose = (ROOT / "docker-compose.yml").read_text()

    for name in names - {"LAB_HOME", "LAB_CACHE", "NAME_PORT", *OTHERS}:
        assert name in VALUES or f"{name}:" in compose, f"{name} is no setting"


def test_files_that_are_linked_exist(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_headings_that_are_linked_exist(document: Path) -> None:
    for file, heading in re.findall(r"\]\((?!https?:|mailto:)([^)#]*)#([^)]+)\)", document.read_text()):
        text = (document.parent / file if file else document).read_text()
        headings = re.findall(r"^#+ (.+)$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S), re.MULTILINE)
        # As GitHub makes them: lower case, no punctuation, hyphens for blanks.
        assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}, heading


def test_every_make_target_is_explained() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert phony
    for target in phony[1].split():
        assert f"make {target}" in re.sub(r"\x1b\[\d*m", "", said)
    assert set(phony[1].split()) == TARGETS


def test_readme_reports_what_each_published_address_is_for() -> None:
    readme = (ROOT / "README.md").read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    for key in re.findall(r"127\.0\.0\.1:\$\{([A-Z_]+_PORT)\}:", compose):
        if not key.startswith("COLLECTOR"):
            # The one that speaks no HTTP is no link.
            http = "" if key.endswith("_SMTP_PORT") else "http://"
            assert f"| {http}127.0.0.1:{VALUES[key]}" in readme.replace(", http", "| http"), key


def test_every_setting_is_explained() -> None:
    """A comment or a heading is above each block of settings, and no block mixes more than one heading."""
    lines = (ROOT / ".env").read_text().splitlines()
    for number, line in enumerate(lines):
        if "=" not in line or line.startswith("#"):
            continue
        above = lines[:number]
        start = max((i for i, text in enumerate(above) if not text.strip()), default=-1)
        assert any(text.startswith("#") for text in above[start + 1 :]), f"line {number + 1}: {line}"


def test_every_scenario_and_fault_is_in_its_document() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text()
    reported = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", text, re.MULTILINE))
    assert reported == {name: scenario.summary for name, scenario in registry.find()[0].items()}
    for service, faults in (("model", MODEL_FAULTS), ("assistant", ASSISTANT_FAULTS)):
        assert f"| {service} | {', '.join(fault.name for fault in faults)} |" in text

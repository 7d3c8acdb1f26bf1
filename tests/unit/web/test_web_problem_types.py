"""Each type of a problem document has a page, on every service."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.settings import ROOT
from services.web import openapi
from services.web.problem_types import PROBLEM_TYPES
from services.web.problems import PREFIX, slug

# Flask and Werkzeug raise these: for bytes, paths, methods and ranges that they do not take.
RAISED_BY_FLASK = {"bad-request", "not-found", "method-not-allowed", "range-not-satisfiable"}


def texts(node: ast.AST) -> set[str]:
    """The texts that an expression may be: itself, or the two branches of a condition."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) | texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def is_status(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in range(400, 600)


def types_of(node: ast.AST) -> Iterator[str]:
    """Types in one node: of a call `Problem(status, title)`, a pair of them, a `title`, an address of a page."""
    match node:
        case ast.Call(func=ast.Name(id="Problem"), args=[_, title, *rest]) if len(rest) < 2:
            yield from map(slug, texts(title))
        case ast.Call(func=ast.Attribute(attr="__init__"), args=[status, title, *_]) if is_status(status):
            yield from map(slug, texts(title))
        case ast.Tuple(elts=[status, title]) if is_status(status):
            yield from map(slug, texts(title))
        case ast.Assign(targets=[ast.Name(id="title" | "_title")], value=title):
            yield from map(slug, texts(title))
        case ast.Constant(value=str(text)) if text.startswith(PREFIX) and text != PREFIX:
            yield text.removeprefix(PREFIX)


def types_in_use() -> dict[str, Path]:
    """All types that our services send, each with a file that does."""
    files = sorted((ROOT / "services").rglob("*.py"))
    found = {name: path for path in files for node in ast.walk(ast.parse(path.read_text())) for name in types_of(node)}
    return found | dict.fromkeys(RAISED_BY_FLASK, Path("flask"))


USED = types_in_use()


def test_the_source_is_searched():
    assert {"time-taken", "broken-json", "database-connections-exhausted", "booking-failed", "invalid-limit"} <= set(
        USED
    )


def test_each_type_in_use_is_described_and_no_other():
    missing = {name: str(path) for name, path in USED.items() if name not in PROBLEM_TYPES}
    assert not missing, "describe them in services/web/problem_types.py"
    assert set(PROBLEM_TYPES) - set(USED) == set()


@pytest.mark.parametrize("name", sorted(PROBLEM_TYPES))
def test_a_type_has_a_page_with_meaning_and_action(service, name):
    response = service.client.get(f"/problems/{name}")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    meaning, action = PROBLEM_TYPES[name]
    assert f"<p>{meaning}</p>" in response.text
    assert f"<p>{action}</p>" in response.text
    assert meaning.endswith(".")
    assert action.endswith(".")
    assert not set(meaning + action) & set("<>&")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("path", ["/nothing", "/items?limit=0", "/admin/faults", "/problems/nothing"])
def test_a_problem_leads_to_its_page(service, method, path):
    document = service.client.open(path, method=method).json
    assert service.client.get(document["type"]).status_code == 200


def test_the_example_of_the_openapi_document_is_a_page(service):
    (example,) = openapi.ProblemDocument.model_json_schema()["properties"]["type"]["examples"]
    assert service.client.get(example).status_code == 200

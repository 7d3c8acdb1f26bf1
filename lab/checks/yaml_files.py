"""Reads YAML files of the checkout, with line numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.checks.finding import Finding, remedy_for

_BACK = "Restore it with `git checkout -- {file}`, or delete it."


@dataclass(frozen=True)
class YamlFile:
    """A file that is YAML.

    Attributes:
        name: its path in the checkout.
        data: its content.
        node: the same with line numbers; None for `null`.
    """

    name: str
    data: Any
    node: yaml.Node | None
    text: str

    def line_of(self, word: str) -> int:
        """Return the number of the first line with `word`; 0 if there is none."""
        lines = self.text.splitlines()
        return next((number for number, line in enumerate(lines, start=1) if word in line), 0)


def read(root: Path, file: Path) -> tuple[YamlFile | None, list[Finding]]:
    """Return a YAML file of the checkout, or else the findings in it."""
    name = file.relative_to(root).as_posix()
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return None, [Finding(name, 0, f"cannot be read ({error.strerror})", "It must be a file that you can read.")]
    except UnicodeDecodeError as error:
        return None, [Finding(name, 0, f"is not UTF-8 text (byte {error.start})", "Save it as UTF-8.")]
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
        list(entries(node, ""))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, why = mark.line + 1 if mark else 0, " ".join(filter(None, (error.problem, error.context)))
        return None, [Finding(name, line, f"is not YAML: {why}", remedy_for("not YAML"))]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = "it refers to itself" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        return None, [Finding(name, 0, f"is not YAML: {why}", remedy_for("not YAML"))]
    if data is None:
        return None, [Finding(name, 0, "is empty", _BACK.format(file=name))]
    return YamlFile(name, data, node, text), []


def entries(node: yaml.Node | None, key: str) -> Iterator[tuple[int, yaml.MappingNode]]:
    """Yield every mapping below `node` that has `key`, with its first line."""
    if isinstance(node, yaml.MappingNode):
        if any(one.value == key for one, _ in node.value):
            yield node.start_mark.line + 1, node
        for _, value in node.value:
            yield from entries(value, key)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from entries(value, key)


def value_of(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    """Return the value of a key in a mapping."""
    return next((value for one, value in node.value if one.value == key), None)


def first_line(text: yaml.ScalarNode) -> int:
    """Return the line on which a text begins; for a block the one after its `|`."""
    return int(text.start_mark.line) + (2 if text.style in {"|", ">"} else 1)


def quoted(text: str) -> list[str]:
    """Return the quoted words of a message."""
    return [word for pair in re.findall(r'"([^"]+)"|`([^`]+)`|\'([^\']+)\'', text) for word in pair if word]

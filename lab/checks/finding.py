"""What `lab check` reports."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """A problem in a file of the checkout.

    Attributes:
        file: its path in the checkout.
        line: counted from 1; 0 means the whole file.
        text: what is wrong.
        remedy: what to do about it.
    """

    file: str
    line: int
    text: str
    remedy: str

    @property
    def place(self) -> str:
        """`file:line`, as editors open it."""
        return f"{self.file}:{self.line}" if self.line else self.file


# First match decides; the last one always does.
_REMEDIES = tuple(
    (re.compile(pattern), remedy)
    for pattern, remedy in (
        (r"unknown function", "Look for a slip in the function's name, or for a function of the other query language."),
        (r"undefined receiver", "Name one of the `receivers` of this file, or add that one to them."),
        (r"undefined time interval", "Name one of the `time_intervals` of this file, or add that one to them."),
        (r"not found in type|has invalid keys", "Take the setting out, or look for a slip in its name."),
        (r"template:", "Fix the `{{ ... }}`: each needs its end, and each `if`, `range`, `with` its `{{ end }}`."),
        (r"could not parse expression|parse error|syntax error", "Fix the expression: try it in Explore first."),
        (r"is repeated|duplicate", "Rename one of the two, or take it out."),
        (r"not a valid duration|duration", "Write a duration as 30s, 5m, 2h or 1d."),
        (r"error parsing regexp", "Fix the regular expression: brackets come in pairs, RE2 cannot look behind."),
        (r"yaml: |not YAML", "Fix the YAML: spaces, no tabs, two spaces per level, quotes in pairs."),
        (r"", "Fix what the server reports; `git diff` shows what was changed."),
    )
)


def remedy_for(text: str) -> str:
    """Return the fix for the error message of a server."""
    return next(remedy for pattern, remedy in _REMEDIES if pattern.search(text))

"""The glossary's words are used: what they replaced stands in no name, string or document."""

import re
import subprocess
from pathlib import Path

import pytest

from lab.settings import ROOT

# What is replaced, as a pattern without regard to case: the word to use (CONTRIBUTING, "Words").
REPLACED = {
    r"aftermath": "cooldown, resolution watcher",
    r"always-on": "baseline",
    r"anew": "again, restart",
    r"at hand|at_hand": "current",
    r"(admin|mail) door|doors?_|_doors?": "admin API, SMTP server",
    r"beside": "next to, with, and",
    r"calm": "baseline, steady",
    r"echoes|_echo": "residual alerts",
    r"\bexcuses?\b": "fallback reply",
    r"given up|gave up": "dropped, abandoned",
    r"guardian": "restarter",
    r"heard|hears?": "received, parsed",
    r"held[ _-]back|holds?[ _-]back": "inhibited",
    r"hindrance": "block reason",
    r"housekeeping": "retention",
    r"lab hour|lab's age|lab_age": "last 5 minutes, uptime",
    r"leash": "lease",
    r"letters\b|\bLetter\(": "mail",
    r"lingers?": "wait for resolution",
    r"lives": "restart detector, runs",
    r"mends?|mended|mending": "fix",
    r"mishaps?": "fault injector",
    r"must_not|held_back": "forbidden_alerts, inhibited_alerts",
    r"nobody|somebody|whoever": "the responder, any user",
    r"sealed": "hidden",
    r"spoil(s|ed|t)?": "conflict, corrupt",
    r"stands? in the way|in its way": "blocked by",
    r"stands?(?!-in)|standing": "is, exists, active",
    r"steadyuser|steady_users": "BaselineUser, BASELINE_USERS",
    r"strays?": "orphan",
    r"told|(?<!\.)tells?|telling": "sent, notified, reported, shows",
    r"too_young": "warm-up",
    r"well again|is well\b": "healthy",
}
_TEXT = {".py", ".md", ".yml", ".yaml", ".html", ".js", ".css", ".toml", ".tmpl", ".sh", ".in", ".env", "", ".sql"}
# The list itself, the licence, pinned packages, and what customers and the model say in conversations.
_LEFT_OUT = (
    "tests/config/test_wording.py",
    "LICENSE",
    "requirements/",
    "docs/images/",
    "grafana/dashboards/",
    "services/model/dialogue/phrases.py",
    "services/model/dialogue/vocabulary.py",
    "services/model/dialogue/intents.py",
    "services/model/dialogue/state_tracker.py",
    "loadtest/users/grammar.py",
    # The database of version 0.1, as it was released.
    "services/pager/model/migrations/versions/0001_version_0_1.py",
    "tests/unit/pager/version_0_1.sql",
)
# A column of databases that exist, and the old names that CHANGELOG lists.
_KEPT = re.compile(r'mapped_column\("heard_at"|SELECT heard_at|`sealed` is|`always-on` origin')


def texts() -> list[str]:
    """Return the tracked files of text."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [one for one in listed if Path(one).suffix in _TEXT and not one.startswith(_LEFT_OUT)]


@pytest.mark.parametrize("pattern", REPLACED)
def test_no_replaced_word_stands_anywhere(pattern: str) -> None:
    found = re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])", re.IGNORECASE)
    hits = [
        f"{file}:{number}: {line.strip()[:100]}"
        for file in texts()
        for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1)
        if found.search(line) and not _KEPT.search(line)
    ]
    assert not hits, f"use: {REPLACED[pattern]}\n" + "\n".join(hits)

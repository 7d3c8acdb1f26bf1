"""The runbook pages: one Markdown file per alert, rendered as HTML."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

# Raw HTML stays text: a page gets its markup from Markdown only, and never a script.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")


class Runbooks:
    """The pages of one folder. They are read at each request, so that an edit shows at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the alerts that have a page, in alphabetical order."""
        return sorted(page.stem for page in self._folder.glob("*.md") if _NAME.fullmatch(page.stem))

    def html(self, name: str) -> str | None:
        """Return the page of an alert as HTML, None without one. Only a plain name becomes a path."""
        page = self._folder / f"{name}.md"
        if not _NAME.fullmatch(name) or not page.is_file():
            return None
        return to_html(page.read_text(encoding="utf-8"))


def to_html(markdown: str) -> str:
    """Render Markdown as HTML; markup in the text stays text."""
    return str(_MARKDOWN.render(markdown))

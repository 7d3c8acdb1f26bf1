"""Reads the headers and texts of a mail (RFC 5322).

It never raises: what cannot be decoded is replaced, or left as it came.
The parser of `email` with its older policy reads headers as text and decodes nothing by itself: the newer one raises
on many broken headers. What it returns is clean text (services/web/text.py).
"""

import codecs
import re
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from functools import cached_property
from html import unescape
from html.parser import HTMLParser
from typing import TypeVar

from services.web.text import clean_line, clean_text

# A run of encoded words, `=?utf-8?B?...?=` (RFC 2047): the spaces between them are no text.
_WORD = r"=\?[!->@-~]+\?[bq]\?[ ->@-~]*\?="
_SINGLE_WORD = re.compile(_WORD, re.IGNORECASE)
_WORDS = re.compile(rf"{_WORD}(?:\s+{_WORD})*", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
# UTF-8 contains ASCII; senders that name it often mean UTF-8. The rest are codecs of Python, not of mails.
_READ_AS_UTF8 = frozenset(
    {"ascii", "idna", "punycode", "raw-unicode-escape", "raw_unicode_escape", "undefined", "unicode-escape"}
)

_T = TypeVar("_T")


class MailReader:
    """The content of one mail."""

    def __init__(self, content: bytes) -> None:
        self._message, self._parts = _parse(content)

    @property
    def content_type(self) -> str:
        """The type of the whole mail, such as `text/plain`."""
        return _type(self._message)

    def header(self, name: str) -> str:
        """Return a decoded header as one line; empty without it."""
        for key, value in self._message.raw_items():
            if key.lower() == name.lower():
                return decode_words(str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        return ""

    def message_ids(self, name: str) -> tuple[str, ...]:
        """Return the Message-Ids in a header, in its order."""
        return tuple(_MESSAGE_ID.findall(self.header(name)))

    def date(self) -> datetime | None:
        """Return the time in the header Date, in UTC; None without a valid one."""
        return _read(lambda: _utc(parsedate_to_datetime(self.header("Date"))), None)

    def text(self) -> str:
        """Return the plain text, else the text of the HTML, and a note for each part that is neither."""
        # A multipart without parts is text that lost its form.
        plain = [_decode_part(part) for part in self._parts if _type(part).startswith(("text/plain", "multipart"))]
        if not any(text.strip() for text in plain):
            plain = ["\n".join(page.words) for page in self._pages]
        others = [_type(part) for part in self._parts if not _type(part).startswith(("text/", "multipart/"))]
        texts = [*plain, *(f"[{kind}: not stored]" for kind in others)]
        return "\n".join(clean_text(text).strip() for text in texts if text.strip())

    def body_attributes(self, name: str) -> Iterator[str]:
        """Yield an attribute of the <body> of each HTML part that has it."""
        for page in self._pages:
            if value := page.body.get(name):
                yield value

    @cached_property
    def _pages(self) -> list["_Html"]:
        return [_parse_html(_decode_part(part)) for part in self._parts if _type(part) == "text/html"]


def decode_words(text: str) -> str:
    """Decode the encoded words of a header; return it as one line. A broken word stays as it came."""
    return clean_line(_WORDS.sub(lambda words: _decode_run(words[0]), re.sub(r"[\r\n]+", "", text)))


def _decode_run(words: str) -> str:
    try:
        # Together: a character may begin in one word and end in the next.
        parts = decode_header(words)
    except (HeaderParseError, ValueError):
        single = _SINGLE_WORD.findall(words)
        return words if len(single) == 1 else "".join(_decode_run(word) for word in single)
    decoded = (part if isinstance(part, str) else decode(part, charset or "utf-8") for part, charset in parts)
    return "".join(decoded) or words


def decode(data: bytes, charset: str) -> str:
    """Decode bytes; U+FFFD replaces what is not of the charset, and UTF-8 a charset that does not exist.

    Args:
        data: the encoded text.
        charset: its name, with a language after `*` (RFC 2231).
    """
    try:
        name = codecs.lookup(charset.partition("*")[0]).name
        return data.decode("utf-8" if name in _READ_AS_UTF8 else name, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _read(read: Callable[[], _T], otherwise: _T) -> _T:
    """Return the result of a function of `email`; `otherwise` when it fails.

    For broken mails `email` raises much that it does not document: TypeError, IndexError, RecursionError and others.
    """
    try:
        return read()
    except Exception:
        return otherwise


def _parse(content: bytes) -> tuple[Message, list[Message]]:
    """Return the mail and its parts; where the parts cannot be parsed, its body is one text."""
    parsed = _read(lambda: _parse_parts(content), None)
    if parsed is not None:
        return parsed
    message = BytesHeaderParser().parsebytes(content)
    return message, [message]


def _parse_parts(content: bytes) -> tuple[Message, list[Message]]:
    message = message_from_bytes(content)
    return message, [part for part in message.walk() if not part.is_multipart()]


def _type(part: Message) -> str:
    return clean_line(_read(part.get_content_type, "text/plain"))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decode_part(part: Message) -> str:
    return decode(_payload(part), _read(lambda: part.get_content_charset("utf-8"), "utf-8"))


def _payload(part: Message) -> bytes:
    """Return the bytes of a part; base64 and the like that cannot be decoded as they came."""
    bare = copy(part)
    # `email` fails on some charsets even where it decodes no text.
    for header in ("Content-Type", "Content-Transfer-Encoding"):
        del bare[header]
        payload = _read(lambda: bare.get_payload(decode=True), None)
        if isinstance(payload, bytes) and payload:
            return payload
    return b""


class _Html(HTMLParser):
    """Collects the text between tags, without styles and scripts, and the attributes of the first <body>."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.body: dict[str, str | None] = {}
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        if tag == "body":
            self.body = self.body or dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= bool(self._hidden) and tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(data.strip())

    def parse_marked_section(self, i: int, report: bool = True) -> int:  # noqa: ARG002
        """Skip `<![...]>`: an HTML parser reads it as a comment, and Python's raises AssertionError."""
        return self.parse_bogus_comment(i)


def _parse_html(text: str) -> _Html:
    html = _Html()
    html.feed(text)
    # Not `close`: for tags that do not end it takes minutes.
    html.handle_data(unescape(html.rawdata))
    return html

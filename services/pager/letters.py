"""A mail, read into what the pager needs to know.

Alertmanager's mails carry the notice for programs in their HTML (alertmanager/templates/mail.tmpl). A mail that has
lost it on its way is known by its subject; any other mail was written by a person or by a program that knows no better,
and is kept as text. Nothing in a mail is an error: what cannot be read is shown as it came.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

from pydantic import ValidationError

from services.pager.notice import MAX_LABEL, MAX_TEXT, Instance, Notice, identity, read_notice
from services.web.bodies import parse_object
from services.web.problems import Problem

# Where the notice stands: an attribute of the HTML's body. A header has no room for it.
NOTICE_ATTRIBUTE = "data-lab-notice"
# What an incident of a mail is called that is no alert.
MAIL = "Mail"

# The subject of Alertmanager's mails, and what mail programs put before it.
_OURS = re.compile(r"\[(?P<word>PAGE|TICKET|RESOLVED)\] (?P<alert>\S+) (?P<service>\S+?)(?: \(\d+\))?: (?P<rest>.*)")
_ANSWER = re.compile(r"(?:(?:re|aw|sv|antw|fwd?|wg)(?:\[\d+\])?: *)+", re.IGNORECASE)
_SEVERITIES = {"PAGE": "page", "TICKET": "ticket", "RESOLVED": "ticket"}


@dataclass(frozen=True)
class Letter:
    """A mail. `notice` is what Alertmanager says in it; without one it is about `about`, where its subject tells."""

    message_id: str
    sender: str
    subject: str
    sent_at: datetime
    text: str
    notice: Notice | None
    # Alert and service that an answer speaks of.
    about: tuple[str, str] | None


def read_letter(content: bytes, sender: str, received_at: datetime) -> Letter:
    """Read a mail of whatever form."""
    head = BytesHeaderParser().parsebytes(content)
    subject = _clean(_header(head, "Subject"))[:MAX_LABEL] or "(no subject)"
    sent_at = min(_date(head) or received_at, received_at)
    parts = _parts(content)
    answer = _ANSWER.match(subject)
    answered = _OURS.match(subject[answer.end() :]) if answer else None
    notice = None
    if answered is None:
        notice = _notice(parts, received_at) or _notice_of(subject, sent_at, received_at)
    return Letter(
        # Without one, the same bytes are the same mail.
        message_id=_header(head, "Message-Id")[:MAX_LABEL] or hashlib.sha256(content).hexdigest(),
        sender=_clean(sender)[:MAX_LABEL],
        subject=subject,
        sent_at=sent_at,
        text="" if notice else _text(content, parts),
        notice=notice,
        about=(answered["alert"], answered["service"]) if answered else None,
    )


def ticket(letter: Letter, recipient: str, received_at: datetime) -> Notice:
    """The incident that a mail from elsewhere makes: one a sender, so that a chatty one does not bury the others."""
    fingerprint = hashlib.sha256(letter.message_id.encode("utf-8", "replace")).hexdigest()[:16]
    return Notice(
        key=identity(MAIL, letter.sender),
        receiver=recipient,
        firing=True,
        alert=MAIL,
        severity="ticket",
        service=letter.sender,
        summary=letter.subject,
        description=letter.text,
        links={},
        instances=(Instance(fingerprint, {"subject": letter.subject}, letter.sent_at, None),),
        truncated=0,
        received_at=received_at,
        channel="mail",
    )


def _notice(parts: list[Message], received_at: datetime) -> Notice | None:
    """The notice in the HTML; None when there is none, or half of one."""
    for part in parts:
        if part.get_content_type() == "text/html":
            found = _read(part).notice
            try:
                return replace(read_notice(parse_object(found.encode("utf-8", "replace")), received_at), channel="mail")
            except (Problem, ValidationError):
                continue
    return None


def _notice_of(subject: str, sent_at: datetime, received_at: datetime) -> Notice | None:
    """The notice in the subject of an alert's mail, for one that has lost its header: less, and enough for a page."""
    found = _OURS.match(subject)
    if not found:
        return None
    alert, service, firing = found["alert"], found["service"], found["word"] != "RESOLVED"
    return Notice(
        key=identity(alert, service),
        receiver=MAIL,
        firing=firing,
        alert=alert,
        severity=_SEVERITIES[found["word"]],
        service=service,
        summary=found["rest"],
        description="",
        links={},
        instances=(Instance(identity(alert, service)[:16], {}, sent_at, None if firing else sent_at),),
        truncated=0,
        received_at=received_at,
        channel="mail",
    )


def _header(message: Message, name: str) -> str:
    """A header as people read it; one in an unknown character set as it came."""
    raw = message.get(name)
    if raw is None:
        return ""
    try:
        return str(make_header(decode_header(raw))).strip()
    except (LookupError, ValueError):
        return str(raw).strip()


def _date(head: Message) -> datetime | None:
    try:
        moment = parsedate_to_datetime(_header(head, "Date"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _parts(content: bytes) -> list[Message]:
    """The parts of a mail that hold no others; none where it cannot be taken apart."""
    try:
        return [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
    except (RecursionError, ValueError):
        return []


def _text(content: bytes, parts: list[Message]) -> str:
    """What a person would read of it: the plain text, else the HTML's, and a word for each part that is neither."""
    if not parts:
        return _cut(_clean(content.decode("utf-8", "replace")))
    # A multipart that holds no parts is text that lost its form.
    readable = ("text/plain", "multipart")
    plain = [_decoded(part) for part in parts if part.get_content_type().startswith(readable)]
    if not any(text.strip() for text in plain):
        plain = ["\n".join(_read(part).words) for part in parts if part.get_content_type() == "text/html"]
    others = list(_not_kept(parts))
    return _cut("\n".join(_clean(text).strip() for text in [*plain, *others] if text.strip()) or "(nothing in it)")


def _not_kept(parts: list[Message]) -> Iterator[str]:
    for part in parts:
        if part.get_content_maintype() not in ("text", "multipart"):
            yield f"[{part.get_content_type()}: not kept]"


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


class _Html(HTMLParser):
    """The text between tags, less that of styles and scripts; and the notice."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.notice = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        if tag == "body":
            self.notice = dict(attrs).get(NOTICE_ATTRIBUTE) or ""

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= bool(self._hidden) and tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(data.strip())


def _read(part: Message) -> _Html:
    html = _Html()
    html.feed(_decoded(part))
    return html


def _clean(text: str) -> str:
    """Without signs that no page shows and no database needs."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"

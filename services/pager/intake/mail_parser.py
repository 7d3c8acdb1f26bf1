"""Parses a mail into a notification, a reply or a ticket.

Alertmanager's mails carry the notification as JSON in their HTML (alertmanager/templates/mail.tmpl). Without it the
subject identifies the alert; any other mail is text. No mail is an error: what cannot be parsed is stored as it came.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from html.parser import HTMLParser

from pydantic import ValidationError

from services.pager.model.notification import MAX_LABEL, Alert, Notification, cut, identity, parse_notification
from services.web.bodies import parse_object
from services.web.problems import Problem

# The attribute of the HTML's body that holds the notification: a header has no room for it.
NOTIFICATION_ATTRIBUTE = "data-lab-notification"
# The alert name of an incident that a mail opened and no alert.
MAIL = "Mail"

# The subject of Alertmanager's mails, and the prefixes of replies.
_ALERT_SUBJECT = re.compile(
    r"\[(?P<word>PAGE|TICKET|RESOLVED)\] (?P<alert>\S+) (?P<service>\S+?)(?: \(\d+\))?: (?P<rest>.*)"
)
_REPLY = re.compile(r"(?:(?:re|aw|sv|antw|fwd?|wg)(?:\[\d+\])?: *)+", re.IGNORECASE)
_SEVERITIES = {"PAGE": "page", "TICKET": "ticket", "RESOLVED": "ticket"}


@dataclass(frozen=True)
class InboundMail:
    """A parsed mail: `notification` for a mail of Alertmanager, `reply_to` (alert, service) for a reply to one."""

    message_id: str
    sender: str
    subject: str
    sent_at: datetime
    text: str
    notification: Notification | None
    reply_to: tuple[str, str] | None


def parse_mail(content: bytes, sender: str, received_at: datetime) -> InboundMail:
    """Parse the bytes of a mail; never raises.

    Args:
        content: the message as received (RFC 5322).
        sender: the envelope's sender.
        received_at: aware; no time of the result is later.
    """
    message = _parse(content)
    subject = _clean(_header(message, "Subject"))[:MAX_LABEL] or "(no subject)"
    sent_at = min(_date(message) or received_at, received_at)
    parts = [part for part in message.walk() if not part.is_multipart()]
    prefix = _REPLY.match(subject)
    reply = _ALERT_SUBJECT.match(subject[prefix.end() :]) if prefix else None
    notification = None
    if reply is None:
        notification = _from_html(parts, received_at) or _from_subject(subject, sent_at, received_at)
    return InboundMail(
        # Without one, the same bytes are the same mail.
        message_id=_header(message, "Message-Id")[:MAX_LABEL] or hashlib.sha256(content).hexdigest(),
        sender=_clean(sender)[:MAX_LABEL],
        subject=subject,
        sent_at=sent_at,
        text="" if notification else _text(parts),
        notification=notification,
        reply_to=(reply["alert"], reply["service"]) if reply else None,
    )


def incident_from_mail(mail: InboundMail, recipient: str, received_at: datetime) -> Notification:
    """Return the ticket of a mail from elsewhere: one incident per sender."""
    fingerprint = hashlib.sha256(mail.message_id.encode("utf-8", "replace")).hexdigest()[:16]
    return Notification(
        key=identity(MAIL, mail.sender),
        receiver=recipient,
        firing=True,
        alert=MAIL,
        severity="ticket",
        service=mail.sender,
        summary=mail.subject,
        description=mail.text,
        alerts=(Alert(fingerprint, {"subject": mail.subject}, mail.sent_at, None),),
        received_at=received_at,
        channel="mail",
    )


def _from_html(parts: list[EmailMessage], received_at: datetime) -> Notification | None:
    """Return the notification in the HTML; None without a complete one."""
    for part in parts:
        if part.get_content_type() == "text/html":
            json = _parse_html(part).notification.encode("utf-8", "replace")
            try:
                return replace(parse_notification(parse_object(json), received_at), channel="mail")
            except (Problem, ValidationError):
                continue
    return None


def _from_subject(subject: str, sent_at: datetime, received_at: datetime) -> Notification | None:
    """Return the notification in the subject of an alert's mail that lost its HTML: less, and enough for a page."""
    match = _ALERT_SUBJECT.match(subject)
    if not match:
        return None
    alert, service, firing = match["alert"], match["service"], match["word"] != "RESOLVED"
    return Notification(
        key=identity(alert, service),
        receiver=MAIL,
        firing=firing,
        alert=alert,
        severity=_SEVERITIES[match["word"]],
        service=service,
        summary=match["rest"],
        alerts=(Alert(identity(alert, service)[:16], {}, sent_at, None if firing else sent_at),),
        received_at=received_at,
        channel="mail",
    )


def _header(message: EmailMessage, name: str) -> str:
    """Return a decoded header; empty when it is missing or the standard library cannot parse it."""
    try:
        return str(message.get(name, "")).strip()
    except (LookupError, ValueError, TypeError, AttributeError, IndexError):
        # Defects of the parser for broken headers; the raw text is better than a refused mail.
        return next((str(value).strip() for key, value in message.raw_items() if key.lower() == name.lower()), "")


def _date(message: EmailMessage) -> datetime | None:
    try:
        moment: datetime = message["Date"].datetime
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, AttributeError, IndexError):
        return None


def _parse(content: bytes) -> EmailMessage:
    """Parse a mail; where its parts cannot be parsed, its body is one text."""
    try:
        return message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    except (RecursionError, ValueError):
        return BytesHeaderParser(_class=EmailMessage, policy=policy.default).parsebytes(content)


def _text(parts: list[EmailMessage]) -> str:
    """Return the plain text, else the text of the HTML, and a note for each part that is neither."""
    # A multipart without parts is text that lost its form.
    readable = ("text/plain", "multipart")
    plain = [_decode(part) for part in parts if part.get_content_type().startswith(readable)]
    if not any(text.strip() for text in plain):
        plain = ["\n".join(_parse_html(part).words) for part in parts if part.get_content_type() == "text/html"]
    others = [part.get_content_type() for part in parts if part.get_content_maintype() not in ("text", "multipart")]
    texts = [*plain, *(f"[{kind}: not stored]" for kind in others)]
    return cut("\n".join(_clean(text).strip() for text in texts if text.strip()) or "(empty)")


def _decode(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


class _Html(HTMLParser):
    """Collects the text between tags, without styles and scripts, and the notification."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.notification = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        if tag == "body":
            self.notification = dict(attrs).get(NOTIFICATION_ATTRIBUTE) or ""

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= bool(self._hidden) and tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(data.strip())


def _parse_html(part: EmailMessage) -> _Html:
    html = _Html()
    html.feed(_decode(part))
    return html


def _clean(text: str) -> str:
    """Replace control characters, which neither pages nor the database store, by blanks."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)

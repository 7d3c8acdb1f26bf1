"""Parses a mail into a notification, a reply or a ticket.

Alertmanager's mails carry the notification as JSON in their HTML (alertmanager/templates/mail.tmpl). Without it the
subject identifies the alert; any other mail is text. No mail is an error: what cannot be parsed is stored as it came.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from services.pager.intake.mail_reader import MailReader
from services.pager.model.notification import (
    MAX_LABEL,
    Alert,
    Notification,
    clamp_time,
    cut,
    identity,
    parse_notification,
)
from services.web.bodies import parse_object
from services.web.problems import Problem
from services.web.text import clean_line

# The attribute of the HTML's body that holds the notification: a header has no room for it.
NOTIFICATION_ATTRIBUTE = "data-lab-notification"
# The alert name of an incident that a mail opened and no alert.
MAIL = "Mail"

# The subject of Alertmanager's mails.
_ALERT_SUBJECT = re.compile(
    r"\[(?P<word>PAGE|TICKET|RESOLVED)\] (?P<alert>\S+) (?P<service>\S+?)(?: \(\d+\))?: (?P<rest>.*)"
)
# A reply or a forwarded mail: `Re:`, `RE :`, `Odp:`, `[list] Fwd:`. Each language has its own word before the colon.
_REPLY = re.compile(r".*[:\N{FULLWIDTH COLON}].*")
_SEVERITIES = {"PAGE": "page", "TICKET": "ticket", "RESOLVED": "ticket"}
# Headers of automatic replies: that of RFC 3834, and those of older programs.
_AUTOMATIC = re.compile(r"auto-replied\b", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_OLDER_AUTOMATIC = {"Precedence": "auto_reply", "X-Autoreply": "yes", "X-Autorespond": "yes"}
# Message-Ids that a mail may refer to.
_MAX_REFERENCES = 50


@dataclass(frozen=True)
class InboundMail:
    """A parsed mail."""

    message_id: str
    sender: str
    subject: str
    sent_at: datetime
    text: str
    # Of a mail of Alertmanager.
    notification: Notification | None
    # The alert and service in the subject of a reply.
    reply_to: tuple[str, str] | None
    # The Message-Ids that it answers, the nearest first.
    references: tuple[str, ...]
    # `bounce` or `automatic reply`: no person and no alert sent it.
    automatic: str


def parse_mail(content: bytes, sender: str, received_at: datetime) -> InboundMail:
    """Parse the bytes of a mail; never raises.

    Args:
        content: the message as received (RFC 5322).
        sender: the envelope's sender.
        received_at: aware; no time of the result is later.
    """
    mail = MailReader(content)
    sender = clean_line(sender)
    subject = mail.header("Subject")[:MAX_LABEL] or "(no subject)"
    sent_at = clamp_time(mail.date(), received_at)
    reply_to = _reply_to(subject)
    notification = None
    if reply_to is None:
        notification = _from_html(mail, received_at) or _from_subject(subject, sent_at, received_at)
    ids = (*mail.message_ids("Message-Id"), mail.header("Message-Id"))
    return InboundMail(
        # Without one, the same bytes are the same mail.
        message_id=ids[0][:MAX_LABEL] or hashlib.sha256(content).hexdigest(),
        sender=sender[:MAX_LABEL],
        subject=subject,
        sent_at=sent_at,
        text=cut(mail.text() or "(empty)"),
        notification=notification,
        reply_to=reply_to,
        references=_references(mail),
        automatic=_automatic(mail, sender),
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


def _reply_to(subject: str) -> tuple[str, str] | None:
    """Return the alert and service that a reply's subject has after its prefix; None for any other mail."""
    alert = _ALERT_SUBJECT.search(subject)
    if alert is None or not _REPLY.fullmatch(subject[: alert.start()]):
        return None
    return alert["alert"], alert["service"]


def _references(mail: MailReader) -> tuple[str, ...]:
    """Return the Message-Ids in the headers of a thread, the nearest first."""
    ids = (*mail.message_ids("In-Reply-To"), *reversed(mail.message_ids("References")))
    return tuple(dict.fromkeys(one[:MAX_LABEL] for one in ids))[:_MAX_REFERENCES]


def _automatic(mail: MailReader, sender: str) -> str:
    """Return what kind of automatic mail it is (RFC 3834, RFC 3464); empty for any other."""
    if sender in ("", "<>") or mail.content_type == "multipart/report":
        return "bounce"
    automatic = _AUTOMATIC.match(_COMMENT.sub("", mail.header("Auto-Submitted")).strip()) or any(
        mail.header(name).lower() == value for name, value in _OLDER_AUTOMATIC.items()
    )
    return "automatic reply" if automatic else ""


def _from_html(mail: MailReader, received_at: datetime) -> Notification | None:
    """Return the notification in the HTML; None without a complete one."""
    for json in mail.body_attributes(NOTIFICATION_ATTRIBUTE):
        try:
            body = parse_object(json.encode("utf-8", "replace"), replace=True)
            return replace(parse_notification(body, received_at), channel="mail")
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

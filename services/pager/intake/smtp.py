"""The pager's SMTP server: the second channel of an alert, for when the webhook fails.

Alertmanager sends each notification to the webhook and by mail; both update the same incident. Any other mail is
stored, too: a reply becomes a comment on the incident of the mail that it answers, the rest opens a ticket of its
sender. Bounces and automatic replies are ignored. The reply to a mail is sent after the commit: a storage failure is
temporary (4xx), a mail that is too large or for an unknown recipient permanent (5xx; RFC 5321, section 4.2.1).
"""

import asyncio
import atexit
import contextlib
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import AnyStr

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.exc import SQLAlchemyError

from services.pager.incidents.actions import Actions
from services.pager.incidents.store import UNCHANGED, IncidentStore
from services.pager.incidents.threads import MailThreads
from services.pager.intake.mail_parser import MAIL, InboundMail, incident_from_mail, parse_mail
from services.pager.model.names import MAX_NAME
from services.pager.model.notification import Notification, identity
from services.pager.model.tables import Incident
from services.web.problems import Problem

CHANNEL = "mail"
# The receivers of alertmanager.yml.
RECIPIENTS = ("application@lab.example", "platform@lab.example")
# Bytes of one mail; twenty alerts with all their links are about 60 KiB.
MAX_BYTES = 256 * 1024
MAX_CONNECTIONS = 20
# How often a connection may send one command.
MAX_COMMANDS = 100
# Seconds that a connection may be idle.
IDLE_SECONDS = 30
# Open tickets of mails; over the limit the reply is temporary.
MAX_TICKETS = 20
# Message-Ids that are stored: a sender that missed the reply sends the same mail again at once.
MAX_RECENT = 1000

_TRY_AGAIN = "451 4.3.0 Storage failed, try again"


class MailHandler:
    """Stores one mail at a time before its reply. The `handle_` methods are the hooks of aiosmtpd."""

    def __init__(self, store: IncidentStore, actions: Actions) -> None:
        self._store = store
        self._actions = actions
        self._metrics = store.metrics
        self._threads = MailThreads(store.database)
        self._recent: OrderedDict[tuple[str, str], None] = OrderedDict()
        # One: mails are few, and two of one sender must not open two tickets.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        """Accept only RECIPIENTS."""
        if address.lower() not in RECIPIENTS:
            self.refuse("unknown recipient")
            return "550 5.1.1 Unknown recipient"
        if address not in envelope.rcpt_tos:
            envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Store a whole mail in a thread, so that the event loop does not wait for the database."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        recipient = envelope.rcpt_tos[0].partition("@")[0].lower()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._receive, content, envelope.mail_from or "", recipient)

    async def handle_exception(self, error: Exception) -> str:
        """Reply to a defect with a temporary failure, so that the sender keeps the mail."""
        self.refuse(f"{type(error).__name__}", "error")
        return _TRY_AGAIN

    def close(self) -> None:
        """Finish the mail that is being stored."""
        self._pool.shutdown()

    def _receive(self, content: bytes, sender: str, recipient: str) -> str:
        """Store a mail; return the SMTP reply."""
        now = datetime.now(UTC)
        mail = parse_mail(content, sender, now)
        try:
            with suppress_instrumentation():
                result, answer = self._apply(mail, recipient, now)
        except SQLAlchemyError as error:
            self.refuse(f"the database: {type(error).__name__}", "error")
            return _TRY_AGAIN
        except Problem as problem:
            self.refuse(problem.title)
            return "554 5.7.0 Timeline full"
        if result == "refused":
            self.refuse("too many tickets of mails are open")
            return answer
        self._metrics.notification(CHANNEL, result)
        self._recent[mail.sender, mail.message_id] = None
        while len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        return answer

    def refuse(self, reason: str, level: str = "warning") -> None:
        """Count and log a refused mail."""
        self._metrics.notification(CHANNEL, "refused")
        self._metrics.telemetry.log(
            "error" if level == "error" else "application",
            "mail.refused",
            f"A mail was refused: {reason}",
            level=level,
            logger="pager.mail",
        )

    def _apply(self, mail: InboundMail, recipient: str, now: datetime) -> tuple[str, str]:
        """Apply a mail to its incident; return the result for the metric, and the SMTP reply."""
        if (mail.sender, mail.message_id) in self._recent:
            return "repeated", "250 2.0.0 Duplicate"
        if mail.automatic:
            self._log_ignored(mail.automatic)
            return "repeated", f"250 2.0.0 Ignored: {mail.automatic}"
        commented = self._commented(mail)
        if commented is not None:
            return self._comment(commented, mail)
        if mail.notification is not None:
            return self._apply_notification(mail.notification, mail)
        if sum(one.alert == MAIL for one in self._store.list(0)) >= MAX_TICKETS:
            return "refused", "452 4.3.1 Too many open mail tickets, try again later"
        return self._apply_notification(incident_from_mail(mail, recipient, now), mail)

    def _commented(self, mail: InboundMail) -> Incident | None:
        """Return the incident that a mail comments on: by its thread, its subject, or its sender's open ticket."""
        if replied := self._threads.find(mail.references):
            return replied
        if mail.notification is not None:
            return None
        if mail.reply_to and (replied := self._store.newest(identity(*mail.reply_to))):
            return replied
        ticket = self._store.newest(identity(MAIL, mail.sender))
        return ticket if ticket is not None and ticket.is_open else None

    def _comment(self, incident: Incident, mail: InboundMail) -> tuple[str, str]:
        self._actions.comment(incident.id, mail.sender[:MAX_NAME], f"{mail.subject}\n{mail.text}")
        self._threads.add(mail.message_id, incident)
        return "accepted", f"250 2.0.0 A comment on incident {incident.id}"

    def _log_ignored(self, kind: str) -> None:
        self._metrics.telemetry.log(
            "application", "mail.ignored", f"A mail was ignored: {kind}", logger="pager.mail", kind_of_mail=kind
        )

    def _apply_notification(self, notification: Notification, mail: InboundMail) -> tuple[str, str]:
        if notification.is_heartbeat:
            # A heartbeat by mail would hide a failed webhook.
            return "repeated", "250 2.0.0 Heartbeat ignored: only the webhook counts"
        if notification.firing and _is_resolved(self._store.newest(notification.key), mail.sent_at):
            return "repeated", "250 2.0.0 Already resolved"
        outcome, incident = self._store.receive(notification)
        if incident is not None:
            self._threads.add(mail.message_id, incident)
        result = "repeated" if outcome in UNCHANGED else "accepted"
        return result, f"250 2.0.0 {outcome}" + (f": incident {incident.id}" if incident else "")


def _is_resolved(incident: Incident | None, sent_at: datetime) -> bool:
    """Return whether a mail was sent before its incident resolved: a late mail. Its date has whole seconds."""
    return (
        incident is not None
        and incident.resolved_at is not None
        and (sent_at + timedelta(seconds=1) <= incident.resolved_at)
    )


class _Connection(SMTP):
    """One connection, with limits that aiosmtpd lacks: on all bytes of a mail, also those of an endless line."""

    def __init__(self, mails: MailHandler, open_connections: set["_Connection"]) -> None:
        super().__init__(
            mails,
            data_size_limit=MAX_BYTES,
            enable_SMTPUTF8=True,
            hostname="pager",
            ident="lab",
            timeout=IDLE_SECONDS,
            command_call_limit=MAX_COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._mails = mails
        self._open_connections = open_connections
        self._bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Add the connection to the open ones."""
        self._open_connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Remove the connection from the open ones."""
        self._open_connections.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Abort a connection that sends too much: aiosmtpd buffers a line until it ends."""
        self._bytes += len(data)
        if self._bytes > 4 * MAX_BYTES:
            self._mails.refuse("endless line")
            self.abort()
            return
        super().data_received(data)

    def abort(self) -> None:
        """Close the connection without a reply."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    async def push(self, status: AnyStr) -> None:
        """Send a reply, and count the mails that aiosmtpd refuses without calling a hook."""
        text = status if isinstance(status, str) else status.decode("ascii", "replace")
        if text.startswith(("552 ", "500 Line too long")):
            self._mails.refuse("it is too large" if text.startswith("552") else "a line of it is too long")
        await super().push(status)

    def _set_post_data_state(self) -> None:
        self._bytes = 0
        super()._set_post_data_state()  # type: ignore[no-untyped-call]


class _RejectExtraConnection(asyncio.Protocol):
    """A connection over the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Reply 421 and close."""
        if isinstance(transport, asyncio.Transport):
            transport.write(b"421 4.3.2 Too many connections, try again\r\n")
            transport.close()


class SmtpServer(Controller):
    """Receives mails in a thread of its own while the pager runs. `start` raises OSError when the port is taken."""

    def __init__(self, store: IncidentStore, actions: Actions, host: str, port: int) -> None:
        # Its log lines name senders and recipients; ours do not.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._mails = MailHandler(store, actions)
        self._open_connections: set[_Connection] = set()
        super().__init__(self._mails, hostname=host, port=port)

    @property
    def address(self) -> tuple[str, int]:
        """Return the host and port it listens on.

        Raises:
            OSError: it does not listen.
        """
        if not isinstance(self.server, asyncio.Server) or not self.server.sockets:
            raise OSError("the SMTP server does not listen")
        host, port, *_ = self.server.sockets[0].getsockname()
        return str(host), int(port)

    def factory(self) -> SMTP | _RejectExtraConnection:
        """Return the protocol of a new connection."""
        if len(self._open_connections) >= MAX_CONNECTIONS:
            self._mails.refuse("too many connections")
            return _RejectExtraConnection()
        return _Connection(self._mails, self._open_connections)

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """Abort all connections: an open one would keep newer versions of Python from stopping."""
        for connection in list(self._open_connections):
            connection.abort()
        super().cancel_tasks(stop_loop)

    def stop(self, no_assert: bool = True) -> None:
        """Stop; a mail that is being stored is finished first."""
        super().stop(no_assert)
        self._mails.close()

    def _trigger_server(self) -> None:
        # Port 0 is any free one.
        self.port = self.address[1]
        with contextlib.suppress(TimeoutError):
            super()._trigger_server()  # type: ignore[no-untyped-call]


def start_smtp_server(listen: str, store: IncidentStore, actions: Actions) -> SmtpServer | None:
    """Start the SMTP server at `listen` (address:port) until the process ends; None when `listen` is empty.

    Raises:
        OSError: the port is taken.
    """
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    server = SmtpServer(store, actions, host, int(port))
    server.start()
    atexit.register(server.stop)
    return server

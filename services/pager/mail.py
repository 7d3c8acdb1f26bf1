"""The pager's mail server: the second way of an alert, for when the first one fails.

Alertmanager mails what it also posts to the webhook, and both find the same incident. A mail that is no alert is kept
as well: an answer to one becomes a comment on its incident, anything else opens a ticket for its sender. A mail is
acknowledged when it is in the database; what cannot be written now is asked for again (4xx), what is too large or for
nobody is refused (5xx).
"""

import asyncio
import atexit
import contextlib
import logging
import socket
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import AnyStr

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.exc import SQLAlchemyError

from services.pager.actions import Actions
from services.pager.incidents import NOTHING_NEW, IncidentBook
from services.pager.instruments import Instruments
from services.pager.letters import MAIL, Letter, read_letter, ticket
from services.pager.notice import Notice, identity
from services.pager.tables import Incident
from services.web.problems import Problem

CHANNEL = "mail"
# Who gets mail here: the receivers of alertmanager.yml.
RECIPIENTS = ("application@lab.example", "platform@lab.example")
# Bytes of one mail; twenty alerts with all their links are about 60 KiB.
MAX_BYTES = 256 * 1024
MAX_CONNECTIONS = 20
# Of one command on one connection.
MAX_COMMANDS = 100
# Seconds that a connection may say nothing.
IDLE_SECONDS = 30
# Tickets of mails that are open; who writes then is asked to try again.
MAX_TICKETS = 20
# Message-Ids that are remembered: a sender that has missed our answer sends the same again at once.
MAX_REMEMBERED = 1000
# Characters of a signature in a timeline.
MAX_BY = 60

_TRY_AGAIN = "451 4.3.0 This cannot be written down now, try again"


class PostOffice:
    """What becomes of a mail. One at a time; everything is in the database before the answer."""

    def __init__(self, book: IncidentBook, actions: Actions, instruments: Instruments) -> None:
        self._book = book
        self._actions = actions
        self._instruments = instruments
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, content: bytes, sender: str, recipient: str) -> str:
        """Keep a mail; return the answer for its sender."""
        now = datetime.now(UTC)
        letter = read_letter(content, sender, now)
        try:
            with suppress_instrumentation():
                result, answer = self._keep(letter, recipient, now)
        except SQLAlchemyError as error:
            self.refuse(f"the database: {type(error).__name__}", "error")
            return _TRY_AGAIN
        except Problem as problem:
            self.refuse(problem.title)
            return "554 5.7.0 Its incident takes no more lines"
        if result == "refused":
            self.refuse("too many tickets of mails are open")
            return answer
        self._instruments.notification(CHANNEL, result)
        self._seen[letter.sender, letter.message_id] = None
        while len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return answer

    def refuse(self, why: str, level: str = "warning") -> None:
        """Count a mail that was refused, and say why in the log."""
        self._instruments.notification(CHANNEL, "refused")
        self._instruments.telemetry.log(
            "error" if level == "error" else "application",
            "mail.refused",
            f"A mail was refused: {why}",
            level=level,
            logger="pager.mail",
        )

    def _keep(self, letter: Letter, recipient: str, now: datetime) -> tuple[str, str]:
        if (letter.sender, letter.message_id) in self._seen:
            return "repeated", "250 2.0.0 It is here already"
        if letter.notice is not None:
            return self._alert(letter.notice, letter.sent_at)
        answered = self._book.newest(identity(*letter.about)) if letter.about else None
        known = answered or self._book.newest(identity(MAIL, letter.sender))
        if known is not None and (answered is not None or known.is_open):
            self._actions.comment(known.id, letter.sender[:MAX_BY] or MAIL, f"{letter.subject}\n{letter.text}")
            return "accepted", f"250 2.0.0 A comment on incident {known.id}"
        if sum(one.alert == MAIL for one in self._book.listed(0)) >= MAX_TICKETS:
            return "refused", "452 4.3.1 Too many mails wait to be read, try again later"
        return self._alert(ticket(letter, recipient, now), letter.sent_at)

    def _alert(self, notice: Notice, sent_at: datetime) -> tuple[str, str]:
        if notice.is_heartbeat:
            # What must be heard is the webhook: a heartbeat that came by mail would hide that it is silent.
            return "repeated", "250 2.0.0 Heard, and not counted as a heartbeat"
        if notice.firing and _is_over(self._book.newest(notice.key), sent_at):
            return "repeated", "250 2.0.0 This is over already"
        outcome, incident = self._book.receive(notice)
        result = "repeated" if outcome in NOTHING_NEW else "accepted"
        return result, f"250 2.0.0 {outcome}" + (f": incident {incident.id}" if incident else "")


def _is_over(incident: Incident | None, sent_at: datetime) -> bool:
    """Whether a mail was written before its incident ended: it was held up. Dates of mails have whole seconds."""
    return (
        incident is not None
        and incident.resolved_at is not None
        and (sent_at + timedelta(seconds=1) <= incident.resolved_at)
    )


class _Handler:
    """What aiosmtpd asks at each step of a mail."""

    def __init__(self, office: PostOffice, pool: ThreadPoolExecutor) -> None:
        self._office = office
        self._pool = pool

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        """Only those who get mail here."""
        if address.lower() not in RECIPIENTS:
            self._office.refuse("nobody here has that address")
            return "550 5.1.1 Nobody here has that address"
        if address not in envelope.rcpt_tos:
            envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """A whole mail. The database is not waited for in the loop that serves the others."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        recipient = envelope.rcpt_tos[0].partition("@")[0].lower()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._office.take, content, envelope.mail_from or "", recipient)

    async def handle_exception(self, error: Exception) -> str:
        """A mistake of ours loses no mail: it is asked for again."""
        self._office.refuse(f"{type(error).__name__}", "error")
        return _TRY_AGAIN


class _Server(SMTP):
    """One connection, with limits that aiosmtpd has not: on all bytes of a mail, also those of an endless line."""

    def __init__(self, handler: _Handler, office: PostOffice, live: set["_Server"]) -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_BYTES,
            enable_SMTPUTF8=True,
            hostname="pager",
            ident="lab",
            timeout=IDLE_SECONDS,
            command_call_limit=MAX_COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._office = office
        self._live = live
        self._bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it among those that are served."""
        self._live.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is served no more."""
        self._live.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """aiosmtpd keeps a line in memory until it ends, also when it has long been too long."""
        self._bytes += len(data)
        if self._bytes > 4 * MAX_BYTES:
            self._office.refuse("it does not end")
            self.abort()
            return
        super().data_received(data)

    def abort(self) -> None:
        """Close it without a word."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    async def push(self, status: AnyStr) -> None:
        """Send an answer; aiosmtpd refuses some mails without asking the handler."""
        text = status if isinstance(status, str) else status.decode("ascii", "replace")
        if text.startswith(("552 ", "500 Line too long")):
            self._office.refuse("it is too large" if text.startswith("552") else "a line of it is too long")
        await super().push(status)

    def _set_post_data_state(self) -> None:
        self._bytes = 0
        super()._set_post_data_state()  # type: ignore[no-untyped-call]


class _Full(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to come again."""
        if isinstance(transport, asyncio.Transport):
            transport.write(b"421 4.3.2 Too many connections, try again\r\n")
            transport.close()


class _Listener(Controller):
    """The thread with the server."""

    def __init__(self, host: str, port: int, office: PostOffice, handler: _Handler) -> None:
        super().__init__(handler, hostname=host, port=port)
        self._office = office
        self._live: set[_Server] = set()

    def factory(self) -> SMTP | _Full:
        """A connection came."""
        if len(self._live) >= MAX_CONNECTIONS:
            self._office.refuse("too many connections")
            return _Full()
        return _Server(self.handler, self._office, self._live)

    def bound(self) -> tuple[str, int]:
        """Where it listens."""
        if not isinstance(self.server, asyncio.Server) or not self.server.sockets:
            raise OSError("the mail server does not listen")
        address = self.server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """End what is going on. A connection that is left open would keep newer versions of Python from stopping."""
        for server in list(self._live):
            server.abort()
        super().cancel_tasks(stop_loop)

    def _trigger_server(self) -> None:
        host, port = self.bound()
        with socket.create_connection((host, port), timeout=1) as probe, contextlib.suppress(TimeoutError):
            probe.recv(1024)


class MailDoor:
    """Listens for mails while the pager runs."""

    def __init__(self, book: IncidentBook, actions: Actions, instruments: Instruments, host: str, port: int) -> None:
        # Its lines name senders and recipients; ours say what came of a mail.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        # One: mails are few, and two of one sender must not open two tickets.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")
        office = PostOffice(book, actions, instruments)
        self._listener = _Listener(host, port, office, _Handler(office, self._pool))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens."""
        return self._listener.bound()

    def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._listener.start()

    def stop(self) -> None:
        """Hang up; a mail that is being written down is finished."""
        self._listener.stop(no_assert=True)
        self._pool.shutdown()


def open_door(listen: str, book: IncidentBook, actions: Actions, instruments: Instruments) -> MailDoor | None:
    """Listen at `listen` (address:port) until the process ends; with an empty one there is no mail.

    Raises OSError when the port is taken.
    """
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    door = MailDoor(book, actions, instruments, host, int(port))
    door.start()
    atexit.register(door.stop)
    return door

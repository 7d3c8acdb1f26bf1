"""The mail server: alerts and other mails are kept, what is malformed, huge or for no one is refused and counted."""

import html
import json
import quopri
import re
import smtplib
import socket
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from services.pager.intake.mail_parser import parse_mail
from services.pager.intake.smtp import MAX_BYTES, MAX_CONNECTIONS, MAX_TICKETS, MailHandler, SmtpServer
from services.pager.model.tables import Event, Incident, Mail
from services.web.text import clean_line, clean_text
from tests.support.alerting.pager import Pager, notification

TEAM = "application@lab.example"
SENDER = "alertmanager@lab.example"
SUBJECT = "[PAGE] ErrorRateCritical assistant: 50% failed"


@pytest.fixture
def server(pager: Pager) -> Iterator[SmtpServer]:
    """The mail server of the pager, on a free port."""
    parts = pager.app.extensions["pager"]
    server = SmtpServer(parts.store, parts.actions, "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def alert_mail(body: dict[str, Any] | str | None = None, subject: str = SUBJECT, **headers: str) -> bytes:
    """A mail of Alertmanager's: the notification for programs in the HTML."""
    text = body if isinstance(body, str) else json.dumps(body or notification())
    page = f"<html><body data-lab-notification='{html.escape(text)}'><p>It <b>fires</b></p></body></html>"
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\nIt fires\r\n--b\r\nContent-Type: text/html; charset=UTF-8\r\n"
    parts += b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(page.encode()) + b"\r\n--b--"
    content = mail(parts, Subject=subject, Content_Type="multipart/alternative; boundary=b", **headers)
    return re.sub(rb"\r?\n", b"\r\n", content)


def mail(text: str | bytes = "Hello", **headers: str) -> bytes:
    """A mail as bytes; underscores in names of headers are dashes."""
    body = text if isinstance(text, bytes) else text.encode()
    given = {"Date": format_datetime(datetime.now(UTC)), **{name.replace("_", "-"): headers[name] for name in headers}}
    return "".join(f"{name}: {value}\r\n" for name, value in given.items()).encode() + b"\r\n" + body


def send(server: SmtpServer, content: bytes, sender: str = SENDER, to: str = TEAM) -> tuple[int, str]:
    """The server's last word on a mail."""
    with smtplib.SMTP(*server.address, timeout=10) as client:
        try:
            client.ehlo_or_helo_if_needed()
            client.mail(sender)
            code, text = client.rcpt(to)
            if code == 250:
                code, text = client.data(content)
        except smtplib.SMTPResponseException as error:
            return error.smtp_code, str(error.smtp_error)
    return code, text.decode()


def counted(pager: Pager, result: str) -> float:
    return pager.metric(f'pager_notifications_total{{channel="mail",result="{result}"}}')


def events(incident: dict[str, Any]) -> list[str]:
    return [line["event"] for line in incident["timeline"]]


def before(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


# --- Alerts -------------------------------------------------------------------------------------------------------


def test_a_mail_alone_opens_the_incident_and_closes_it(pager: Pager, server: SmtpServer) -> None:
    assert send(server, alert_mail())[0] == 250
    [incident] = pager.incidents()
    assert (incident["alert"], incident["service"], incident["severity"]) == ("ErrorRateCritical", "assistant", "page")
    assert incident["summary"].startswith("50% of the requests")
    assert incident["links"]["runbook"].endswith("/runbooks/ErrorRateCritical")
    assert events(incident).count("mailed") == 1

    assert send(server, alert_mail(notification(resolved_at=before(0))))[0] == 250
    [incident] = pager.incidents()
    assert incident["status"] == "resolved"
    assert counted(pager, "accepted") == 2


@pytest.mark.parametrize("first", ["webhook", "mail"])
def test_webhook_and_mail_meet_in_one_incident(pager: Pager, server: SmtpServer, first: str) -> None:
    ways: dict[str, Callable[[dict[str, Any]], object]] = {
        "webhook": pager.send,
        "mail": lambda body: send(server, alert_mail(body)),
    }
    second = next(way for way in ways if way != first)
    for body in (notification(), notification(resolved_at=before(0))):
        ways[first](body)
        ways[second](body)
    [incident] = pager.incidents()
    assert incident["status"] == "resolved"
    assert events(incident).count("mailed") == 1
    assert events(incident).count("resolved") == 1
    assert events(incident).count("fired") == 1


def test_the_same_mail_again_changes_nothing(pager: Pager, server: SmtpServer) -> None:
    content = alert_mail(Message_Id="<1@alertmanager>")
    send(server, content)
    once = pager.incidents()
    assert send(server, content) == (250, "2.0.0 Duplicate")
    # Without its Message-Id it is known by what it says.
    send(server, alert_mail(Message_Id="<2@alertmanager>"))
    assert pager.incidents() == once
    assert (counted(pager, "accepted"), counted(pager, "repeated")) == (1, 2)


def test_a_mail_that_was_held_up_does_not_open_what_is_over(pager: Pager, server: SmtpServer) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at=before(0)))
    late = alert_mail(Date=format_datetime(datetime.now(UTC) - timedelta(minutes=1)))
    assert send(server, late) == (250, "2.0.0 Already resolved")
    [incident] = pager.incidents()
    assert incident["status"] == "resolved"


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"version": "4"}'])
def test_a_mail_that_has_lost_its_notification_is_known_by_its_subject(
    pager: Pager, server: SmtpServer, body: str
) -> None:
    pager.send(notification())
    send(server, alert_mail(body, "[PAGE] ErrorRateCritical assistant (2): 50% of the requests"))
    send(server, alert_mail(body, "[TICKET] MemoryHigh model: 90% of its memory"))
    memory, errors = sorted(pager.incidents(), key=lambda incident: str(incident["severity"]), reverse=True)
    assert events(errors).count("mailed") == 1
    assert (memory["alert"], memory["service"], memory["severity"]) == ("MemoryHigh", "model", "ticket")
    assert memory["summary"] == "90% of its memory"

    send(server, alert_mail(body, "[RESOLVED] MemoryHigh model: over after 5m"))
    assert [one["status"] for one in pager.incidents() if one["alert"] == "MemoryHigh"] == ["resolved"]


def test_a_heartbeat_by_mail_does_not_hide_a_silent_webhook(pager: Pager, server: SmtpServer) -> None:
    body = notification(lambda body: body["alerts"][0]["labels"].update(severity="none"))
    assert send(server, alert_mail(body))[0] == 250
    assert pager.metric("pager_heartbeat_timestamp_seconds") == 0
    assert pager.incidents() == []


# --- Other mails --------------------------------------------------------------------------------------------------


def test_an_answer_becomes_a_comment_also_when_all_is_over(pager: Pager, server: SmtpServer) -> None:
    pager.send(notification())
    subject = "Re: AW: [PAGE] ErrorRateCritical assistant: 50% failed"
    send(server, mail("I am on it.", Subject=subject), "ann@lab.example")
    pager.send(notification(resolved_at=before(0)))
    # With the whole mail below the answer, notification and all.
    send(server, alert_mail(subject=subject), "bob@lab.example")
    [incident] = pager.incidents()
    comments = [line for line in incident["timeline"] if line["event"] == "commented"]
    assert [line["by"] for line in comments] == ["ann@lab.example", "bob@lab.example"]
    assert "I am on it." in comments[0]["text"]
    assert incident["status"] == "resolved"


def test_a_mail_from_elsewhere_opens_a_ticket_of_its_sender(pager: Pager, server: SmtpServer) -> None:
    send(server, mail("The backup failed.", Subject="Cron"), "cron@db.example")
    send(server, mail("It failed again.", Subject="Cron"), "cron@db.example")
    send(server, mail("Prices fell!", Subject="[PAGE] Buy now"), "shop@elsewhere.example")
    shop, cron = pager.incidents()
    assert (cron["alert"], cron["service"], cron["severity"]) == ("Mail", "cron@db.example", "ticket")
    assert (cron["summary"], cron["description"]) == ("Cron", "The backup failed.")
    assert "It failed again." in cron["timeline"][-1]["text"]
    assert (shop["service"], shop["severity"]) == ("shop@elsewhere.example", "ticket")


MULTIPART = b"""Subject: =?iso-8859-1?q?Stra=DFe?=\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/html; charset=iso-8859-1\r
\r
<style>p {}</style><p>Gr\xfc\xdfe <b>&amp; more</b></p><script>alert(1)</script>\r
--b\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
\r
iVBORw0KGgo=\r
--b--\r
"""


@pytest.mark.parametrize(
    ("content", "subject", "text"),
    [
        (MULTIPART, "Straße", "Grüße\n& more\n[image/png: not stored]"),
        (b"no header at all", "(no subject)", "no header at all"),
        (b"", "(no subject)", "(empty)"),
        (b"\x00\xff\x1b[31m" * 3, "(no subject)", " � [31m" * 3),
        (b"Content-Type: text/plain; charset=x-unheard-of\r\n\r\nwords", "(no subject)", "words"),
        (b"Subject: \xff\xfe\r\nDate: yesterday\r\n\r\nwords", "��", "words"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--c\r\nwords", "(no subject)", "words"),
    ],
    ids=["HTML and a picture", "no header", "empty", "binary", "unknown charset", "broken header", "broken parts"],
)
def test_strange_mails_are_kept_as_text(
    pager: Pager, server: SmtpServer, content: bytes, subject: str, text: str
) -> None:
    assert send(server, content, "odd@elsewhere.example")[0] == 250
    [incident] = pager.incidents()
    assert incident["summary"] == subject
    assert text.strip() in incident["description"]
    assert pager.client.get(f"/incidents/{incident['id']}").status_code == 200


WORDS_MAIL = b"Subject: %b\r\nDate: =?utf-8?B?a?=\r\nMessage-Id: =?utf-8?B?a?=\r\n\r\nwords"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (b"=?utf-8?B?a?=", "=?utf-8?B?a?="),
        (b"=?utf-8?B?a?= =?utf-8?Q?Stra=C3=9Fe?=", "=?utf-8?B?a?=Straße"),
        (b"Backup =?utf-8?B?U3TDtnJ1bmc?=", "Backup Störung"),
        (b"=?utf-8?B?U3TD?= =?utf-8?B?tnJ1bmc=?=", "Störung"),
        (b"=?utf-8?Q?a=FFb=ZZ?=", "a\ufffdb=ZZ"),
        (b"=?x-unheard-of?Q?St=C3=B6rung?=", "Störung"),
        (b"=?idna?Q?St=C3=B6rung?= =?undefined?B?eA==?=", "Störungx"),
        (b"=?utf-8*de?Q?St=C3=B6rung?=", "Störung"),
        (b"=?utf-8?B?@@?= =?utf-8?Q??=", "=?utf-8?B?@@?= =?utf-8?Q??="),
        (b"=?utf-8?X?a?= =?utf-8?Q?a", "=?utf-8?X?a?= =?utf-8?Q?a"),
        ("=?utf-8?B?ö?= Störung".encode(), "=?utf-8?B?ö?= Störung"),
        (b"a\x00b\x1b[31mc\r\n\td", "a b [31mc d"),
        (b"=?utf-8?Q?a=00b=0D=0ABcc=3A_x?=", "a b Bcc: x"),
        (b"=?utf-7?Q?+2AA-?=", "\ufffd"),
        ("Störung 山田\u3000太郎 👨\u200d👩\u200d👧".encode(), "Störung 山田\u3000太郎 👨\u200d👩\u200d👧"),
        ("a\u202eb".encode(), "ab"),
        (b"St\xf6rung", "St\ufffdrung"),
    ],
)
def test_a_broken_header_is_kept_as_it_came(pager: Pager, server: SmtpServer, subject: bytes, shown: str) -> None:
    assert send(server, WORDS_MAIL % subject, "odd@elsewhere.example")[0] == 250
    [incident] = pager.incidents()
    assert (incident["summary"], incident["description"]) == (shown, "words")
    assert incident["opened_at"] == incident["notified_at"]


HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (HTML + b"<p>one</p><![FOR]>two", "one\ntwo"),
        (HTML + b"<![if !mso]><p>one</p><![endif]><![CDATA[x]]>two<![", "one\ntwo\n<!["),
        (HTML + b"<!DOCTYPE html><!x><?php ?>one &amp; two &#0; &#xd800;", "one & two \ufffd \ufffd"),
        (HTML + b"the <host failed", "the\n<host failed"),
        (HTML + b"", "(empty)"),
        *(
            (b"Content-Type: text/plain; charset=%b\r\n\r\nSt\xc3\xb6rung" % charset, "Störung")
            for charset in (b"idna", b"undefined", b"punycode", b"unicode_escape", b"hex", b"us-ascii", b'""', b"\xff")
        ),
        (b"Content-Type: text/plain; charset*=a; charset*0=b\r\n\r\nSt\xc3\xb6rung", "Störung"),
        (b"Content-Type: text/plain; charset*" + b"9" * 900 + b"=b\r\n\r\nwords", "words"),
        (b"Content-Type: image/p\xffng\r\n\r\nx", "[image/p"),
        (b"Content-Transfer-Encoding: base64\r\n\r\na", "a"),
        (b"Content-Transfer-Encoding: uuencode\r\n\r\nno begin", "no begin"),
        ("\r\nعلی\u200cرضا 山田\u3000太郎\r\na\x00b\u202ec".encode(), "علی\u200cرضا 山田\u3000太郎\na bc"),  # noqa: RUF001
    ],
)
def test_a_broken_body_is_kept_as_text(pager: Pager, server: SmtpServer, content: bytes, text: str) -> None:
    assert send(server, content, "odd@elsewhere.example")[0] == 250
    [incident] = pager.incidents()
    assert str(incident["description"]).startswith(text)
    assert pager.client.get("/incidents/1").status_code == 200


def test_utf_8_in_headers_and_addresses_is_kept(pager: Pager, server: SmtpServer) -> None:
    content = mail("Grüße", Subject="Störung: 山田\u3000太郎")
    with smtplib.SMTP(*server.address, timeout=10) as client:
        client.ehlo()
        client.mail("jürgen@bücher.example", ["SMTPUTF8", "BODY=8BITMIME"])
        client.rcpt(TEAM)
        assert client.data(content)[0] == 250
    [incident] = pager.incidents()
    assert (incident["service"], incident["summary"]) == ("jürgen@bücher.example", "Störung: 山田\u3000太郎")
    assert incident["description"] == "Grüße"


PREFIXES = (
    "RE :",
    "Odp:",
    "TR:",
    "VS:",
    "RV:",
    "SV:",
    "Fwd:",
    "Re[2]:",
    "回复:",
    "答复\N{FULLWIDTH COLON}",
    "转发:",
    "Απ:",
    "[ext] WG: AW:",
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_reply_in_any_language_is_a_comment(pager: Pager, server: SmtpServer, prefix: str) -> None:
    pager.send(notification())
    content = alert_mail(subject=f"{prefix} {SUBJECT}")
    assert send(server, content, "ann@lab.example") == (250, "2.0.0 A comment on incident 1")
    [incident] = pager.incidents()
    assert events(incident).count("commented") == 1
    assert "mailed" not in events(incident)


def test_a_tag_of_a_mail_gateway_makes_no_reply(pager: Pager, server: SmtpServer) -> None:
    assert send(server, alert_mail(subject=f"[EXTERNAL] {SUBJECT}"))[1] == "2.0.0 opened: incident 1"


def test_a_reply_is_known_by_its_thread_whatever_its_subject_is(pager: Pager, server: SmtpServer) -> None:
    """The thread of Alertmanager's own mails is one of the group: its mails are no replies."""
    root = "<alert-0123456789abcdef-2026-11-29@alertmanager>"
    thread = {"References": root, "In-Reply-To": root}
    other = notification(lambda body: body["groupLabels"].update(service="model"))
    assert send(server, alert_mail(Message_Id="<1@alertmanager>", **thread))[1] == "2.0.0 opened: incident 1"
    assert send(server, alert_mail(other, Message_Id="<2@alertmanager>", **thread))[1] == "2.0.0 opened: incident 2"
    assert send(server, alert_mail(Message_Id="<3@alertmanager>", **thread))[1] == "2.0.0 repeated: incident 1"
    pager.start()  # a restart keeps them
    answer = mail("On it", Subject="Who?", Message_Id="<4@lab>", In_Reply_To="<2@alertmanager>", References=root)
    assert send(server, answer, "ann@lab.example")[1] == "2.0.0 A comment on incident 2"
    # The answer to the answer, with the whole mail below it; its subject names another incident.
    content = alert_mail(subject=f"Re: {SUBJECT}", References=f"{root} <2@alertmanager>\r\n <4@lab>")
    assert send(server, content, "bob@lab.example")[1] == "2.0.0 A comment on incident 2"
    content = alert_mail(subject="Look at this", In_Reply_To="<1@alertmanager>")
    assert send(server, content, "bob@lab.example")[1] == "2.0.0 A comment on incident 1"
    assert "It fires" in pager.incident(1)["timeline"][-1]["text"]


@pytest.mark.parametrize(
    ("sender", "headers", "kind"),
    [
        ("ann@lab.example", {"Auto-Submitted": "auto-replied"}, "automatic reply"),
        ("ann@lab.example", {"auto-submitted": "(away) Auto-Replied; owner=x"}, "automatic reply"),
        ("ann@lab.example", {"Precedence": "auto_reply"}, "automatic reply"),
        ("", {}, "bounce"),
        ("<>", {}, "bounce"),
        ("daemon@lab.example", {"Content-Type": "multipart/report; report-type=delivery-status"}, "bounce"),
        ("daemon@lab.example", {"Content-Type": "Multipart/Report; boundary=b"}, "bounce"),
    ],
)
def test_an_automatic_mail_opens_and_changes_nothing(
    pager: Pager, server: SmtpServer, sender: str, headers: dict[str, str], kind: str
) -> None:
    pager.send(notification())
    before = pager.incidents()
    for subject in ("Out of office", f"Re: {SUBJECT}", SUBJECT):
        assert send(server, mail(subject, Subject=subject, **headers), sender) == (250, f"2.0.0 Ignored: {kind}")
    assert pager.incidents() == before
    ignored = [line["message"] for line in pager.lines() if line["event"] == "mail.ignored"]
    assert ignored == [f"A mail was ignored: {kind}"] * 3


@pytest.mark.parametrize("value", ["no", "auto-generated", "auto-notified", "auto-repliedx"])
def test_a_program_that_reports_a_failure_opens_a_ticket(pager: Pager, server: SmtpServer, value: str) -> None:
    assert send(server, mail("x", Auto_Submitted=value), "cron@db.example")[1] == "2.0.0 opened: incident 1"


def test_markup_in_a_mail_shows_as_text(pager: Pager, server: SmtpServer) -> None:
    send(server, mail("<script>alert(2)</script>", Subject="<script>alert(1)</script>"), "odd@elsewhere.example")
    [incident] = pager.incidents()
    page = pager.client.get(f"/incidents/{incident['id']}").text
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert" not in page


def test_strangers_cannot_bury_the_alerts(pager: Pager, server: SmtpServer) -> None:
    for number in range(MAX_TICKETS):
        assert send(server, mail(), f"{number}@elsewhere.example")[0] == 250
    assert send(server, mail(), "late@elsewhere.example")[0] == 452
    assert counted(pager, "refused") == 1
    assert send(server, mail("More", Subject="More"), "1@elsewhere.example")[0] == 250
    assert send(server, alert_mail())[0] == 250
    assert len(pager.incidents()) == MAX_TICKETS + 1


# --- What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "to", "code"),
    [
        (alert_mail(), "no one@lab.example", 550),
        (alert_mail(), "application@elsewhere.example", 550),
        (mail(b"line\r\n" * (MAX_BYTES // 6 + 1)), TEAM, 552),
        (mail(b"x" * 5000), TEAM, 500),
    ],
    ids=["unknown name", "unknown domain", "huge", "long line"],
)
def test_a_refused_mail_is_counted_and_opens_nothing(
    pager: Pager, server: SmtpServer, content: bytes, to: str, code: int
) -> None:
    assert send(server, content, to=to)[0] == code
    assert counted(pager, "refused") == 1
    assert pager.incidents() == []
    assert [line["level"] for line in pager.lines() if line["event"] == "mail.refused"] == ["warning"]
    assert send(server, alert_mail())[0] == 250, "the next one is taken"


def test_a_line_without_an_end_is_hung_up_on(pager: Pager, server: SmtpServer) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(f"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{TEAM}>\r\nDATA\r\n".encode())
        with pytest.raises(OSError):  # reset or broken pipe, as it happens
            for _ in range(10_000):
                client.sendall(b"x" * 65_536)
    assert counted(pager, "refused") == 1
    assert send(server, alert_mail())[0] == 250


def test_too_many_connections_are_asked_to_come_again(pager: Pager, server: SmtpServer) -> None:
    clients = [socket.create_connection(server.address, timeout=10) for _ in range(MAX_CONNECTIONS)]
    try:
        assert all(client.recv(100).startswith(b"220") for client in clients)
        with socket.create_connection(server.address, timeout=10) as late:
            assert late.recv(100).startswith(b"421")
        assert counted(pager, "refused") == 1
    finally:
        for client in clients:
            client.close()


def test_garbage_in_the_place_of_commands_harms_no_one(pager: Pager, server: SmtpServer) -> None:
    for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(300), b"\r\n" * 50, b"DATA\r\n"):
        with socket.create_connection(server.address, timeout=10) as client:
            client.sendall(garbage)
            assert client.recv(100).startswith(b"220")
    assert send(server, alert_mail())[0] == 250
    assert len(pager.incidents()) == 1


def test_a_broken_database_is_a_reason_to_try_again(pager: Pager, server: SmtpServer, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "pager.db") as connection:
        connection.execute("ALTER TABLE incidents RENAME TO away")
    assert send(server, alert_mail(Message_Id="<1@x>"))[0] == 451
    with sqlite3.connect(tmp_path / "pager.db") as connection:
        connection.execute("ALTER TABLE away RENAME TO incidents")
    assert send(server, alert_mail(Message_Id="<1@x>"))[0] == 250
    assert len(pager.incidents()) == 1
    assert (counted(pager, "refused"), counted(pager, "accepted")) == (1, 1)


def test_many_at_once_of_one_sender_are_one_ticket_with_every_word(pager: Pager, server: SmtpServer) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(lambda n: send(server, mail(f"word{n}."), "cron@db.example")[0], range(20))
        assert set(answers) == {250}
    [incident] = pager.incidents()
    reported = " ".join([incident["description"], *(line["text"] for line in incident["timeline"])])
    assert [number for number in range(20) if f"word{number}." not in reported] == []


def test_many_at_once_make_one_incident_a_group(pager: Pager, server: SmtpServer) -> None:
    def one(number: int) -> int:
        def named(body: dict[str, Any]) -> None:
            body["groupLabels"]["alertname"] = f"Alert{number % 5}"

        return send(server, alert_mail(notification(named), Message_Id=f"<{number}@x>"))[0]

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(one, range(60))) == {250}
    assert sorted(incident["alert"] for incident in pager.incidents()) == [f"Alert{number}" for number in range(5)]
    assert counted(pager, "accepted") + counted(pager, "repeated") == 60


_LINES = st.sampled_from(
    [
        b"Subject: [PAGE] A b: c",
        b"X-Lab-Notification: ",
        b"=?utf-8?q?",
        b"?=",
        b"Date: ",
        b"Content-Type: multipart/mixed;",
        b" boundary=b",
        b"--b",
        b"--b--",
        b"Content-Transfer-Encoding: base64",
        b"\xff",
        b"",
        b"{",
        b'"a"',
        b"Message-Id: <",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.lists(_LINES, max_size=12).map(b"\r\n".join)))
def test_no_mail_is_unreadable(content: bytes) -> None:
    now = datetime.now(UTC)
    mail = parse_mail(content, "a@b.example", now)
    assert mail.sent_at <= now
    assert mail.notification or mail.text
    json.dumps([mail.subject, mail.text, mail.message_id]).encode()
    (mail.subject + mail.text).encode()


_BYTES = st.binary(max_size=12) | st.sampled_from(
    b'\0 \xed\xa0\x80 =?utf-8?B?a?= =?idna?q?=FF?= <![FOR]> <! <body " \xe5\xb1\xb1\xe3\x80\x80'.split(b" ")
)
_NAMES = st.sampled_from(
    b"Subject Date Message-Id References In-Reply-To Auto-Submitted Content-Type Content-Transfer-Encoding From".split()
)
_VALUES = st.sampled_from(
    b"text/html; charset=|text/plain; charset*=|; charset*0=|multipart/mixed; boundary=b|message/rfc822|base64|"
    b"x-uuencode|quoted-printable|multipart/report|Sun, 29 Nov 2026 99:00:00 +9999|idna|undefined|"
    b"utf-16|utf-7|[PAGE] A b: |Re: |"
    b"<a@b>|auto-replied".split(b"|")
)
_TEXT = st.lists(_BYTES | _VALUES, max_size=5).map(b"".join)
_HEADER = st.tuples(_NAMES, _TEXT).map(lambda pair: pair[0] + b": " + pair[1].replace(b"\n", b"\n "))
_MAIL = st.tuples(
    st.lists(_HEADER, max_size=6), st.lists(st.just(b"--b") | _HEADER | _TEXT | st.just(b""), max_size=8)
).map(lambda pair: b"\r\n".join([*pair[0], b"", *pair[1]]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=_MAIL | st.binary(max_size=200), sender=st.text(max_size=20))
def test_every_mail_is_taken_at_once_and_stored(pager: Pager, content: bytes, sender: str) -> None:
    """No content is a reason to try again; what is stored is in clean text and on the page."""
    handler = MailHandler(pager.parts.store, pager.parts.actions)
    with pager.parts.database.write() as session:
        for table in (Mail, Event, Incident):
            session.execute(delete(table))
    answer = handler._receive(content, sender, "application")
    handler.close()
    assert answer.startswith("250 2.0.0 ")
    incidents = pager.incidents()
    assert bool(incidents) is answer.startswith("250 2.0.0 opened")
    for incident in incidents:
        for text in (str(incident["service"]), str(incident["summary"]), str(incident["description"])):
            assert clean_text(text) == text
        assert pager.client.get(f"/incidents/{incident['id']}").status_code == 200


@given(st.lists(st.sampled_from("aZ 0ö山\u3000\u200c👨\u200d👩"), min_size=1).map("".join), st.sampled_from("bq"))
def test_every_text_comes_through_a_header_as_it_is(text: str, kind: str) -> None:
    text = clean_line(text)
    charset = Charset("utf-8")
    charset.header_encoding = QP if kind == "q" else BASE64
    now = datetime.now(UTC)
    for line in (Header(text, charset, maxlinelen=60).encode().encode(), text.encode()):
        assert parse_mail(b"Subject: " + line + b"\r\n\r\n", "a@b.example", now).subject == (
            text[:200] or "(no subject)"
        )


@pytest.mark.parametrize(
    "content",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(4000)),
        b"Subject:" + (b" " + b"=?utf-8?q?a" * 80 + b"\r\n") * 250 + b"\r\n",
        b"Content-Type: text/html\r\n\r\n<body data-lab-notification=" + b"[" * 200_000 + b">",
        b"A: b\r\n" * 40_000,
        b"Content-Type: text/html\r\n\r\n" + b"<a" * 100_000,
        b"Content-Type: text/html\r\n\r\n" + b"<![" * 80_000,
        b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a" * 120_000 + b"-" + b"b" * 120_000,
        b"Subject: " + b"=?utf-8?B?a?=\r\n " * 16_000 + b"\r\n",
        b"References: " + b"<a" * 100_000 + b"\r\nAuto-Submitted: " + b"(" * 60_000 + b"\r\n\r\n",
    ],
    ids=["nested", "words", "deep JSON", "headers", "tags", "sections", "punycode", "broken words", "references"],
)
def test_a_mail_made_to_cost_time_costs_none(content: bytes) -> None:
    before = datetime.now(UTC)
    parse_mail(content[:MAX_BYTES], "a@b.example", before)
    assert datetime.now(UTC) - before < timedelta(seconds=10)

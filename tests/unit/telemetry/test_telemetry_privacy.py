"""What is masked, and what is not taken for personal data: by the services, and by the Collector's patterns alike."""

import ipaddress
import re
import time
import uuid

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from lab.settings import ROOT
from services.telemetry.privacy import MASK, hash_user, mask
from tests.support.personal_data import HARMLESS, PERSONAL

COLLECTOR = yaml.safe_load((ROOT / "collector" / "config.yaml").read_text())["processors"]["redaction"]
# RE2 writes a character by its number in another way.
BLOCKED = [re.compile(pattern.replace(r"\x{a0}", r"\xa0")) for pattern in COLLECTOR["blocked_values"]]


def mask_as_collector(text: str) -> str:
    """Mask as the Collector's redaction processor does: one pattern after the other."""
    for pattern in BLOCKED:
        text = pattern.sub(MASK, text)
    return text


MASKS = pytest.mark.parametrize("masked", [mask, mask_as_collector], ids=["service", "collector"])


@pytest.mark.parametrize(
    "text",
    [
        "joe@example.org",
        "first.last+tag@mail.example.co.uk",
        "+1 415-555-0100",
        "+1 (415) 555-0100",
        "(415) 555-0100",
        "(415)555-0100",
        "415.555.0100",
        "415 555 0100",
        "555-0100",
        "4155550100",
        "+14155550100",
        "+49 30 901820",
        "+44 20 7946 0958",
        "030/901820",
    ],
)
def test_is_masked(text):
    assert mask(f"call {text}, please") == "call ****, please"
    assert mask(text) == "****"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:00:00-05:00",
        "2026-11-23 09:00:00.123456",
        "2026-01-01T00:00:00.000000Z",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "12345678-1234-1234-1234-123456789012",
        "10.0.0.1:5432",
        "http://127.0.0.1:5002/v1/chat",
        "1763822400123456789",
        "took 1234 ms of 5000",
        "line 12, in view",
        "biz-12 had 100 slots",
        "$1,234,567.89",
        "a @ b",
    ],
)
def test_is_not_masked(text):
    assert mask(text) == text


@MASKS
@pytest.mark.parametrize("text", PERSONAL)
def test_services_and_collector_mask_the_same(masked, text):
    for line in (text, f"call {text}, please", f"note: {text}", f"note={text}"):
        assert MASK in masked(line)
        assert text not in masked(line)
        assert not re.search(r"\d{4}", masked(line)), "no part of a number is left"


@MASKS
@pytest.mark.parametrize("text", HARMLESS)
def test_services_and_collector_keep_the_same(masked, text):
    for line in (text, f"call {text}, please", f"note={text}"):
        assert masked(line) == line


def spelled_v6(address: ipaddress.IPv6Address) -> st.SearchStrategy[str]:
    return st.sampled_from([str(address), address.exploded, str(address).upper(), f"[{address}]:5003", f"{address}/64"])


def spelled_uuid(identifier: uuid.UUID) -> st.SearchStrategy[str]:
    return st.sampled_from([str(identifier), str(identifier).upper(), identifier.hex, identifier.urn])


ADDRESSES = st.builds(str.__add__, st.ip_addresses(v=4).map(str), st.sampled_from(["", ":5003", "/24"])) | (
    st.ip_addresses(v=6).flatmap(spelled_v6)
)
UUIDS = (
    st.uuids().flatmap(spelled_uuid)
    # Of digits only, and with the zeros of an international number.
    | st.from_regex(r"(00)?[0-9]{6}[0-9]{2}-[0-9]{4}-4[0-9]{3}-8[0-9]{3}-[0-9]{12}", fullmatch=True).filter(
        lambda text: len(text) == 36
    )
)
VERSIONS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "v"]),
    st.lists(st.integers(0, 99_999).map(str), min_size=2, max_size=4).map(".".join),
    st.sampled_from(["", "-rc.1", "-beta.20", "-alpha"]),
    st.sampled_from(["", "+20130313144700", "+4155550100", "+sha.5114f85"]),
)
LINES = st.sampled_from(["{}", "from {}, then", "host={}", '"{}"', "({})", "at: {}.", "{} took 12 ms"])


@MASKS
@given(token=ADDRESSES | UUIDS | VERSIONS, line=LINES)
def test_no_address_uuid_or_version_is_masked(masked, token, line):
    # Three, three and four digits with dots: in North America a phone number, whatever else it is.
    assume(not re.search(r"(?<![0-9])[0-9]{3}\.[0-9]{3}\.[0-9]{4}(?![0-9])", token))
    assert masked(line.format(token)) == line.format(token)


AREAS = st.from_regex(r"[2-9][0-9]{2}", fullmatch=True)
NORTH_AMERICAN = st.builds(
    lambda form, area, exchange, number: form.format(area, exchange, number),
    st.sampled_from(
        [
            *("({}) {}-{}", "({}){}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}", "{}{}{}", "1-{}-{}-{}"),
            *("+1{}{}{}", "+1 {} {} {}", "+1 ({}) {}-{}", "+1.{}.{}.{}", "%2B1{}{}{}"),
        ]
    ),
    AREAS,
    AREAS,
    st.from_regex(r"[0-9]{4}", fullmatch=True),
)
OTHER_COUNTRIES = st.from_regex(
    r"(0[1-9][0-9]{1,3}[ /-]|\+49 [1-9][0-9]{1,3} |0049 [1-9][0-9]{1,3} )[0-9]{6,8}"
    r"|020 [0-9]{4} [0-9]{4}|\+44 20 [0-9]{4} [0-9]{4}|0044 20 [0-9]{4} [0-9]{4}"
    r"|0[1-9] [0-9]{2} [0-9]{2} [0-9]{2} [0-9]{2}|\+33 [1-9]( [0-9]{2}){4}",
    fullmatch=True,
).filter(str.isascii)


@MASKS
@given(phone=NORTH_AMERICAN | OTHER_COUNTRIES, line=LINES, address=ADDRESSES)
def test_every_phone_number_is_masked(masked, phone, line, address):
    for text in (line.format(phone), f"{address} called {phone}, then {address}"):
        left = masked(text)
        assert MASK in left
        assert phone not in left
        assert not re.search(r"\d{4}", left.replace(address, ""))
    assert left.count(address) == 2


@pytest.mark.parametrize("piece", ["x", "x@", "aaaa%40", "a.b@", "1.", "+1-", "0123 ", "(0) ", "ab:", "1-", "00"])
def test_a_long_text_takes_no_time(piece):
    text = (piece * 8000)[:8000] + " 415-555-0100 a@b.example"
    started = time.process_time()
    assert mask(text).endswith(MASK)
    assert time.process_time() - started < 0.5


def test_a_user_s_hash_is_short_stable_and_not_the_id():
    assert hash_user("joe") == hash_user("joe") != hash_user("jo")
    assert len(hash_user("joe")) == 12
    assert hash_user("\ud800")  # half a surrogate pair is no reason to fail


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "cannot reach postgresql+psycopg://lab:secret@db:5432/lab",
            "cannot reach postgresql+psycopg://lab:****@db:5432/lab",
        ),
        ("'http://u:p@ss/w:rd?#x@proxy.example:3128'", "'http://u:****@proxy.example:3128'"),
        ("redis://:secret@cache", "redis://:****@cache"),
        ("http://u:@h", "http://u:****@h"),
        ("http://model:5002/v1/models", "http://model:5002/v1/models"),
        ("http://model:5002/@x", "http://model:5002/@x"),
    ],
)
def test_the_password_of_a_url_is_masked_and_nothing_else(text, masked):
    assert mask(text) == masked

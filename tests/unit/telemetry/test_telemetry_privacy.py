"""What is masked, and what is not taken for personal data."""

import pytest

from services.telemetry.privacy import hash_user, mask


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

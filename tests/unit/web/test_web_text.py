"""Text from outside: every script is kept, control characters and bidirectional overrides are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.bodies import parse_object
from services.web.problems import Problem
from services.web.text import REPLACEMENT, check_name, clean_line, clean_text, replace_unstorable
from tests.support.names import NAMES

OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_kept_everywhere(name: str) -> None:
    assert check_name(name) == clean_line(name) == clean_text(name) == name


@pytest.mark.parametrize("sign", ["\0", "\x1b", "\n", "\t", "\x7f", "\x85", "\u2028", "\ud800", *OVERRIDES])
def test_a_name_with_a_control_character_or_an_override_is_refused(sign: str) -> None:
    with pytest.raises(ValueError, match="one line without control characters and bidirectional overrides"):
        check_name(f"A{sign}b")


@pytest.mark.parametrize("name", ["", " ", "\u200d", "\u3000\u200c", "\u0301"])
def test_a_name_that_shows_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="visible"):
        check_name(name)


def test_a_text_keeps_its_lines() -> None:
    text = "a\r\nb\n\tc\rd\x00e\x1bf\x9bg\u202eh\u2069\ud83d\ufeff"
    assert clean_text(text) == f"a\nb\n\tc d e f gh{REPLACEMENT}\ufeff"
    assert clean_line(" a\r\nb\u2028c\x00 ") == "a b c"


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_cleaning_loses_nothing_else(text: str) -> None:
    def is_kept(sign: str) -> bool:
        return unicodedata.category(sign) not in ("Cc", "Cs") and sign not in OVERRIDES

    cleaned = clean_text(text)
    assert [sign for sign in cleaned if is_kept(sign) and sign not in f" {REPLACEMENT}"] == [
        sign for sign in text if is_kept(sign) and sign not in f" {REPLACEMENT}"
    ]
    assert not [sign for sign in cleaned if not is_kept(sign) and sign not in "\n\t"]
    assert clean_text(cleaned) == cleaned
    assert "\n" not in clean_line(text)


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_what_is_storable_is_as_long_and_differs_only_where_it_has_to(text: str) -> None:
    stored = replace_unstorable(text)
    stored.encode()
    for before, after in zip(text, stored, strict=True):
        unstorable = before == "\0" or unicodedata.category(before) == "Cs"
        assert after == (REPLACEMENT if unstorable else before)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (rb'{"a": "b\u0000c"}', f"b{REPLACEMENT}c"),
        (rb'{"a": "\ud800c"}', f"{REPLACEMENT}c"),
        (rb'{"a": "\ud83d\uD83D\uDE00\ude00"}', f"{REPLACEMENT}😀{REPLACEMENT}"),
        (rb'{"a": "\\u0000\\ud800\"\n"}', '\\u0000\\ud800"\n'),
        (b'{"a": "b\xed\xa0\x80c\0"}', f"b{REPLACEMENT}c{REPLACEMENT}"),
    ],
)
def test_a_body_is_repaired_where_that_is_asked_for(data: bytes, value: str) -> None:
    assert parse_object(data, replace=True) == {"a": value}


def test_it_is_refused_where_it_is_not() -> None:
    for data in (rb'{"a": "\u0000"}', rb'{"a": "\ud800"}'):
        with pytest.raises(Problem, match="400"):
            parse_object(data)

"""Times of day in messages."""

import pytest

from services.model.dialogue.times import find_part_of_day, find_times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("half past 3 in the afternoon", "15:30"),
        ("half past three", "15:30"),
        ("quarter to five", "16:45"),
        ("a quarter past 2", "14:15"),
        ("quarter to 13 in the afternoon", "12:45"),
        ("ten to five pm", "16:50"),
        ("20 past 4", "16:20"),
        ("13:00", "13:00"),
        ("9:45", "09:45"),
        ("5 pm", "17:00"),
        ("5pm", "17:00"),
        ("5 p.m.", "17:00"),
        ("1.30 pm", "13:30"),
        ("130 pm", "13:30"),
        ("12 pm", "12:00"),
        ("12 am", "00:00"),
        ("11 in the morning", "11:00"),
        ("eleven in the morning", "11:00"),
        ("morning 10:30", "10:30"),
        ("in the afternoon 2:45", "14:45"),
        ("evening 6 o'clock", "18:00"),
        ('4 o"clock in the evening', "16:00"),
        ("12 in the afternoon", "12:00"),
        ("at noon", "12:00"),
        ("three thirty", "15:30"),
        ("at 3", "15:00"),
        ("around 10", "10:00"),
    ],
)
def test_a_time_is_found(text: str, expected: str) -> None:
    assert [found.value.strftime("%H:%M") for found in find_times(text)] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "for 2 people",
        "in 3 days",
        "the 5th",
        "at 1512 Barber Shop",
        "that one",
        "room 12",
        "25:00",
        "call 415-555-0100",
    ],
)
def test_other_text_has_no_time(text: str) -> None:
    assert find_times(text) == []


def test_a_number_alone_is_a_time_only_after_a_question_for_one() -> None:
    assert find_times("11 please") == []
    assert find_times("11 please", bare=True)[0].value.hour == 11
    assert find_times("the second one", bare=True) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("some time in the morning", "morning"), ("good morning", None), ("at night", "evening"), ("tomorrow", None)],
)
def test_a_part_of_the_day(text: str, expected: str | None) -> None:
    assert find_part_of_day(text) == expected

"""Dates in messages."""

from datetime import date

import pytest

from services.model.dialogue.dates import find_dates

# A Friday.
TODAY = date(2019, 3, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow please", "2019-03-02"),
        ("tommorow", "2019-03-02"),
        ("the day after tomorrow", "2019-03-03"),
        ("later today", "2019-03-01"),
        ("this afternoon", "2019-03-01"),
        ("in two days", "2019-03-03"),
        ("3 days from now", "2019-03-04"),
        ("in a week", "2019-03-08"),
        ("a week from Monday", "2019-03-11"),
        ("on Monday", "2019-03-04"),
        ("next Tuesday", "2019-03-05"),
        ("next Friday", "2019-03-08"),
        ("this Saturday", "2019-03-02"),
        ("Saturday this week", "2019-03-02"),
        ("Monday next week", "2019-03-04"),
        ("next week on thursday", "2019-03-07"),
        ("on Friday", "2019-03-08"),
        ("March 7th", "2019-03-07"),
        ("mar. 7", "2019-03-07"),
        ("the 7th of march", "2019-03-07"),
        ("12 April", "2019-04-12"),
        ("the twenty-first of March", "2019-03-21"),
        ("the 10th of this month", "2019-03-10"),
        ("the 2nd of next month", "2019-04-02"),
        ("on the 14th", "2019-03-14"),
        ("the fifth", "2019-03-05"),
        ("2019-03-09", "2019-03-09"),
        ("3/7", "2019-03-07"),
        ("3/7/19", "2019-03-07"),
        ("14/3", "2019-03-14"),
        ("January 5th", "2020-01-05"),
        ("March 7th, 2020", "2020-03-07"),
        ("this weekend", "2019-03-02"),
    ],
)
def test_a_date_is_found(text: str, expected: str) -> None:
    assert [found.value.isoformat() for found in find_dates(text, TODAY)] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "I may come with my son",
        "the second one",
        "at half past 3",
        "give me a second opinion? no",
        "there are 12 of us",
        "1512 Barber Shop",
        "February 30th",
        "13/13",
        "call 415-555-0100",
    ],
)
def test_other_text_has_no_date(text: str) -> None:
    assert find_dates(text, TODAY) == []


def test_dates_are_sorted_by_position() -> None:
    found = find_dates("not Monday but the 13th of March", TODAY)
    assert [item.value.day for item in found] == [4, 13]


def test_a_past_day_of_the_month_is_in_the_next_month() -> None:
    assert find_dates("the 7th", date(2019, 3, 20))[0].value == date(2019, 4, 7)


def test_next_week_is_a_period_and_no_day() -> None:
    assert find_dates("some time next week", TODAY)[0].is_period
    assert not find_dates("next week monday", TODAY)[0].is_period

"""Times and durations as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.web.times import format_duration, format_rfc3339


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 22, 14, 0, 0, 123_999, UTC),
        datetime(2026, 11, 22, 16, 0, 0, 123_000, timezone(timedelta(hours=2))),
        datetime(2026, 11, 22, 14, 0, 0, 123_400, UTC).timestamp(),
    ],
)
def test_an_instant_is_formatted_in_utc_with_milliseconds(at):
    assert format_rfc3339(at) == "2026-11-22T14:00:00.123Z"


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        format_rfc3339(datetime(2026, 11, 22))  # noqa: DTZ001 - the point of it


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (7805, "2 h 10 min"),
        (86_400 * 4 + 3700, "4 d 1 h"),
    ],
)
def test_a_duration_has_its_largest_two_units(seconds, text):
    assert format_duration(seconds) == text

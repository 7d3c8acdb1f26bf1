"""Plans come from the seed and the number alone; what people do and want looks the same at any hour."""

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from loadtest.users import grammar, personas
from loadtest.users.personas import PERSONAS, Session, popular, sessions, stars


def plan_of(seed: int, user_class: str, number: int, steps: int) -> tuple[Session, ...]:
    """Return the first sessions of the user of that class with that number."""
    return tuple(itertools.islice(sessions(seed, f"{user_class.lower()}-{number}", user_class), steps))


@pytest.mark.parametrize("kind", sorted(PERSONAS))
def test_the_same_seed_and_number_give_the_same_plan_and_others_another(kind: str) -> None:
    plan = plan_of(1, kind, 3, 30)
    assert plan == plan_of(1, kind, 3, 30)
    assert plan[:10] == plan_of(1, kind, 3, 10)
    assert plan != plan_of(2, kind, 3, 30)
    assert plan != plan_of(1, kind, 4, 30)
    assert all(seconds > 0 for session in plan for seconds in session.thinks)


def test_kinds_of_people_differ_in_goals_and_in_haste() -> None:
    def goals(kind: str) -> Counter[str]:
        return Counter(session.goal for number in range(20) for session in plan_of(1, kind, number, 20))

    def think(kind: str) -> float:
        thinks = [
            second for number in range(20) for session in plan_of(1, kind, number, 10) for second in session.thinks
        ]
        return sum(thinks) / len(thinks)

    assert goals("Customer")["book"] > 250
    assert set(goals("Customer")) == {"book", "hesitate", "give up"}
    assert goals("Hesitant")["hesitate"] > 180 > goals("Hesitant")["give up"] > 60
    assert set(goals("Impatient")) == {"book"}
    assert think("Impatient") < 1 < think("Customer") < 2 < think("Hesitant")


def test_businesses_have_a_heavy_tail() -> None:
    count = 56
    plans = [session for number in range(100) for session in plan_of(1, "Customer", number, 40)]
    chosen = Counter(popular(session.business, count) for session in plans)
    # Zipf's law with exponent 1: the first has 1/H(56) of all, place k a k-th of that.
    first = len(plans) / sum(1 / place for place in range(1, count + 1))
    assert chosen[0] == pytest.approx(first, rel=0.1)
    assert chosen[9] == pytest.approx(first / 10, rel=0.25)
    assert len(chosen) == count  # and yet no one is without customers
    assert popular(0.0, 1) == 0
    assert popular(0.999999999, 3) == 2


def test_features_of_predictions_do_not_drift_from_one_window_to_the_next() -> None:
    def window(since: int) -> list[dict[str, float]]:
        plans = (plan_of(1, "BaselineUser", number, since + 500)[since:] for number in range(4))
        return [session.prediction for plan in plans for session in plan if session.prediction]

    early, late = window(0), window(500)
    assert min(len(early), len(late)) > 1000
    for name in ("hour_of_day", "day_of_week", "previous_no_shows"):
        assert _chi_square([row[name] for row in early], [row[name] for row in late]) < 0.999, name
    for name in ("lead_time_hours", "age"):
        assert _kolmogorov([row[name] for row in early], [row[name] for row in late]) < 0.999, name


def test_the_tests_of_drift_see_a_drift() -> None:
    rows = [session.prediction for session in plan_of(1, "BaselineUser", 0, 1000) if session.prediction]
    hours, ages = [row["hour_of_day"] for row in rows], [row["age"] for row in rows]
    assert _chi_square(hours, [min(18, hour + 1) for hour in hours]) > 0.9999
    assert _kolmogorov(ages, [age + 8 for age in ages]) > 0.9999


def test_people_want_to_come_when_people_do() -> None:
    plans = (plan_of(1, "Customer", number, 100) for number in range(20))
    hours = Counter(session.prediction["hour_of_day"] for plan in plans for session in plan if session.prediction)
    assert set(hours) == set(range(8, 19))
    assert hours[10] > 1.5 * hours[12] < hours[16]
    assert hours[16] > 1.8 * hours[18]


def test_stars_follow_what_happened_and_never_the_other_way_round() -> None:
    def mean(result: personas.Result) -> float:
        return sum(stars(result, mood / 100) for mood in range(100)) / 100

    assert mean("booked") > 4.3 > mean("left") > 3 > mean("not booked") > mean("failed")
    assert {stars("failed", mood / 100) for mood in range(101)} == {1, 2}
    assert stars("booked", 0.0) == 5


def test_wordings_are_many_and_the_same_number_says_the_same() -> None:
    openings = {grammar.opening("hair", number) for number in range(500)}
    assert len(openings) > 200
    assert grammar.opening("dentist", 7) == grammar.opening("dentist", 7)
    doubts = [grammar.doubting(turn, 11) for turn in range(3)]
    assert len(set(doubts)) == 3


def _chi_square(one: Iterable[float], other: Iterable[float]) -> float:
    """Probability that two samples of a few values which come from one source differ less than these do."""
    counts = Counter(one), Counter(other)
    sizes = [sum(count.values()) for count in counts]
    values = sorted(counts[0] | counts[1])
    statistic = 0.0
    for value, (count, size) in itertools.product(values, zip(counts, sizes, strict=True)):
        expected = (counts[0][value] + counts[1][value]) * size / sum(sizes)
        statistic += (count[value] - expected) ** 2 / expected
    # Wilson and Hilferty: the cube root is nearly normal.
    freedom = len(values) - 1
    normal = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return 0.5 * (1 + math.erf(normal / math.sqrt(2)))


def _kolmogorov(one: list[Any], other: list[Any]) -> float:
    """The same for two samples of a continuous value."""
    points = sorted({*one, *other})
    one, other = sorted(one), sorted(other)
    largest = 0.0
    for point in points:
        position = bisect.bisect_right(one, point) / len(one)
        place = bisect.bisect_right(other, point) / len(other)
        largest = max(largest, abs(position - place))
    scale = largest * math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    return 1 - 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * scale * scale) for k in range(1, 20))

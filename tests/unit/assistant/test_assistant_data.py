"""The businesses, their hours, the schema, and the small model."""

import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

from services.assistant.appointments import local_time, opening_hours, seeds
from services.assistant.appointments.business import KINDS, Business, Directory, Provider
from services.assistant.appointments.cities import REGIONS
from services.assistant.prediction import no_show
from services.assistant.storage import retention
from services.assistant.storage.database import Database
from services.assistant.storage.tables import Base, BusinessRow, ConversationRow, FeedbackRow, TurnRow


def business(zone: str, hours: dict[int, tuple[int, int]], minutes: int = 30) -> Business:
    return Business(
        id="b",
        name="B",
        kind="hair",
        city="C",
        region="r",
        time_zone=zone,
        address="",
        phone="",
        minutes=minutes,
        services=(),
        hours=hours,
        providers=(Provider("b-1", "Ann"),),
    )


def test_the_migrations_make_the_tables(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.migrate()
    database.migrate()  # again is no error
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_seeding_twice_changes_nothing_and_inserts_all_kinds_regions_and_probes(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.migrate()
    with database.write() as session:
        assert seeds.insert_missing(session) == 58
    with database.write() as session:
        assert seeds.insert_missing(session) == 0
        rows = session.scalars(select(BusinessRow)).all()
        directory = Directory()
        directory.load(session)
    assert len(rows) >= 40
    assert {row.kind for row in rows} == set(KINDS)
    assert {row.region for row in rows} == set(REGIONS)
    assert len({row.time_zone for row in rows}) >= 6
    for row in rows:
        ZoneInfo(row.time_zone)
    assert all(len(one.providers) == 3 for one in directory)
    assert len({one.id for one in directory}) == len(directory)
    for one in directory:
        assert len({provider.name for provider in one.providers}) == 3
    assert [one.id for one in directory.list(include_probes=True)][-2:] == ["lab-doctor", "lab-journey"]
    assert not any(one.is_probe for one in directory.list())
    # A search never offers the probe; who names it finds it.
    assert all(not found.is_probe for found in directory.find(kind="doctor", city="San Francisco", limit=99).businesses)
    assert directory.find(name="lab doctor").businesses[0].is_probe


def test_the_probe_is_always_open(tmp_path) -> None:
    always = business("America/Los_Angeles", dict.fromkeys(range(7), (0, 1440)))
    moment = datetime(2027, 3, 13, 0, 0, tzinfo=UTC)
    for number in range(2 * 24 * 4):  # over the change of the clocks
        assert opening_hours.is_open(always, moment + timedelta(minutes=15) * number)


def test_hours_are_those_of_the_place_on_both_sides_of_a_clock_change() -> None:
    shop = business("America/New_York", dict.fromkeys(range(7), (540, 1020)))
    winter, summer = (
        list(opening_hours.starts_of_day(shop, day, datetime(2020, 1, 1, tzinfo=UTC)))
        for day in (date(2027, 3, 13), date(2027, 3, 14))
    )
    assert (winter[0].hour, summer[0].hour) == (14, 13)
    assert len(winter) == len(summer) == 16
    assert winter[-1].astimezone(shop.zone).strftime("%H:%M") == "16:30"
    assert not opening_hours.is_open(shop, winter[-1] + timedelta(minutes=15))


def test_hours_that_a_clock_change_skips_begin_and_end_when_the_clock_goes_on() -> None:
    early, late = (business("America/Los_Angeles", {6: hours}) for hours in ((150, 240), (60, 150)))
    day, long_ago = date(2027, 3, 14), datetime(2020, 1, 1, tzinfo=UTC)
    assert [f"{start:%H:%M}" for start in opening_hours.starts_of_day(early, day, long_ago)] == ["10:00", "10:30"]
    assert [f"{start:%H:%M}" for start in opening_hours.starts_of_day(late, day, long_ago)] == ["09:00", "09:30"]
    never = business("America/Los_Angeles", {6: (120, 180)})
    assert list(opening_hours.starts_of_day(never, day, long_ago)) == []


def test_a_clock_change_may_skip_a_whole_day() -> None:
    with pytest.raises(local_time.SkippedTimeError) as skipped:
        local_time.resolve(datetime.fromisoformat("2011-12-30T12:00:00"), ZoneInfo("Pacific/Apia"))
    assert skipped.value.resumes_at == datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
    assert str(skipped.value) == (
        "12:00 does not exist on 2011-12-30 in Pacific/Apia: a clock change skips it. "
        "The next time is 2011-12-31T00:00:00+14:00."
    )


def test_closed_days_have_no_times() -> None:
    shop = business("America/Phoenix", {1: (540, 1020)})
    assert list(opening_hours.starts_of_day(shop, date(2027, 3, 15), datetime(2020, 1, 1, tzinfo=UTC))) == []


def test_an_hour_takes_four_quarters() -> None:
    start = datetime(2027, 3, 15, 9, 0, tzinfo=ZoneInfo("America/New_York"))
    assert opening_hours.quarters(start, 60) == [
        datetime(2027, 3, 15, 13, minute, tzinfo=UTC) for minute in (0, 15, 30, 45)
    ]
    assert len(opening_hours.quarters(start, 45)) == 3


def test_training_is_repeatable_and_better_than_guessing(tmp_path) -> None:
    first, second = no_show.train(), no_show.train()
    assert first.version == second.version
    assert no_show.train(seed=99).version != first.version
    _, missed = no_show.synthetic()
    assert first.accuracy > max(missed.mean(), 1 - missed.mean()) + 0.02
    sure = {"lead_time_hours": 2.0, "hour_of_day": 13, "day_of_week": 1, "previous_no_shows": 0, "age": 60}
    unsure = {**sure, "lead_time_hours": 500.0, "previous_no_shows": 5}
    assert first.predict(sure).prediction == "show"
    assert first.predict(unsure).prediction == "no_show"


def test_the_command_trains_and_a_broken_file_is_replaced(tmp_path, capsys) -> None:
    no_show.main(["train", "--data-dir", str(tmp_path)])
    assert "accuracy" in capsys.readouterr().out
    kept = no_show.load(tmp_path)
    assert kept is not None
    (tmp_path / "no_show.joblib").write_bytes(b"broken")
    assert no_show.load_or_train(tmp_path).version == kept.version
    assert no_show.load(tmp_path) is not None


def test_old_conversations_are_deleted_with_their_turns_and_ratings(service, monkeypatch) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    chats = [service.say() for _ in range(5)]
    for chat in chats:
        service.client.post("/feedback", json={"message_id": chat["message_id"], "stars": 5})
    then = datetime.now(UTC)
    kept = service.say(conversation_id=chats[0]["conversation_id"])
    database, stop = service.assistant.database, threading.Event()
    assert retention.delete_expired(database, then - timedelta(minutes=1), stop) == 0
    assert retention.delete_expired(database, then, stop) == 4
    with database.read() as session:
        assert session.scalars(select(ConversationRow.id)).all() == [kept["conversation_id"]]
        assert len(session.scalars(select(FeedbackRow.id)).all()) == 1
        assert len(session.scalars(select(TurnRow.id)).all()) == 2


@pytest.mark.parametrize(("query", "expected"), [("", set()), ("?include_probes=true", {"lab-doctor", "lab-journey"})])
def test_businesses_leave_probes_out_unless_the_query_includes_them(service, query: str, expected: set[str]) -> None:
    listed = service.client.get(f"/businesses{query}").get_json()["businesses"]
    assert {one["id"] for one in listed if one["id"].startswith("lab-")} == expected

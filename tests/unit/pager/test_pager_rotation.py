"""The rotation's file: who is on call at a moment, and that a wrong file is reported and pages no one less."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.settings import ROOT
from services.pager.oncall.rotation import WEEK, Plan, Rotation, lab_time
from tests.support.alerting.pager import Pager, notification
from tests.support.names import NAMES

MONDAY = datetime.fromtimestamp(50_400 * 30_000, UTC)
PEOPLE = "people: {ada: Ada, ben: Ben, cleo: Cleo}\n"


def at(lab_minutes: int) -> datetime:
    """So many minutes of lab time after a Monday."""
    return MONDAY + timedelta(seconds=5 * lab_minutes)


def level(*shifts: str, name: str = "first") -> str:
    rows = "".join(f"      - {{{shift}}}\n" for shift in shifts)
    return f"  - name: {name}\n    shifts:\n{rows}" if rows else f"  - {{name: {name}, shifts: []}}\n"


def read(tmp_path: Path, text: str) -> Plan:
    file = tmp_path / "rotation.yml"
    file.write_text(text)
    return Rotation(file).read()


def test_the_file_of_the_lab_names_one_person_at_every_moment() -> None:
    plan = Rotation(ROOT / "oncall" / "rotation.yml").read()
    assert plan.problems == ()
    assert plan.levels == 3
    for minute in range(0, WEEK, 30):
        for number in range(plan.levels):
            [_], fallback = plan.responders(number, at(minute))
            assert not fallback


def test_a_shift_ends_when_the_next_one_begins_and_goes_over_the_weeks_end(tmp_path: Path) -> None:
    shifts = ("person: ada, from: mon 08:00, to: wed 20:00", "person: ben, from: wed 20:00, to: mon 08:00")
    plan = read(tmp_path, PEOPLE + "levels:\n" + level(*shifts))
    assert plan.problems == ()
    wednesday = 2 * 1440 + 20 * 60
    for minute, who in [(0, "Ben"), (8 * 60 - 1, "Ben"), (8 * 60, "Ada"), (wednesday - 1, "Ada"), (wednesday, "Ben")]:
        assert plan.responders(0, at(minute)) == ((who,), False), minute
        assert plan.responders(0, at(minute + 7 * WEEK)) == ((who,), False), "each week is alike"
    duty = plan.duty(0, at(wednesday - 60))
    assert (duty.responders, duty.until, duty.next) == (("Ada",), at(wednesday), ("Ben",))
    assert lab_time(at(wednesday)) == "wed 20:00"


def test_who_is_alone_on_a_level_is_on_call_without_end(tmp_path: Path) -> None:
    duty = read(tmp_path, PEOPLE + "levels:\n" + level("person: ada, from: tue 12:00, to: tue 12:00")).duty(0, at(0))
    assert (duty.responders, duty.fallback, duty.until) == (("Ada",), False, None)


WHOLE = level("person: ada, from: mon 00:00, to: wed 00:00", "person: ben, from: wed 00:00, to: mon 00:00")


@pytest.mark.parametrize(
    ("shifts", "minute", "problem"),
    [
        (
            ("person: ada, from: mon 00:00, to: tue 12:00",),
            5000,
            "level 2 (second): no responder from tue 12:00 to mon 00:00",
        ),
        (
            ("person: cleo, from: mon 00:00, to: mon 00:00", "person: ada, from: tue 00:00, to: wed 00:00"),
            2000,
            "level 2 (second): Cleo and Ada at once from tue 00:00 to wed 00:00",
        ),
        (("person: zoe, from: mon 00:00, to: mon 00:00",), 0, "level 2 (second): `zoe` is not in `people`"),
        (
            ("person: ada, from: mon 8 am, to: mon 00:00",),
            0,
            "level 2 (second): `mon 8 am` is not a time of the lab week such as `mon 08:00`",
        ),
        (
            ("person: ada, from: mon 00:00, to: mon 24:01",),
            0,
            "level 2 (second): `mon 24:01` is not a time of the lab week such as `mon 08:00`",
        ),
        ((), 0, "level 2 (second): no shifts"),
    ],
    ids=["gap", "overlap", "unknown person", "unreadable time", "after midnight", "empty"],
)
def test_what_a_shift_does_wrong_is_reported_and_everybody_of_the_first_level_is_paged(
    tmp_path: Path, shifts: tuple[str, ...], minute: int, problem: str
) -> None:
    plan = read(tmp_path, PEOPLE + "levels:\n" + WHOLE + level(*shifts, name="second"))
    assert problem in plan.problems
    assert plan.responders(1, at(minute)) == (("Ada", "Ben"), True)
    assert plan.responders(0, at(minute))[1] is False, "another level is none the worse"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "`people:` and `levels:`"),
        (b"people: [\n", "line 2 is no YAML"),
        (b"a: b: c\n", "line 1 is no YAML"),
        (b"- 1\n", "`people:` and `levels:`"),
        (b"people: {ada: Ada}\n", "`levels`: field required"),
        (b"people: {}\nlevels: []\n", "`people`"),
        (b"people: {ada: Ada}\nlevels: [{name: x, shifts: [{person: ada}]}]\n", "`levels.0.shifts.0.from`"),
        (b"people: {ada: Ada}\nlevels: [{name: x, shift: []}]\n", "`levels.0.shifts`: field required"),
        (b"people: {ada: \xff}\n", "not UTF-8"),
        (b"people: {ada: \x00}\n", "no YAML"),
        (b"x" * 70_000, "larger than 65536 bytes"),
        (b"[" * 5_000, "no YAML"),
        (b"when: 9999-99-99\n", "no YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_in_words(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "rotation.yml"
    file.write_bytes(content)
    plan = Rotation(file).read()
    assert len(plan.problems) == 1
    assert problem in plan.problems[0]
    assert plan.responders(0, at(0)) == (("everyone",), True)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_on_call(tmp_path: Path, name: str) -> None:
    people = PEOPLE.replace("Ada", json.dumps(name, ensure_ascii=False))
    plan = read(tmp_path, people + "levels:\n" + WHOLE)
    assert plan.problems == ()
    assert plan.responders(0, at(0)) == ((name,), False)


@pytest.mark.parametrize(
    ("name", "shown"), [("A\x1bda", "A da"), ("A\u202eda", "Ada"), ("A\nda", "A da"), ("\u200d", "\u200d")]
)
def test_a_name_that_cannot_sign_is_reported_and_still_paged(tmp_path: Path, name: str, shown: str) -> None:
    people = PEOPLE.replace("Ada", json.dumps(name, ensure_ascii=False))
    plan = read(tmp_path, people + "levels:\n" + WHOLE)
    [problem] = plan.problems
    assert problem.startswith("`people.ada`: the name must ")
    assert plan.responders(0, at(0)) == ((shown,), False)


def test_a_missing_file_and_a_folder_in_its_place_are_reported(tmp_path: Path) -> None:
    assert "is missing" in Rotation(tmp_path / "rotation.yml").read().problems[0]
    assert "cannot be read" in Rotation(tmp_path).read().problems[0]


def test_it_is_read_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yml"
    file.write_text(PEOPLE + "levels:\n" + WHOLE)
    rotation = Rotation(file)
    assert rotation.read().responders(0, at(0))[0] == ("Ada",)
    file.write_text(PEOPLE + "levels:\n" + level("person: cleo, from: mon 00:00, to: mon 00:00"))
    assert rotation.read().responders(0, at(0))[0] == ("Cleo",)
    file.write_text("people: [")
    assert rotation.read().responders(0, at(0)) == (("Cleo",), True), "everybody of the last first level"


def test_what_is_wrong_is_a_metric_and_one_log_line_until_it_changes(pager: Pager) -> None:
    good = pager.rotation.read_text()
    pager.tick()
    assert pager.metric("pager_rotation_problems") == 0
    pager.rotation.write_text(good.replace("person: ben", "person: zoe"))
    pager.tick(20)
    pager.tick(40)
    assert pager.metric("pager_rotation_problems") == 2
    pager.rotation.write_text(good)
    pager.tick(60)
    assert pager.metric("pager_rotation_problems") == 0
    reported = [(line["event"], line["level"]) for line in pager.lines() if line["event"].startswith("rotation.")]
    assert reported == [("rotation.problems", "warning"), ("rotation.fixed", "info")]
    [line] = [line for line in pager.lines() if line["event"] == "rotation.problems"]
    assert "`zoe` is not in `people`" in line["message"]


def test_many_people_fit_the_database(pager: Pager) -> None:
    people = ", ".join(f"p{number}: {'x' * 50}{number}" for number in range(60))
    shifts = ", ".join(f"{{person: p{number}, from: mon 00:00, to: mon 00:00}}" for number in range(60))
    pager.rotation.write_text(f"people: {{{people}}}\nlevels: [{{name: first, shifts: [{shifts}]}}]\n")
    pager.send(notification())
    assert len(pager.incident()["responder"]) == 500


_SHIFTS = st.lists(
    st.tuples(st.sampled_from(["ada", "ben", "cleo", "zoe"]), st.integers(0, WEEK - 1), st.integers(0, WEEK - 1)),
    max_size=5,
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock(minute: int) -> str:
    return f"{_DAYS[minute // 1440]} {minute % 1440 // 60:02}:{minute % 60:02}"


@settings(max_examples=60, deadline=None)
@given(shifts=_SHIFTS, minute=st.integers(0, WEEK - 1))
def test_a_person_is_always_paged_and_a_change_is_where_it_is_said_to_be(
    tmp_path_factory: pytest.TempPathFactory, shifts: list[tuple[str, int, int]], minute: int
) -> None:
    rows = [f"person: {person}, from: {_clock(start)}, to: {_clock(end)}" for person, start, end in shifts]
    plan = read(tmp_path_factory.mktemp("rotation"), PEOPLE + "levels:\n" + level(*rows))
    responders, fallback = plan.responders(0, at(minute))
    assert responders
    held = {
        person
        for person, start, end in shifts
        if person != "zoe" and (minute - start) % WEEK < ((end - start) % WEEK or WEEK)
    }
    assert fallback is (len(held) != 1)
    if fallback:
        assert plan.problems
    duty = plan.duty(0, at(minute))
    if duty.until is not None:
        assert plan.responders(0, duty.until)[0] == duty.next != responders
        assert plan.responders(0, duty.until - timedelta(seconds=1))[0] == responders

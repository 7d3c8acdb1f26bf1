"""The catalogue holds whole exercises only, and a learner's session is a file that survives."""

import shutil
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.exercises import catalogue, session

ROOT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy that may be broken."""
    shutil.copytree(ROOT / "exercises" / "follow-one-request", tmp_path / "exercises" / "follow-one-request")
    return tmp_path


def test_the_exercises_are_whole_and_in_order() -> None:
    exercises = catalogue.load(ROOT)
    assert [one.order for one in exercises] == list(range(1, len(exercises) + 1))
    for one in exercises:
        assert len(one.hints()) >= 3
        assert one.minutes > 0
        for heading in ("## Story", "## Goal", "## What to do", "## Where to look"):
            assert heading in one.text("README.md")


def test_hints_do_not_hold_more_than_one_section_each() -> None:
    hints = catalogue.get(ROOT, "follow-one-request").hints()
    assert all(hint.startswith("## ") and hint.count("## ") == 1 for hint in hints)


def test_an_exercise_is_found_by_name_or_number_and_the_nearest_is_offered() -> None:
    assert catalogue.get(ROOT, "1").name == "follow-one-request"
    with pytest.raises(LabError) as caught:
        catalogue.get(ROOT, "folow-one-requst")
    assert (caught.value.exit_code, "Did you mean `follow-one-request`?" in caught.value.remedy) == (2, True)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("order = 1", "", "`order` is missing"),
        ("order = 1", 'order = "1"', "`order` must be a int"),
        ("minutes = 15", "minutes = 15\ncolour = 3", "`colour` is not known"),
        ("minutes = 15", "minutes = ", "line 5"),
    ],
)
def test_a_broken_description_is_named(root: Path, before: str, after: str, message: str) -> None:
    file = root / "exercises" / "follow-one-request" / "exercise.toml"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(LabError) as caught:
        catalogue.load(root)
    assert str(file) in caught.value.message
    assert message in caught.value.message


def test_a_missing_part_is_named(root: Path) -> None:
    (root / "exercises" / "follow-one-request" / "hints.md").unlink()
    with pytest.raises(LabError, match=r"hints\.md is missing"):
        catalogue.load(root)


def test_a_session_is_kept_and_forgotten(tmp_path: Path) -> None:
    assert session.load(tmp_path, "x") is None
    own = session.new("x", seed=5)
    own.values, own.answers = {"reference": "ref-1"}, {"tool": "none"}
    session.save(tmp_path, own)
    assert session.load(tmp_path, "x") == own
    assert session.delete(tmp_path, "x")
    assert not session.delete(tmp_path, "x")
    assert session.load(tmp_path, "x") is None


def test_a_broken_session_says_how_to_start_again(tmp_path: Path) -> None:
    session.save(tmp_path, session.new("x"))
    session.path_for(tmp_path, "x").write_text("{")
    with pytest.raises(LabError) as caught:
        session.load(tmp_path, "x")
    assert "lab exercise start x" in caught.value.remedy

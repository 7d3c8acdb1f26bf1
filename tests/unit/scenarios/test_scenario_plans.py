"""Plans come from the seed alone; the catalogue finds every scenario and hides none behind a broken one."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from loadtest.scenarios import catalogue as package
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import Fault, Scenario, Stage, users_at
from loadtest.users import grammar
from loadtest.users.personas import sessions


class Drawn(Scenario):
    name = "drawn"
    summary = "A fault comes at a drawn second."
    faults = (Fault("model", "errors", at=(3, 60), duration=10),)
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 2), Stage(10, 12))
    quick_shape = (Stage(0, 4),)


def test_the_same_seed_gives_the_same_plan_and_another_another() -> None:
    assert Drawn.plan(1) == Drawn.plan(1)
    assert len({Drawn.plan(seed).faults[0].at for seed in range(10)}) > 5
    assert all(3 <= Drawn.plan(seed).faults[0].at <= 60 for seed in range(50))


def test_the_same_seed_gives_each_person_the_same_visits() -> None:
    def first(seed: int, person: str) -> list[object]:
        return list(itertools.islice(sessions(seed, person), 20))

    assert first(1, "steady-0") == first(1, "steady-0")
    assert first(1, "steady-0") != first(2, "steady-0")
    assert first(1, "steady-0") != first(1, "steady-1")


def test_the_number_of_users_follows_the_stages() -> None:
    stages = Drawn.shape
    assert [users_at(stages, second) for second in (-1, 0, 5, 10, 100)] == [2, 2, 7, 12, 12]
    assert users_at((), 5) == 0


def test_quick_and_users_change_the_shape() -> None:
    assert Drawn.plan(1, quick=True).stages == (Stage(0, 4),)
    assert Drawn.plan(1, users=24).stages == (Stage(0, 4), Stage(10, 24))
    nothing = Drawn.plan(1, users=0)
    assert (nothing.weights, nothing.stages) == ({}, ())


def test_a_scenario_without_users_gets_customers_when_some_are_asked_for() -> None:
    steady = registry.get("steady")
    assert steady.plan(1).weights == {}
    plan = steady.plan(1, users=3)
    assert (plan.weights, users_at(plan.stages, 5)) == ({"Customer": 1}, 3)


def test_every_scenario_says_what_it_is_for() -> None:
    found, broken = registry.find()
    assert broken == []
    assert {"steady", "provider-outage"} <= set(found)
    for name, scenario in found.items():
        assert scenario.summary.endswith(".")
        assert scenario.plan(1).expected.effects, name
        assert all(fault.duration <= 3600 for fault in scenario.faults)
        assert not set(scenario.expected_alerts) & set(scenario.allowed_alerts)
        if scenario.expected_alerts:
            assert {"prometheus", "alertmanager", "pager"} <= set(scenario.needs)


def test_an_unknown_name_is_offered_the_nearest() -> None:
    with pytest.raises(registry.UnknownScenarioError) as caught:
        registry.get("provider-outge")
    assert caught.value.nearest == "provider-outage"
    with pytest.raises(registry.UnknownScenarioError) as caught:
        registry.get("xyzzy")
    assert caught.value.nearest is None


def test_a_broken_file_is_named_and_hides_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no_syntax.py").write_text('"""x"""\n\nclass Broken(\n')
    (tmp_path / "no_import.py").write_text('"""x"""\nimport nothing_of_that_name\n')
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    found, broken = registry.find()
    assert {"steady", "provider-outage"} <= set(found)
    assert {(one.file, one.line) for one in broken} == {
        ("loadtest/scenarios/catalogue/no_syntax.py", 3),
        ("loadtest/scenarios/catalogue/no_import.py", 2),
    }
    assert any("nothing_of_that_name" in one.reason for one in broken)


def test_sentences_come_from_the_number_and_fit_the_kind() -> None:
    assert grammar.opening("dentist", 7) == grammar.opening("dentist", 7)
    openings = {grammar.opening("hair", number) for number in range(300)}
    assert len(openings) > 50
    assert all("{" not in sentence for sentence in openings)
    turns = {grammar.choosing(turn, 1) for turn in range(1, 5)}
    assert len(turns) > 1


def test_scenarios_can_be_read_without_starting_locust() -> None:
    code = "import sys; from loadtest.scenarios import registry; registry.find(); print('locust' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
